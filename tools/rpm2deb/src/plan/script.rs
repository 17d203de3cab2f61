//! RPM's scriptlets as Debian maintainer scripts.
//!
//! Theory of operation: [`calls`] says which call of dpkg runs which scriptlet with which `$1`; [`wrapper`] writes the
//! scripts from that table; each scriptlet travels as a here-document to its own interpreter ([`body`]). What rpm does
//! itself without a scriptlet goes into the same scripts: users ([`sysusers`]), owners and capabilities ([`owner`]),
//! `%ghost` files ([`ghost`]). ldconfig is left to libc-bin's trigger ([`ldconfig`]).
//!
//! Everything from the package is hostile: names are checked, words quoted, texts that cannot be carried over refused.

mod bashism;
mod body;
mod calls;
mod foreign;
mod ghost;
mod interpreter;
mod ldconfig;
mod owner;
mod quote;
mod sysusers;
mod trigger;
mod words;
mod wrapper;

use std::collections::BTreeSet;

use crate::error::Error;
use crate::event::Notice;
use crate::printable::printable;
use crate::rpm::package::{Package, Scriptlet, Slot};
use crate::tree::TreePath;

pub use calls::{Call, OnFailure, Script, Step, When, table};

/// What becomes of scriptlets: `--scripts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Run when and as rpm would run them.
    #[default]
    Translate,
    /// Each becomes the maintainer script of the same time, with dpkg's arguments.
    Verbatim,
    /// Left out, each with a warning.
    Drop,
}

/// What the scripts are planned from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The RPM.
    pub package: &'a Package,
    /// What becomes of scriptlets.
    pub mode: Mode,
    /// Name of the Debian package.
    pub debian_name: &'a str,
    /// What the file plan found.
    pub facts: &'a InstallFacts,
}

/// What maintainer scripts must care for that is not a scriptlet. Paths are the final ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstallFacts {
    /// Files that data.tar ships as root's, without setuid and setgid bits, and that shall be otherwise.
    pub owned: Vec<OwnedPath>,
    /// File capabilities, in the form of cap_from_text(3).
    pub capabilities: Vec<(TreePath, String)>,
    /// `%ghost` files.
    pub ghosts: Vec<Ghost>,
    /// Lines of sysusers.d(5), from shipped files and from `Provides: user(x) = BASE64`.
    pub sysusers: Vec<String>,
    /// A library is in a directory that ldconfig looks at.
    pub has_shared_library: bool,
}

/// A file with an owner other than root, or with a setuid or setgid bit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OwnedPath {
    pub path: TreePath,
    pub user: String,
    pub group: String,
    /// Permission bits, 07777.
    pub mode: u32,
}

/// A `%ghost` file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Ghost {
    pub path: TreePath,
    pub is_directory: bool,
}

/// The scripts of the Debian package, and what they need. `None` where nothing is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // dpkg's names of control files
pub struct MaintainerScripts {
    pub preinst: Option<Vec<u8>>,
    pub postinst: Option<Vec<u8>>,
    pub prerm: Option<Vec<u8>>,
    pub postrm: Option<Vec<u8>>,
    pub triggers: Option<Vec<u8>>,
    /// Packages that the preinst needs, in the form of the Pre-Depends field; sorted.
    pub pre_depends: Vec<String>,
    /// Packages that the other scripts need; sorted, none of `pre_depends`.
    pub depends: Vec<String>,
}

/// Relations that add up while the scripts are planned.
#[derive(Debug, Default)]
struct Tally {
    pre_depends: BTreeSet<String>,
    depends: BTreeSet<String>,
}

impl Tally {
    fn need(&mut self, slot: Slot, package: &str) {
        let set = if interpreter::runs_before_unpacking(slot) { &mut self.pre_depends } else { &mut self.depends };
        set.insert(package.to_owned());
    }
}

/// Plans the maintainer scripts. Refuses scriptlets that Debian cannot run, and names and lines that are not what they
/// should be; reports what is lost or changed.
pub fn plan(request: &Request) -> Result<(MaintainerScripts, Vec<Notice>), Error> {
    check_debian_name(request.debian_name)?;
    owner::check(request.facts)?;
    let (mut notices, mut tally) = (Vec::new(), Tally::default());
    let (running, calls_ldconfig) = select(request, &mut notices)?;
    let scriptlets = prepare(request, &running, &mut tally, &mut notices)?;
    trigger::report(&request.package.triggers, &mut notices);
    let accounts = sysusers::parse(&request.facts.sysusers, &mut notices)?;
    owner::warn_of_missing(request.facts, &accounts, &running, &mut notices);
    if !accounts.is_empty() {
        tally.pre_depends.insert("passwd".to_owned());
    }
    if !request.facts.capabilities.is_empty() {
        tally.depends.insert("libcap2-bin".to_owned());
    }
    let parts = wrapper::Parts {
        debian_name: request.debian_name,
        rpm_name: rpm_name(request.package),
        scriptlets,
        prefixes: checked_prefixes(request.package)?,
        accounts,
        facts: request.facts,
        ghosts: ghost::select(&request.facts.ghosts, &mut notices)?,
        is_verbatim: request.mode == Mode::Verbatim,
    };
    let wants_ldconfig = calls_ldconfig || request.facts.has_shared_library;
    Ok((finish(&parts, wants_ldconfig, tally), notices))
}

fn finish(parts: &wrapper::Parts, wants_ldconfig: bool, tally: Tally) -> MaintainerScripts {
    MaintainerScripts {
        preinst: wrapper::script(parts, Script::PreInst),
        postinst: wrapper::script(parts, Script::PostInst),
        prerm: wrapper::script(parts, Script::PreRm),
        postrm: wrapper::script(parts, Script::PostRm),
        triggers: wants_ldconfig.then(|| b"activate-noawait ldconfig\n".to_vec()),
        depends: tally.depends.difference(&tally.pre_depends).cloned().collect(),
        pre_depends: tally.pre_depends.into_iter().collect(),
    }
}

/// The scriptlets that will run, and whether others only call ldconfig.
fn select<'a>(request: &Request<'a>, notices: &mut Vec<Notice>) -> Result<(Vec<&'a Scriptlet>, bool), Error> {
    let mut running: Vec<&Scriptlet> = Vec::new();
    let mut calls_ldconfig = false;
    for scriptlet in &request.package.scriptlets {
        let name = scriptlet.slot.name();
        match ldconfig::effect(&scriptlet.interpreter, scriptlet.body.as_deref()) {
            ldconfig::Effect::Nothing => continue,
            ldconfig::Effect::OnlyLdconfig => {
                calls_ldconfig = true;
                notices.push(Notice::note("scriptlet-ldconfig", name, "calls ldconfig; libc-bin's trigger does that"));
                continue;
            }
            ldconfig::Effect::Other => {}
        }
        if scriptlet.slot == Slot::Verify {
            let text = "is left out: Debian has nothing like rpm --verify that would run it";
            notices.push(Notice::note("scriptlet-dropped", name, text));
        } else if request.mode == Mode::Drop {
            notices.push(Notice::warning("scriptlet-dropped", name, "is left out, as --scripts drop asks"));
        } else if running.iter().any(|other| other.slot == scriptlet.slot) {
            return Err(Error::refused(name, "occurs twice in the header; rpm would not have made that"));
        } else {
            running.push(scriptlet);
        }
    }
    Ok((running, calls_ldconfig))
}

fn prepare<'a>(
    request: &Request,
    running: &[&'a Scriptlet],
    tally: &mut Tally,
    notices: &mut Vec<Notice>,
) -> Result<Vec<body::Ready<'a>>, Error> {
    let mut scriptlets = Vec::new();
    for scriptlet in running {
        interpreter::check(scriptlet)?;
        check_body(scriptlet)?;
        let command = interpreter::command(scriptlet, notices);
        interpreter::require(request.package, scriptlet.slot, &command, tally, notices);
        if let Some(body) = scriptlet.body.as_deref().filter(|_| interpreter::is_shell(&command)) {
            foreign::look(scriptlet.slot, body, tally, notices);
        }
        scriptlets.push(body::Ready { slot: scriptlet.slot, command, body: scriptlet.body.as_deref() });
    }
    Ok(scriptlets)
}

/// Refuses texts that need rpm itself, and NUL bytes, which a shell script cannot hold.
fn check_body(scriptlet: &Scriptlet) -> Result<(), Error> {
    let name = scriptlet.slot.name();
    let advice = "use --scripts drop and write what it does into debian/ by a patch";
    let Some(body) = scriptlet.body.as_deref() else { return Ok(()) };
    if scriptlet.flags & Scriptlet::QUERYFORMAT != 0 {
        return Err(Error::refused(name, format!("is a query format (-q), which only rpm can fill in; {advice}")));
    }
    if scriptlet.flags & Scriptlet::EXPAND != 0 && body.contains(&b'%') {
        return Err(Error::refused(name, format!("holds macros (-e), which only rpm can expand; {advice}")));
    }
    if body.contains(&0) {
        return Err(Error::refused(name, format!("holds NUL bytes, which no scriptlet can; {advice}")));
    }
    Ok(())
}

fn checked_prefixes(package: &Package) -> Result<&[String], Error> {
    match package.prefixes.iter().find(|prefix| prefix.chars().any(char::is_control)) {
        Some(prefix) => {
            Err(Error::refused("Prefixes", format!("'{}' has control characters", printable(prefix.as_bytes()))))
        }
        None => Ok(&package.prefixes),
    }
}

/// Debian Policy 5.6.7. The name becomes part of shell text and of a file name, so this is checked here again.
fn check_debian_name(name: &str) -> Result<(), Error> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let starts_right = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if name.len() >= 2 && starts_right && name.bytes().all(is_part) {
        return Ok(());
    }
    Err(Error::refused("package name", format!("'{}' is not a name of a Debian package", printable(name.as_bytes()))))
}

/// Paths have passed the file plan; a control character in a shell script would be a bug there.
fn check_path(path: &[u8]) -> Result<(), Error> {
    let has_control = path.iter().any(u8::is_ascii_control);
    if path.is_empty()
        || path.starts_with(b"/")
        || has_control
        || path.split(|&byte| byte == b'/').any(|part| part == b"..")
    {
        return Err(Error::refused(printable(path), "is not a plain path inside the package"));
    }
    Ok(())
}

fn rpm_name(package: &Package) -> String {
    let release = package.evr.release.as_deref().unwrap_or_default();
    printable(format!("{}-{}-{release}.{}", package.name, package.evr.version, package.arch).as_bytes())
}

#[cfg(test)]
mod tests;
