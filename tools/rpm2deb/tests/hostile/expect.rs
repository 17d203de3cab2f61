//! What every hostile package must meet: one line that says which file, which entry and why; nothing else.

use std::path::Path;

use crate::rpm_writer::RpmBuilder;
use crate::sandbox::{Run, Sandbox, fields, tool};

/// One hostile package.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) arguments: Vec<&'static str>,
    /// Fragments of the error, compared without regard to case.
    pub(crate) fragments: Vec<String>,
}

/// A case from a builder.
pub(crate) fn case(name: &str, builder: RpmBuilder, fragments: &[&str]) -> Case {
    raw(name, builder.build(), fragments)
}

/// A case from bytes.
pub(crate) fn raw(name: &str, bytes: Vec<u8>, fragments: &[&str]) -> Case {
    let fragments = fragments.iter().map(|fragment| fragment.to_lowercase()).collect();
    Case { name: name.to_owned(), bytes, arguments: Vec::new(), fragments }
}

impl Case {
    /// Further arguments of the command line.
    pub(crate) fn with(mut self, arguments: &[&'static str]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }
}

/// Every case is refused.
pub(crate) fn all_refused(cases: Vec<Case>) {
    all(cases, |_, run, case| refusal(run, "hostile.rpm", &case.fragments));
}

/// Every case is refused, or becomes a package in which the hostile text is only text.
pub(crate) fn all_harmless(cases: Vec<Case>) {
    all(cases, |sandbox, run, case| match run.code {
        Some(0) => harmless(sandbox, run),
        _ => refusal(run, "hostile.rpm", &case.fragments),
    });
}

fn all(cases: Vec<Case>, check: impl Fn(&Sandbox, &Run, &Case) -> Result<(), String>) {
    let count = cases.len();
    let mut failures = Vec::new();
    for case in cases {
        let sandbox = Sandbox::new();
        let package = sandbox.put("hostile.rpm", &case.bytes);
        let run = sandbox.convert(&package, &case.arguments);
        if let Err(reason) = check(&sandbox, &run, &case) {
            failures.push(format!("{}: {reason}", case.name));
        }
    }
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
}

/// Exit code 1, one `error` line, nothing touched.
pub(crate) fn refusal(run: &Run, package: &str, fragments: &[String]) -> Result<(), String> {
    let errors: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error")).collect();
    let shown = run.stderr.trim_end();
    if run.code != Some(1) {
        return Err(format!("exit {:?}, not 1; stderr: {shown}", run.code));
    }
    if !run.changes.is_empty() {
        return Err(format!("touched {:?}", run.changes));
    }
    let [error] = errors.as_slice() else { return Err(format!("{} error lines: {shown}", errors.len())) };
    let strange = run.stderr.chars().find(|character| character.is_control() && *character != '\n');
    if let Some(character) = strange {
        return Err(format!("control character {character:?} in: {shown:?}"));
    }
    let known = ["error", "warning", "note", "cause", " "];
    if let Some(line) = run.stderr.lines().find(|line| !known.iter().any(|start| line.starts_with(start))) {
        return Err(format!("a line of its own: {line}"));
    }
    let said = shown.to_lowercase();
    if !error.contains(package) {
        return Err(format!("the error does not name {package}: {shown}"));
    }
    match fragments.iter().find(|fragment| !said.contains(fragment.as_str())) {
        Some(fragment) => Err(format!("the error does not say '{fragment}': {shown}")),
        None => Ok(()),
    }
}

/// Fields that a converted package may have.
const FIELDS: [&str; 20] = [
    "Package",
    "Version",
    "Architecture",
    "Maintainer",
    "Installed-Size",
    "Section",
    "Priority",
    "Homepage",
    "Description",
    "Depends",
    "Pre-Depends",
    "Provides",
    "Conflicts",
    "Breaks",
    "Replaces",
    "Recommends",
    "Suggests",
    "Enhances",
    "Source",
    "Multi-Arch",
];

/// Nothing but one package appeared; dpkg-deb reads it; no control field says `evil`, but for free text.
fn harmless(sandbox: &Sandbox, run: &Run) -> Result<(), String> {
    if let Some(path) = run.changes.iter().find(|path| !path.starts_with("out")) {
        return Err(format!("touched {}", path.display()));
    }
    let deb = sandbox.deb();
    tool("dpkg-deb", &["--contents", deb.to_str().unwrap()]);
    for (name, value) in fields(&deb) {
        if !FIELDS.contains(&name.as_str()) {
            return Err(format!("the field {name} was injected"));
        }
        let free = ["Description", "Maintainer", "Homepage"].contains(&name.as_str());
        if !free && value.contains("evil") {
            return Err(format!("{name}: {value}"));
        }
        if value.chars().any(|character| character.is_control() && character != '\n') {
            return Err(format!("control character in {name}: {value:?}"));
        }
    }
    scripts_are_sound(sandbox, &deb)
}

/// Every maintainer script parses, and no line begins with the injected command.
fn scripts_are_sound(sandbox: &Sandbox, deb: &Path) -> Result<(), String> {
    let control = sandbox.path("control");
    tool("dpkg-deb", &["-e", deb.to_str().unwrap(), control.to_str().unwrap()]);
    for script in ["preinst", "postinst", "prerm", "postrm"] {
        let path = control.join(script);
        let Ok(bytes) = std::fs::read(&path) else { continue };
        tool("/bin/sh", &["-n", path.to_str().unwrap()]);
        if String::from_utf8_lossy(&bytes).lines().any(|line| line.trim_start().starts_with("evil")) {
            return Err(format!("{script} runs the injected command"));
        }
    }
    Ok(())
}
