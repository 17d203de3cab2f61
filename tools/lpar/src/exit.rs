//! How the program ends: an interface for scripts.

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All that was asked was done.
    Done = 0,
    /// Something was refused or failed, or only a part of it was done; a check of `doctor` failed.
    Failed = 1,
    /// The command line was wrong.
    Usage = 2,
    /// Only the agent could do it, and it does not run.
    NoAgent = 3,
}
