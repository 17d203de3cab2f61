//! debian/: the files that say what a package is, between the plan that makes them and the archive that takes them.
//!
//! Each file has one destination: a member of control.tar, a document below /usr/share, or none (the manifest). This is
//! the directory that `unpack` writes, patches change and `build` reads.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::archive::ControlMember;
use super::control::Stanza;
use crate::error::Error;
use crate::event::Notice;
use crate::inspect::Observed;
use crate::plan::path::implied_directory;
use crate::printable::printable;
use crate::tree::{Entry, EntryKind, Sink};

/// The binary package's control file.
pub const CONTROL: &str = "control";
/// Owners, modes and devices of the tree, in mtree(5) form; written by `unpack`, read by `build`.
pub const MANIFEST: &str = "manifest.mtree";
/// MD5 sums; always computed anew, so that edited files have right ones.
pub const MD5SUMS: &str = "md5sums";

/// Where a file of debian/ goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destination {
    /// control.tar, with this mode.
    Control(u32),
    /// /usr/share/doc/PACKAGE, compressed as policy 12.7 wants changelogs, under this name.
    GzippedDocument(&'static str),
    /// /usr/share/doc/PACKAGE, as it is.
    Document(&'static str),
    /// /usr/share/lintian/overrides/PACKAGE.
    LintianOverrides,
    /// Stays in debian/.
    Own,
}

const DESTINATIONS: [(&str, Destination); 17] = [
    (CONTROL, Destination::Control(0o644)),
    ("conffiles", Destination::Control(0o644)),
    ("config", Destination::Control(0o755)),
    (MD5SUMS, Destination::Control(0o644)),
    ("postinst", Destination::Control(0o755)),
    ("postrm", Destination::Control(0o755)),
    ("preinst", Destination::Control(0o755)),
    ("prerm", Destination::Control(0o755)),
    ("shlibs", Destination::Control(0o644)),
    ("symbols", Destination::Control(0o644)),
    ("templates", Destination::Control(0o644)),
    ("triggers", Destination::Control(0o644)),
    ("changelog", Destination::GzippedDocument("changelog.Debian.gz")),
    ("upstream-changelog", Destination::GzippedDocument("changelog.gz")),
    ("copyright", Destination::Document("copyright")),
    ("lintian-overrides", Destination::LintianOverrides),
    (MANIFEST, Destination::Own),
];

/// The files of debian/ by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DebianDir {
    files: BTreeMap<String, Vec<u8>>,
}

/// Name, version and architecture, as the (perhaps patched) control file has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Package.
    pub name: String,
    /// Version, with its epoch.
    pub version: String,
    /// Architecture.
    pub arch: String,
}

impl Identity {
    /// `librtas_1.3.6-4_powerpc.deb`: the version without its epoch, as dpkg-deb names files.
    pub fn file_name(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest);
        format!("{}_{version}_{}.deb", self.name, self.arch)
    }
}

impl DebianDir {
    /// Puts a file in, or takes it out if it is empty.
    pub fn put(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        let content = content.into();
        if content.is_empty() {
            self.files.remove(name);
        } else {
            self.files.insert(name.to_owned(), content);
        }
    }

    /// A file's content.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Whether the file is there.
    pub fn contains(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Takes a file out.
    pub fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name)
    }

    /// All files by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// Permissions of a file of this name in debian/: scripts are executable.
    pub fn mode(name: &str) -> u32 {
        match destination(name) {
            Some(Destination::Control(mode)) => mode,
            _ => 0o644,
        }
    }

    /// The control file's stanza.
    pub fn control(&self) -> Result<Stanza, Error> {
        let text = self.get(CONTROL).ok_or_else(|| Error::malformed("debian/control", "is missing"))?;
        let text = std::str::from_utf8(text).map_err(|_| Error::malformed("debian/control", "is not UTF-8"))?;
        Stanza::parse(text)
    }

    /// Reads name, version and architecture, and refuses what dpkg would not take or what could not be a file name.
    pub fn identity(&self) -> Result<Identity, Error> {
        let control = self.control()?;
        let field = |name: &str, is_valid: fn(char) -> bool| -> Result<String, Error> {
            let value = control.get(name).unwrap_or("");
            if value.is_empty() || !value.chars().all(is_valid) || value.starts_with(['.', '-']) {
                return Err(Error::malformed(
                    "debian/control",
                    format!("has the {name} '{}', which dpkg does not accept", printable(value.as_bytes())),
                ));
            }
            Ok(value.to_owned())
        };
        Ok(Identity {
            name: field("Package", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))?,
            version: field("Version", |c| c.is_ascii_alphanumeric() || ".+-:~".contains(c))?,
            arch: field("Architecture", |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')?,
        })
    }

    /// Sends the documents to the package's tree. `taken` says which paths the package has already: those stay.
    pub fn emit_documents(
        &self,
        package: &str,
        mtime: u64,
        taken: &dyn Fn(&[u8]) -> bool,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Notice>, Error> {
        let mut notices = Vec::new();
        for (name, content) in self.iter() {
            let (path, content) = match destination(name) {
                Some(Destination::Document(document)) => {
                    (format!("usr/share/doc/{package}/{document}"), content.to_vec())
                }
                Some(Destination::GzippedDocument(document)) => {
                    (format!("usr/share/doc/{package}/{document}"), gzip(content))
                }
                Some(Destination::LintianOverrides) => {
                    (format!("usr/share/lintian/overrides/{package}"), content.to_vec())
                }
                Some(Destination::Control(_) | Destination::Own) => continue,
                None => {
                    notices.push(Notice::warning(
                        "debian-file-unused",
                        format!("debian/{}", printable(name.as_bytes())),
                        "is no file that goes into a binary package: not used",
                    ));
                    continue;
                }
            };
            if taken(path.as_bytes()) {
                notices.push(Notice::warning(
                    "document-not-added",
                    printable(path.as_bytes()),
                    format!("comes from the RPM itself, debian/{name} is not added"),
                ));
                continue;
            }
            let kind = EntryKind::Regular { size_bytes: content.len() as u64 };
            let entry = Entry { path: path.into_bytes(), kind, mode: 0o644, ..implied_directory(b"", mtime) };
            sink.entry(&entry, &mut content.as_slice())?;
        }
        Ok(notices)
    }

    /// Members of control.tar: `control` with its Installed-Size, `conffiles` and `md5sums` follow what was observed.
    pub fn control_members(&self, observed: &Observed) -> Result<Vec<ControlMember>, Error> {
        let mut control = self.control()?;
        control.set_before("Description", "Installed-Size", observed.installed_kib.to_string());
        let mut computed = self.clone();
        computed.put(CONTROL, control.to_string());
        let conffiles = conffiles(observed, self.get("conffiles").unwrap_or_default());
        computed.put(MD5SUMS, md5sums(observed, &conffiles));
        computed.put("conffiles", conffiles);
        let members = computed.files.into_iter().filter_map(|(name, content)| match destination(&name) {
            Some(Destination::Control(mode)) => Some(ControlMember { name, mode, content }),
            _ => None,
        });
        Ok(members.collect())
    }
}

fn destination(name: &str) -> Option<Destination> {
    DESTINATIONS.iter().find(|(known, _)| *known == name).map(|(_, destination)| *destination)
}

/// The listed conffiles that exist, and every other file in /etc, as debhelper would have it: patches and editors add and
/// remove files, and dpkg-deb refuses a list that names what is not there.
fn conffiles(observed: &Observed, listed: &[u8]) -> Vec<u8> {
    let exists = |line: &&[u8]| {
        // "remove-on-upgrade /etc/x" (deb-conffiles(5)) names a file that shall be gone.
        !line.starts_with(b"/") || line.get(1..).is_some_and(|path| observed.md5.contains_key(path))
    };
    let mut lines: Vec<Vec<u8>> = listed
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .filter(exists)
        .map(<[u8]>::to_vec)
        .collect();
    for path in observed.md5.keys().filter(|path| path.starts_with(b"etc/") && !path.ends_with(b" ")) {
        let line = [b"/", path.as_slice()].concat();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect()
}

/// `SUM  PATH` per regular file, sorted, without conffiles, as dh_md5sums(1) makes it.
pub fn md5sums(observed: &Observed, conffiles: &[u8]) -> Vec<u8> {
    let conffiles: Vec<&[u8]> = conffiles.split(|byte| *byte == b'\n').collect();
    let mut text = Vec::new();
    for (path, sum) in &observed.md5 {
        if conffiles.contains(&[b"/", path.as_slice()].concat().as_slice()) {
            continue;
        }
        text.extend_from_slice(sum.as_bytes());
        text.extend_from_slice(b"  ");
        text.extend_from_slice(path);
        text.push(b'\n');
    }
    text
}

/// gzip -9n.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    // Writing to memory does not fail; if it ever did, the text itself is the better document.
    written.unwrap_or_else(|_: io::Error| content.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conffiles_follow_the_files_that_are_there() {
        let paths: [&[u8]; 4] = [b"etc/kept", b"etc/added", b"opt/x.conf", b"usr/bin/x"];
        let mut observed = Observed::default();
        observed.md5.extend(paths.map(|path| (path.to_vec(), String::new())));
        let listed = b"/etc/gone\n/etc/kept\n/opt/x.conf\nremove-on-upgrade /etc/old\n";
        let expected = "/etc/kept\n/opt/x.conf\nremove-on-upgrade /etc/old\n/etc/added\n";
        assert_eq!(String::from_utf8_lossy(&conffiles(&observed, listed)), expected);
    }
}
