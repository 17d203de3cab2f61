//! What a partition is doing, what may be asked of it then, and which phase follows.
//!
//! ```text
//!              .-- resize, identity ---> changing ---.
//!              |-- migration_check ----> checking ---|
//! greeting -> ready <--------------------------------'
//!              |  ^--------------- undoing <-- migration_undo --.
//!              |  '-- no success --.                            |
//!              '-- prepare --> preparing -- success --> prepared -- suspend --> suspended
//!                                                          ^---- not suspended ---'  |
//! leaving <- shutdown -- ready              ready <-- settled -- resuming <- resumed -'
//! ```
//!
//! A session begins in `greeting`, whatever the partition is doing: that goes on underneath. `observer` is where another
//! console decides (RSCT); a migration does not change that.

use serde::{Deserialize, Serialize};

use crate::message::Request;

/// What a partition is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The session has not been welcomed. Nobody is told of it.
    #[serde(skip)]
    Greeting,
    /// Nothing.
    Ready,
    /// A change of resources or of identity.
    Changing,
    /// Check hooks.
    Checking,
    /// Prepare hooks.
    Preparing,
    /// It waits to be suspended.
    Prepared,
    /// It takes back a check or a preparation.
    Undoing,
    /// The stream is written: it may stand still at any moment.
    Suspended,
    /// It runs again, and does what follows.
    Resuming,
    /// It shuts down.
    Leaving,
    /// It only watches.
    Observer,
}

/// What is asked, as far as permission depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `inventory`
    Inventory,
    /// `resize` with `dry_run`
    Plan,
    /// `resize`
    Resize,
    /// `migration_check`
    Check,
    /// `migration_prepare`
    Prepare,
    /// `migration_suspend`
    Suspend,
    /// `migration_abort`
    Abort,
    /// `migration_undo`
    Undo,
    /// `identity`
    Identity,
    /// `shutdown`
    Shutdown,
}

/// Whether a request is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Yes,
    /// Later: something is under way that will end.
    Later,
    /// No.
    No,
}

use Permit::{Later, No, Yes};

/// All phases, in the order of the table's columns.
pub const PHASES: [Phase; 11] = [
    Phase::Greeting,
    Phase::Ready,
    Phase::Changing,
    Phase::Checking,
    Phase::Preparing,
    Phase::Prepared,
    Phase::Undoing,
    Phase::Suspended,
    Phase::Resuming,
    Phase::Leaving,
    Phase::Observer,
];

/// What is permitted: a row a kind of request, a column a phase. PROTOCOL.md shows the same table.
#[rustfmt::skip]
const TABLE: [(Kind, [Permit; PHASES.len()]); 10] = [
    //                greeting ready changing checking preparing prepared undoing suspended resuming leaving observer
    (Kind::Inventory, [No,     Yes,  Yes,     Yes,     Yes,      Yes,     Yes,    No,       Yes,     Yes,    Yes]),
    (Kind::Plan,      [No,     Yes,  Later,   Yes,     Yes,      Yes,     Yes,    No,       Later,   No,     Yes]),
    (Kind::Resize,    [No,     Yes,  Later,   Later,   Later,    No,      Later,  No,       Later,   No,     No]),
    (Kind::Check,     [No,     Yes,  Later,   Later,   Later,    No,      Later,  No,       Later,   No,     No]),
    (Kind::Prepare,   [No,     Yes,  Later,   Later,   Later,    No,      Later,  No,       Later,   No,     No]),
    (Kind::Suspend,   [No,     No,   No,      No,      Later,    Yes,     No,     No,       No,      No,     No]),
    (Kind::Abort,     [No,     Yes,  Yes,     Yes,     Yes,      Yes,     Yes,    No,       No,      No,     No]),
    (Kind::Undo,      [No,     Yes,  Later,   Later,   Later,    Yes,     Later,  No,       Later,   No,     No]),
    (Kind::Identity,  [No,     Yes,  Later,   Later,   Later,    No,      Later,  No,       Yes,     No,     No]),
    (Kind::Shutdown,  [No,     Yes,  Later,   Later,   Later,    No,      Later,  No,       Later,   No,     No]),
];

/// Whether a kind of request is permitted in a phase.
pub fn permit(kind: Kind, phase: Phase) -> Permit {
    let row = TABLE.iter().find(|(of, _)| *of == kind).map(|(_, row)| row);
    let column = PHASES.iter().position(|column| *column == phase);
    row.zip(column).map_or(No, |(row, column)| row[column])
}

impl Kind {
    /// The kind of a request.
    pub fn of(request: &Request) -> Self {
        match request {
            Request::Inventory {} => Self::Inventory,
            Request::Resize(resize) if resize.dry_run => Self::Plan,
            Request::Resize(_) => Self::Resize,
            Request::MigrationCheck(_) => Self::Check,
            Request::MigrationPrepare(_) => Self::Prepare,
            Request::MigrationSuspend(_) => Self::Suspend,
            Request::MigrationAbort {} => Self::Abort,
            Request::MigrationUndo {} => Self::Undo,
            Request::Identity(_) => Self::Identity,
            Request::Shutdown(_) => Self::Shutdown,
        }
    }

    /// It changes nothing: it may be done twice, beside others, and needs no memory of its outcome.
    pub fn only_reads(self) -> bool {
        matches!(self, Self::Inventory | Self::Plan)
    }
}

impl Phase {
    /// The phase while a permitted request is carried out.
    pub(crate) fn begun(self, kind: Kind) -> Self {
        match kind {
            Kind::Inventory | Kind::Plan | Kind::Abort => self,
            // What follows a migration is not over with it.
            Kind::Identity if self == Self::Resuming => self,
            Kind::Resize | Kind::Identity => Self::Changing,
            Kind::Check => Self::Checking,
            Kind::Prepare => Self::Preparing,
            Kind::Suspend => Self::Suspended,
            Kind::Undo => Self::Undoing,
            Kind::Shutdown => Self::Leaving,
        }
    }

    /// The phase after a request that began in this one and is over. A suspension that came about does not end so but with
    /// `resumed`.
    pub(crate) fn finished(self, kind: Kind, success: bool) -> Self {
        match (kind, self) {
            (Kind::Resize | Kind::Identity, Self::Changing)
            | (Kind::Check, Self::Checking)
            | (Kind::Undo, Self::Undoing) => Self::Ready,
            (Kind::Prepare, Self::Preparing) => {
                if success {
                    Self::Prepared
                } else {
                    Self::Ready
                }
            }
            (Kind::Suspend, Self::Suspended) => Self::Prepared,
            (Kind::Shutdown, Self::Leaving) if !success => Self::Ready,
            // A migration came in between: what ended belongs to the time before it.
            (_, phase) => phase,
        }
    }

    /// The phase after the partition woke up on whatever system.
    pub(crate) fn resumed(self) -> Self {
        match self {
            // What shuts down goes on with it there.
            Self::Observer | Self::Leaving => self,
            _ => Self::Resuming,
        }
    }

    /// The phase after what follows a migration is done.
    pub(crate) fn settled(self) -> Self {
        if self == Self::Resuming { Self::Ready } else { self }
    }

    /// The phase after what was prepared has been taken back without anybody asking.
    pub(crate) fn given_up(self) -> Self {
        if self == Self::Prepared { Self::Ready } else { self }
    }

    /// The phase of a partition that was to end, and is still there.
    pub(crate) fn stayed(self) -> Self {
        if self == Self::Leaving { Self::Ready } else { self }
    }

    /// As it stands on the wire and in PROTOCOL.md.
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::Ready => "ready",
            Self::Changing => "changing",
            Self::Checking => "checking",
            Self::Preparing => "preparing",
            Self::Prepared => "prepared",
            Self::Undoing => "undoing",
            Self::Suspended => "suspended",
            Self::Resuming => "resuming",
            Self::Leaving => "leaving",
            Self::Observer => "observer",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests;
