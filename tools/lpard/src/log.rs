//! What the agent tells those who run the machine: a sentence, how bad it is, and fields that programs can select by.
//!
//! Under systemd an entry goes to journald by its native protocol, with its fields; elsewhere it becomes a line on standard
//! error. Nothing waits for a reader, and an entry that cannot be delivered is dropped: the agent does not stop for its log.

mod journald;

use std::fmt::{self, Display};
use std::io::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sysroot::Sysroot;

use crate::visible::visible;
use journald::Journald;

/// How bad it is; numbers and names are syslog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Something does not work.
    Error = 3,
    /// Something is not as it should be.
    Warning = 4,
    /// Something that people look for later: a migration, a changed partition.
    Notice = 5,
    /// What goes on.
    Info = 6,
    /// For those who look for a fault in the agent.
    Debug = 7,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) level: Level,
    pub(crate) message: String,
    /// Names as journald wants them: capital letters, digits, underscores.
    pub(crate) fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// An entry without fields.
    pub(crate) fn new(level: Level, message: impl Display) -> Self {
        Self { level, message: message.to_string(), fields: Vec::new() }
    }

    /// The same with one more field.
    #[must_use]
    pub(crate) fn field(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }
}

/// Where entries go. Cheap to clone; threads share it.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    target: Arc<Target>,
    threshold: Level,
}

#[derive(Debug)]
enum Target {
    Journald(Journald),
    Stderr { prefix: Prefix },
    Nowhere,
}

/// What a line on standard error begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    /// `<6>`: systemd reads it and takes it off.
    Priority,
    /// `lpard: warning: `
    Program,
}

/// systemd sets it for a service whose standard error goes to the journal.
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

impl Log {
    /// journald where this is a service of the running system, standard error elsewhere.
    pub(crate) fn open(sysroot: &Sysroot) -> Self {
        let journald = (sysroot.is_live() && is_service()).then(Journald::open).flatten();
        let target = journald.map_or_else(stderr, Target::Journald);
        Self { target: Arc::new(target), threshold: Level::Info }
    }

    /// Standard error: for a part that can open nothing.
    pub(crate) fn to_stderr() -> Self {
        Self { target: Arc::new(stderr()), threshold: Level::Info }
    }

    /// For what has been said before, and would be said again and again.
    pub(crate) fn nowhere() -> Self {
        Self { target: Arc::new(Target::Nowhere), threshold: Level::Error }
    }

    /// The same log with another threshold.
    pub(crate) fn with_threshold(self, threshold: Level) -> Self {
        Self { threshold, ..self }
    }

    /// Notes an entry, if it is bad enough.
    pub(crate) fn note(&self, entry: &Entry) {
        if entry.level > self.threshold {
            return;
        }
        match self.target.as_ref() {
            Target::Nowhere => {}
            Target::Journald(journald) => journald.send(entry),
            Target::Stderr { prefix } => {
                // Somebody who closed our standard error does not want to know.
                let _ = std::io::stderr().write_all(Line(entry, *prefix).to_string().as_bytes());
            }
        }
    }

    pub(crate) fn error(&self, message: impl Display) {
        self.note(&Entry::new(Level::Error, message));
    }

    pub(crate) fn warning(&self, message: impl Display) {
        self.note(&Entry::new(Level::Warning, message));
    }

    pub(crate) fn notice(&self, message: impl Display) {
        self.note(&Entry::new(Level::Notice, message));
    }

    pub(crate) fn info(&self, message: impl Display) {
        self.note(&Entry::new(Level::Info, message));
    }
}

fn is_service() -> bool {
    std::env::var_os(JOURNAL_STREAM).is_some()
}

fn stderr() -> Target {
    Target::Stderr { prefix: if is_service() { Prefix::Priority } else { Prefix::Program } }
}

/// An entry as a line of text; its fields follow in the order in which they were given.
struct Line<'a>(&'a Entry, Prefix);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(entry, prefix) = self;
        match (prefix, entry.level) {
            (Prefix::Priority, level) => write!(f, "<{}>", level as u8)?,
            (Prefix::Program, Level::Error) => f.write_str("lpard: error: ")?,
            (Prefix::Program, Level::Warning) => f.write_str("lpard: warning: ")?,
            (Prefix::Program, _) => f.write_str("lpard: ")?,
        }
        f.write_str(&visible(&entry.message.replace('\n', " / ")))?;
        for (name, value) in &entry.fields {
            write!(f, " {name}={value:?}")?;
        }
        f.write_str("\n")
    }
}

/// An error with its causes, for one line: `open x: No such file`.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_line_whatever_is_in_it() {
        let entry = Entry::new(Level::Warning, "two\n\u{1b}lines").field("LPARD_HOOK", "10 \"x\"");
        assert_eq!(
            Line(&entry, Prefix::Program).to_string(),
            "lpard: warning: two / \\u{1b}lines LPARD_HOOK=\"10 \\\"x\\\"\"\n"
        );
        assert_eq!(Line(&Entry::new(Level::Info, "x"), Prefix::Priority).to_string(), "<6>x\n");
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        let error = sysroot::Sysroot::at("/no/such/root").map(drop).map_err(|error| Chain(&error).to_string());
        assert_eq!(error, Err("open /no/such/root: No such file or directory (os error 2)".to_owned()));
    }
}
