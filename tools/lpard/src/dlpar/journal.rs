//! What was begun, on the disk before it begins: one JSON object a line, each line synced.
//!
//! The file holds one operation. It is begun anew by the next one, and the last line of a finished one is `closed`. Whoever
//! finds it open, under the lock, finds what a killed engine left behind: [`recover`] takes it back, or lets it stand where
//! the terms allowed a part. A step that had begun and of which nothing more is known is looked for in the inventory.

mod recovery;

use serde::{Deserialize, Serialize};
use sysroot::Sysroot;

use super::step::Step;

pub use recovery::{Leftover, RecoverError, Recovery, leftover, recover};

/// Where it is.
pub const PATH: &str = "var/lib/lparkit/dlpar.journal";
const DIRECTORY: &str = "var/lib/lparkit";
const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// An operation begins.
    Opened {
        /// What was asked.
        request: String,
        /// Whether a part of it is better than nothing.
        partial: bool,
        /// Whether each step needs those before it.
        in_order: bool,
    },
    /// A step is about to be done.
    Began {
        /// Which.
        step: Step,
    },
    /// It was done.
    Done {
        /// Which.
        step: Step,
    },
    /// The kernel refused it.
    Failed {
        /// Which.
        step: Step,
        /// What the kernel said.
        error: String,
    },
    /// It was taken back.
    Undone {
        /// Which.
        step: Step,
    },
    /// The operation is over.
    Closed,
}

/// Where entries go.
pub trait Journal {
    /// Writes an entry down so that it survives a crash.
    fn append(&mut self, entry: &Entry) -> Result<(), Unwritable>;
}

/// An entry could not be written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unwritable(pub String);

impl From<sysroot::Error> for Unwritable {
    fn from(error: sysroot::Error) -> Self {
        let cause = error.errno().map(|errno| format!(": {}", errno.desc())).unwrap_or_default();
        Self(format!("{error}{cause}"))
    }
}

impl From<serde_json::Error> for Unwritable {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// The journal of a machine.
#[derive(Debug)]
pub struct OnDisk<'a> {
    sysroot: &'a Sysroot,
}

impl<'a> OnDisk<'a> {
    /// The journal behind this door.
    pub fn new(sysroot: &'a Sysroot) -> Self {
        Self { sysroot }
    }
}

impl Journal for OnDisk<'_> {
    fn append(&mut self, entry: &Entry) -> Result<(), Unwritable> {
        let line = serde_json::to_string(&Line { boot: boot_id(self.sysroot), entry: entry.clone() })?;
        if matches!(entry, Entry::Opened { .. }) {
            self.sysroot.create_directories(DIRECTORY)?;
            self.sysroot.replace_file(PATH, format!("{line}\n").as_bytes(), 0o600)?;
        } else {
            self.sysroot.append_journal_line(PATH, &line)?;
        }
        Ok(())
    }
}

/// No journal: for a caller that has said why there is none.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Journal for Nowhere {
    fn append(&mut self, _: &Entry) -> Result<(), Unwritable> {
        Ok(())
    }
}

/// An entry as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Of which run of the machine: steps of an earlier one are history.
    boot: String,
    #[serde(flatten)]
    entry: Entry,
}

fn boot_id(sysroot: &Sysroot) -> String {
    sysroot.read_text(BOOT_ID).map(|id| id.trim().to_owned()).unwrap_or_default()
}
