//! What a console may ask. Which request is permitted when: `phase.rs`.

use serde::{Deserialize, Serialize};

use super::dlpar::Resize;
use super::migration::{Check, NewIdentity, Prepare, Suspend};

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Tell all that is to be told. Answered `inventory`.
    Inventory {},
    /// Change what the partition has, or plan it. Answered `resize`.
    Resize(Resize),
    /// Could it migrate? Answered `readiness`.
    MigrationCheck(Check),
    /// Make ready to migrate. Answered `done`.
    MigrationPrepare(Prepare),
    /// Suspend. Answered only when it did not come to that: otherwise the partition reports `resumed` to its next console.
    MigrationSuspend(Suspend),
    /// Stop the check or the preparation that is under way. Answered `done` at once, also when there is none; the request that is
    /// stopped has its own answer.
    MigrationAbort {},
    /// Take back a check or a preparation that is over. Answered `done`.
    MigrationUndo {},
    /// Take a new identity. Answered `done`.
    Identity(NewIdentity),
    /// Shut the operating system down. Answered `done` when that has begun.
    Shutdown(Shutdown),
}

/// The kinds on the wire.
pub(super) const KIND_NAMES: [&str; 9] = [
    "inventory",
    "resize",
    "migration_check",
    "migration_prepare",
    "migration_suspend",
    "migration_abort",
    "migration_undo",
    "identity",
    "shutdown",
];

/// How to shut down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// What comes after.
    pub action: ShutdownAction,
    /// What users are told.
    pub message: String,
    /// Time that they get.
    pub delay_ms: u64,
}

/// What comes after a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownAction {
    /// Nothing.
    PowerOff,
    /// The next boot.
    Reboot,
}
