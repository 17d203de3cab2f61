//! The program that runs a scriptlet: which ones are accepted, which Debian package has them, and when `/bin/sh` must
//! be bash.

use super::Tally;
use super::bashism::bashism;
use crate::error::Error;
use crate::event::Notice;
use crate::printable::printable;
use crate::rpm::package::{Package, Scriptlet, Slot};

/// Programs in a `bin` or `sbin` directory and the package that brings them; an empty name is Essential.
const PACKAGES: &[(&str, &str)] = &[
    ("awk", ""),
    ("bash", ""),
    ("busybox", "busybox"),
    ("csh", "csh | tcsh"),
    ("dash", ""),
    ("env", ""),
    ("gawk", "gawk"),
    ("install-info", "install-info"),
    ("ksh", "ksh"),
    ("ldconfig", ""),
    ("perl", "perl"), // perl-base is Essential, its modules are few
    ("php", "php-cli"),
    ("python3", "python3"),
    ("ruby", "ruby"),
    ("sh", ""),
    ("systemctl", "systemd"),
    ("systemd-sysusers", "systemd"),
    ("systemd-tmpfiles", "systemd"),
    ("tclsh", "tcl"),
    ("tcsh", "tcsh"),
    ("true", ""),
    ("zsh", "zsh"),
];

/// Directories that are on every system's PATH.
const PROGRAM_DIRECTORIES: [&str; 4] = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"];

/// rpm runs scriptlets without a program by `/bin/sh` (`rpmScriptRun`, lib/rpmscript.cc).
pub(super) fn or_default(program: &[String]) -> Vec<String> {
    if program.is_empty() { vec!["/bin/sh".to_owned()] } else { program.to_vec() }
}

/// The file name of a program in a standard directory.
fn standard_name(program: &str) -> Option<&str> {
    let name = PROGRAM_DIRECTORIES.iter().find_map(|directory| program.strip_prefix(directory))?;
    (!name.contains('/')).then_some(name)
}

/// Whether a Bourne shell reads the text.
pub(super) fn is_shell(program: &[String]) -> bool {
    match program.first() {
        None => true,
        Some(first) => matches!(standard_name(first), Some("sh" | "bash" | "dash" | "ksh" | "zsh")),
    }
}

/// Accepts the program or says why not.
pub(super) fn check(scriptlet: &Scriptlet) -> Result<(), Error> {
    let subject = scriptlet.slot.name();
    let advice = "use --scripts drop and write what it does into debian/ by a patch";
    let Some(program) = scriptlet.interpreter.first() else { return Ok(()) };
    if program.starts_with('<') {
        let language = printable(program.as_bytes());
        return Err(Error::refused(
            subject,
            format!("is run by {language}, an interpreter inside rpm, which Debian does not have; {advice}"),
        ));
    }
    if !program.starts_with('/') {
        let program = printable(program.as_bytes());
        return Err(Error::refused(
            subject,
            format!("its interpreter '{program}' is not an absolute path, so rpm could not run it; {advice}"),
        ));
    }
    if let Some(word) = scriptlet.interpreter.iter().find(|word| word.chars().any(char::is_control)) {
        let word = printable(word.as_bytes());
        return Err(Error::refused(subject, format!("its interpreter has control characters: '{word}'; {advice}")));
    }
    Ok(())
}

/// The command that will run the scriptlet: the RPM's, except that `/bin/sh` becomes the shell it is on RPM systems
/// when the text asks for it.
pub(super) fn command(scriptlet: &Scriptlet, notices: &mut Vec<Notice>) -> Vec<String> {
    let mut command = or_default(&scriptlet.interpreter);
    let is_plain_shell = command.first().is_some_and(|first| standard_name(first) == Some("sh"));
    let feature = scriptlet.body.as_deref().filter(|_| is_plain_shell).and_then(bashism);
    if let Some(feature) = feature {
        // bash in posix mode is what /bin/sh is there
        command.splice(..1, ["/bin/bash".to_owned(), "--posix".to_owned()]);
        let text = format!("runs with /bin/bash, not /bin/sh: it uses {feature}, which Debian's sh does not know");
        notices.push(Notice::note("scriptlet-bash", scriptlet.slot.name(), text));
    }
    command
}

/// Adds what the program needs to the relations, or warns that nobody is known to have it.
pub(super) fn require(package: &Package, slot: Slot, command: &[String], tally: &mut Tally, notices: &mut Vec<Notice>) {
    let Some(program) = command.first() else { return };
    let known = standard_name(program).and_then(|name| PACKAGES.iter().find(|(known, _)| *known == name));
    let is_shipped = package.files.iter().any(|file| file.path == program.as_bytes());
    let program = printable(program.as_bytes());
    match known {
        Some((_, "")) => {}
        Some((_, debian)) => tally.need(slot, debian),
        None if is_shipped && !runs_before_unpacking(slot) => {}
        None if is_shipped => notices.push(Notice::warning(
            "scriptlet-interpreter",
            slot.name(),
            format!("is run by {program} of the package itself, which is not there at a first installation"),
        )),
        None => notices.push(Notice::warning(
            "scriptlet-interpreter",
            slot.name(),
            format!("is run by {program}; no Debian package is known to have it, so no dependency says it is needed"),
        )),
    }
}

/// Whether the scriptlet runs in the preinst, where only Pre-Depends are sure to be there.
pub(super) fn runs_before_unpacking(slot: Slot) -> bool {
    matches!(slot, Slot::PreTrans | Slot::Pre)
}
