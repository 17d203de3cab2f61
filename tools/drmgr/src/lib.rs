//! `drmgr` and `lsslot`: the commands by which a management console resizes a partition, and by which its administrator looks
//! at what can be resized.
//!
//! # Theory of operation
//!
//! Console software calls `drmgr` and reads its standard output, its exit status and, for people, its standard error: these
//! are an interface, written down in the manual pages and in `DIFFERENCES.md`, which also has every point where this drmgr
//! differs from Debian's. What is behind the interface is `lpard::dlpar`; here are options, words and numbers only.
//!
//! `options` (as typed) -> [`run`] (platform, lock, log) -> `cmd/*` (one file a connector type) -> exit status.

mod capabilities;
mod cmd;
mod exit;
mod getopt;
mod hooks;
mod log;
pub mod lsslot;
mod machine;
mod options;
mod run;
mod say;
mod usage;

pub use run::run;

/// Where a program's words go.
pub struct Streams<'a> {
    /// What console software reads.
    pub out: &'a mut dyn std::io::Write,
    /// What it shows to people.
    pub err: &'a mut dyn std::io::Write,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}
