//! Exit statuses, the part of the interface that console software decides by.

/// How drmgr ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well, or a part is done of which the output tells.
    Done,
    /// In use; a hook's veto; the last CPU tried could not be added; more to be taken away than there is.
    Refused,
    /// No such resource.
    Nonexistent,
    /// The partition does not have it.
    NotOwned,
    /// The partition has it already.
    Owned,
    /// What `-Q` answers when a removal may be tried.
    LinuxSlot,
    /// Anything else that failed.
    Failed,
    /// A number of the kernel's, of a migration's write.
    Errno(u8),
    /// What a program that was run ended with.
    OfProgram(u8),
}

impl Exit {
    /// The number.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Nonexistent => 3,
            Self::NotOwned => 4,
            Self::Owned => 5,
            Self::LinuxSlot => 6,
            Self::Failed => 255,
            Self::Errno(number) | Self::OfProgram(number) => number,
        }
    }
}
