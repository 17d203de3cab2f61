//! The administrator's programs in `/etc/drmgr.d/TYPE/`, run before and after a change.

use std::cmp::Ordering;
use std::time::Duration;

use sysroot::{Ended, Program, Sysroot};

use crate::say::{Level, Say};

const DIRECTORY: &str = "etc/drmgr.d";
/// How long one hook may run. Debian's may run for ever, and the lock is held all the while.
const PATIENCE: Duration = Duration::from_secs(300);
const MODE_USER_EXECUTE: u32 = 0o100;

/// When hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Check,
    UndoCheck,
    Pre,
    Post,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::UndoCheck => "undocheck",
            Self::Pre => "pre",
            Self::Post => "post",
        }
    }
}

/// What hooks are told, in their environment and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    /// `cpu` or `pmig`: also the name of their directory.
    pub(crate) kind: &'static str,
    /// `add`, `remove`, `migrate`.
    pub(crate) action: &'static str,
    /// Of how many.
    pub(crate) count: u32,
}

/// Runs all hooks of a phase in the order of their names; false when one of them failed.
pub(crate) fn run(sysroot: &Sysroot, say: &mut Say<'_>, occasion: Occasion, phase: Phase) -> bool {
    let mut passed = true;
    for path in find(sysroot, occasion) {
        passed &= one(sysroot, say, &path, occasion, phase);
    }
    passed
}

/// What [`run`] would do, a line each: for a dry run.
pub(crate) fn plan(sysroot: &Sysroot, occasion: Occasion, phase: Phase) -> String {
    find(sysroot, occasion).iter().map(|path| format!("- run the hook /{path} for phase {}\n", phase.name())).collect()
}

/// The hooks that can run, in their order.
fn find(sysroot: &Sysroot, occasion: Occasion) -> Vec<String> {
    let directory = format!("{DIRECTORY}/{}", occasion.kind);
    let mut names = sysroot.list(&directory).unwrap_or_default();
    names.sort_by(|a, b| by_version(a, b));
    let paths = names.iter().map(|name| format!("{directory}/{name}"));
    let can_run = |path: &String| {
        let stat = sysroot.stat(path).ok().flatten();
        stat.is_some_and(|stat| stat.is_file && stat.mode & MODE_USER_EXECUTE != 0)
    };
    paths.filter(can_run).collect()
}

fn one(sysroot: &Sysroot, say: &mut Say<'_>, path: &str, occasion: Occasion, phase: Phase) -> bool {
    let mut program = Program::new(path, PATIENCE);
    for (name, value) in [
        ("DRC_TYPE", occasion.kind.to_owned()),
        ("DRC_COUNT", occasion.count.to_string()),
        ("ACTION", occasion.action.to_owned()),
        ("PHASE", phase.name().to_owned()),
    ] {
        program.environment.insert(name.to_owned(), value.into());
    }
    say.detail(&format!("Running hook '/{path}' for phase {}", phase.name()));
    say.flush();
    let outcome = match sysroot.run(&program) {
        Ok(outcome) => outcome,
        Err(error) => {
            say.error(&format!("Can't run the hook /{path}: {error}"));
            return false;
        }
    };
    // What it says is for people: the standard output of this program belongs to the console.
    for words in [&outcome.output, &outcome.errors] {
        say.say(Level::Error, &String::from_utf8_lossy(words));
    }
    let passed = outcome.succeeded();
    let level = if passed { Level::Information } else { Level::Error };
    say.say(level, &format!("hook '/{path}' {}\n", ended(outcome.ended)));
    passed
}

fn ended(how: Ended) -> String {
    match how {
        Ended::Exited(status) => format!("exited with status {status}"),
        Ended::Signalled(signal) => format!("terminated by signal {signal}"),
        Ended::DeadlinePassed => format!("was killed because it still ran after {} s", PATIENCE.as_secs()),
    }
}

/// `a2` before `a10`, as versionsort(3) has it: runs of digits are numbers.
fn by_version(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    while !a_rest.is_empty() && !b_rest.is_empty() {
        let (a_run, a_tail) = split_run(a_rest);
        let (b_run, b_tail) = split_run(b_rest);
        let order = match (number(a_run), number(b_run)) {
            (Some(a_number), Some(b_number)) => a_number.cmp(&b_number),
            _ => a_run.cmp(b_run),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a_rest, b_rest) = (a_tail, b_tail);
    }
    a_rest.len().cmp(&b_rest.len()).then_with(|| a.cmp(b))
}

/// The longest beginning that is all digits or has none.
fn split_run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

/// A number too long for the machine is compared as text.
fn number(run: &str) -> Option<u64> {
    run.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_versions() {
        let mut names = ["b", "10-x", "9-x", "9-b", "a1.10", "a1.9", "a01", "a"];
        names.sort_by(|a, b| by_version(a, b));
        assert_eq!(names, ["9-b", "9-x", "10-x", "a", "a01", "a1.9", "a1.10", "b"]);
    }
}
