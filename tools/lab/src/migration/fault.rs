//! Faults that a migration can be given: what breaks, and in which phase.

use serde::{Deserialize, Serialize};

use super::phase::Phase;

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it strikes: as the phase begins, or in the middle of the transfer.
    pub at: Phase,
    /// What breaks.
    pub what: Breakage,
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breakage {
    /// The destination's QEMU is killed.
    KillDestination,
    /// The connection between the two QEMUs is cut.
    CutTransfer,
    /// The console process of the source is killed.
    KillSourceConsole,
    /// The console process of the destination is killed.
    KillDestinationConsole,
    /// The destination's QEMU may map no more memory than the partition's half (`prlimit --as`).
    DestinationOutOfMemory,
    /// The destination comes up with another serial number than its system's.
    WrongIdentity,
}

/// Bytes of the transfer after which a fault in its middle strikes: more than the devices' state, less than any guest's memory.
pub const MIDDLE_OF_TRANSFER_BYTES: u64 = 8 << 20;
