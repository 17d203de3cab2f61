//! What the loads write into their state files: JSON, replaced as a whole, so that a reader never sees half of one.

use serde::{Deserialize, Serialize};

/// `load memory`: a pattern that depends on position and round, checked and rewritten for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryState {
    /// Size of the pattern.
    pub mib: u64,
    /// Rounds in which all of it was checked.
    pub rounds: u64,
    /// Words that were not what had been written.
    pub errors: u64,
    /// Where the first wrong word was, in words from the start.
    pub first_error: Option<u64>,
}

/// `load disk`: numbered records appended to a journal, each followed by fsync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskState {
    /// Records that fsync has confirmed, counted from the beginning of the journal: all with a smaller number.
    pub confirmed: u64,
    /// Longest time from a record's write to the end of its fsync.
    pub longest_ms: u64,
    /// Why it ended; it runs while there is none.
    pub failure: Option<String>,
}

/// `load stream`: numbered blocks to a host that echoes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// Blocks that came back.
    pub blocks: u64,
    /// Of those, the ones that were not what had been sent.
    pub errors: u64,
    /// Longest time for one to come back.
    pub longest_ms: u64,
    /// Why it ended; it runs while there is none.
    pub failure: Option<String>,
}

/// `verify disk`: what is in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskVerdict {
    /// Number of the first record that is kept (old ones are dropped).
    pub first: u64,
    /// One more than the number of the last good record.
    pub next: u64,
    /// Bytes after the last good record: a write that was cut short.
    pub torn_bytes: u64,
    /// What is wrong; empty when all is well.
    pub errors: Vec<String>,
}
