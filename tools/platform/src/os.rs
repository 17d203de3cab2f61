//! The operating system's name and version as a person wants them: `Linux/Debian 13, 6.12.43+deb13-powerpc64le`.
//!
//! A console that has to show "Unknown" is of no help, so there is always an answer; the answer says what it was taken from.
//! Sources in their order: `/etc/os-release`, `/usr/lib/os-release` (os-release(5)), `/etc/debian_version`, the kernel's own
//! version text (`#1 SMP Debian 6.12.43-1`), the kernel's release.

use std::fmt;

use serde::Serialize;
use sysroot::{Sysroot, Uname};

use crate::error::Result;

/// Names that people shorten.
const SHORT_NAMES: [(&str, &str); 6] = [
    ("debian", "Debian"),
    ("ubuntu", "Ubuntu"),
    ("rhel", "Red Hat"),
    ("sles", "SuSE"),
    ("sled", "SuSE"),
    ("fedora", "Fedora"),
];

/// What runs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatingSystem {
    /// `Linux/Debian`; `Linux` alone when nothing tells the distribution.
    pub name: String,
    /// `13`, `trixie/sid`; the kernel's release when nothing else tells a version.
    pub version: String,
    /// `6.12.43+deb13-powerpc64le`.
    pub kernel: String,
    /// What the name was taken from.
    pub name_from: Source,
    /// What the version was taken from.
    pub version_from: Source,
}

/// Where a name or a version comes from, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `/etc/os-release` or `/usr/lib/os-release`.
    OsRelease,
    /// `/etc/debian_version`.
    DebianVersion,
    /// The kernel says which distribution built it.
    KernelVersion,
    /// Nothing but the kernel is known.
    Kernel,
}

impl fmt::Display for OperatingSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.version == self.kernel {
            return write!(f, "{}, {}", self.name, self.kernel);
        }
        write!(f, "{} {}, {}", self.name, self.version, self.kernel)
    }
}

/// What the system says about itself, as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Text of os-release.
    pub os_release: Option<&'a str>,
    /// Text of `/etc/debian_version`.
    pub debian_version: Option<&'a str>,
    /// The kernel's name.
    pub uname: &'a Uname,
}

/// Reads what there is.
pub fn read(sysroot: &Sysroot) -> Result<OperatingSystem> {
    let os_release = match sysroot.read_text_if_present("etc/os-release")? {
        Some(text) => Some(text),
        None => sysroot.read_text_if_present("usr/lib/os-release")?,
    };
    let debian_version = sysroot.read_text_if_present("etc/debian_version")?;
    let uname = sysroot.uname()?;
    Ok(decide(Told { os_release: os_release.as_deref(), debian_version: debian_version.as_deref(), uname: &uname }))
}

/// Chooses the best of what was told.
pub fn decide(told: Told<'_>) -> OperatingSystem {
    let field = |name: &str| told.os_release.and_then(|text| os_release_field(text, name));
    let debian_version = told.debian_version.map(str::trim).filter(|version| !version.is_empty());
    let (distribution, name_from) = match field("ID") {
        Some(id) => (Some(short_name(&id, field("NAME"))), Source::OsRelease),
        None if debian_version.is_some() => (Some("Debian".to_owned()), Source::DebianVersion),
        None if told.uname.version.contains("Debian") => (Some("Debian".to_owned()), Source::KernelVersion),
        None => (None, Source::Kernel),
    };
    let kernel = kernel_release(told.uname);
    // Debian testing and unstable have no VERSION_ID; `/etc/debian_version` says `forky/sid` there.
    let is_debian = distribution.as_deref() == Some("Debian");
    let (version, version_from) = match (field("VERSION_ID"), debian_version, field("VERSION_CODENAME")) {
        (Some(version), _, _) => (version, Source::OsRelease),
        (None, Some(version), _) if is_debian => (version.to_owned(), Source::DebianVersion),
        (None, _, Some(codename)) => (codename, Source::OsRelease),
        _ => (kernel.clone(), Source::Kernel),
    };
    let name = distribution.map_or_else(|| system(told.uname), |name| format!("{}/{name}", system(told.uname)));
    OperatingSystem { name, version, kernel, name_from, version_from }
}

/// `ID` is made for programs, `NAME` for people; long names have a shorter one.
fn short_name(id: &str, name: Option<String>) -> String {
    if let Some((_, short)) = SHORT_NAMES.iter().find(|(known, _)| *known == id) {
        return (*short).to_owned();
    }
    let name = name.unwrap_or_else(|| id.to_owned());
    let short = name.strip_suffix(" GNU/Linux").or_else(|| name.strip_suffix(" Linux")).unwrap_or(&name);
    short.to_owned()
}

fn system(uname: &Uname) -> String {
    if uname.system.is_empty() { "Linux".to_owned() } else { uname.system.clone() }
}

/// A recorded machine may lack even this.
fn kernel_release(uname: &Uname) -> String {
    if uname.release.is_empty() { "release not told".to_owned() } else { uname.release.clone() }
}

/// A field of os-release(5): shell assignments, quoted or not. An empty value counts as absent.
fn os_release_field(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix('='))?;
    Some(unquoted(value.trim())).filter(|value| !value.is_empty())
}

fn unquoted(value: &str) -> String {
    let single = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    if let Some(verbatim) = single {
        return verbatim.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let mut result = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        result.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uname(release: &str, version: &str) -> Uname {
        Uname {
            system: "Linux".into(),
            node: "lpar1".into(),
            release: release.into(),
            version: version.into(),
            machine: "ppc64le".into(),
        }
    }

    #[test]
    fn every_system_has_a_name_and_a_version() {
        let trixie =
            "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"13\"\nID=debian\n";
        let sid = "NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=forky\nID=debian\n";
        let suse = "NAME=\"SLES\"\nVERSION_ID='15.6'\nID=\"sles\"\n";
        let other = "NAME=\"Void Linux\"\nID=void\n";
        let cases = [
            (Some(trixie), Some("13.1\n"), "Linux/Debian 13, 6.12.43", Source::OsRelease, Source::OsRelease),
            (
                Some(sid),
                Some("forky/sid\n"),
                "Linux/Debian forky/sid, 6.12.43",
                Source::OsRelease,
                Source::DebianVersion,
            ),
            (Some(sid), None, "Linux/Debian forky, 6.12.43", Source::OsRelease, Source::OsRelease),
            (Some(suse), None, "Linux/SuSE 15.6, 6.12.43", Source::OsRelease, Source::OsRelease),
            (Some(other), None, "Linux/Void, 6.12.43", Source::OsRelease, Source::Kernel),
            (None, Some("12.5\n"), "Linux/Debian 12.5, 6.12.43", Source::DebianVersion, Source::DebianVersion),
            (None, None, "Linux, 6.12.43", Source::Kernel, Source::Kernel),
            (Some("ID=\n"), Some("\n"), "Linux, 6.12.43", Source::Kernel, Source::Kernel),
        ];
        for (os_release, debian_version, expected, name_from, version_from) in cases {
            let found = decide(Told { os_release, debian_version, uname: &uname("6.12.43", "#1 SMP") });
            assert_eq!(found.to_string(), expected);
            assert_eq!((found.name_from, found.version_from), (name_from, version_from), "{expected}");
        }
    }

    #[test]
    fn the_kernel_of_the_article_gives_a_name_even_without_any_file() {
        let article = uname("3.2.0-0.bpo.4.ssb.1-powerpc64", "#1 SMP Debian 3.2.54-2~bpo60+1");
        let found = decide(Told { os_release: None, debian_version: None, uname: &article });
        assert_eq!(found.to_string(), "Linux/Debian, 3.2.0-0.bpo.4.ssb.1-powerpc64");
        assert_eq!(found.name_from, Source::KernelVersion);
    }

    #[test]
    fn quoting_is_the_shells() {
        let text = "A=\"a \\\"b\\\" \\$c\"\nB='x\\y'\nC=plain\nAB=no\n";
        assert_eq!(os_release_field(text, "A").as_deref(), Some("a \"b\" $c"));
        assert_eq!(os_release_field(text, "B").as_deref(), Some("x\\y"));
        assert_eq!(os_release_field(text, "C").as_deref(), Some("plain"));
        assert_eq!(os_release_field(text, "D"), None);
    }

    proptest! {
        /// The article's "powerUnknown, Unknown" cannot happen, whatever the files say.
        #[test]
        fn nothing_is_ever_unknown_or_empty(
            os_release in prop::option::of("([A-Z_]{2,10}=[a-z\"' ]{0,8}\n|(ID|NAME|VERSION_ID)=\"?[a-z0-9]{0,3}\"?\n){0,6}"),
            debian_version in prop::option::of("[a-z0-9./]{0,6}\n?"),
            release in "[0-9.]{0,6}", version in "(#1 SMP |Debian ){0,2}",
        ) {
            let uname = uname(&release, &version);
            let told = Told { os_release: os_release.as_deref(), debian_version: debian_version.as_deref(), uname: &uname };
            let found = decide(told);
            prop_assert!(!found.name.is_empty() && !found.version.is_empty() && !found.kernel.is_empty());
            prop_assert!(!found.to_string().contains("nknown"));
        }
    }
}
