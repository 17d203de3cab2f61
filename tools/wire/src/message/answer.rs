//! What a partition answers.

use serde::{Deserialize, Serialize};

use super::dlpar::ResizeOutcome;
use super::inventory::Inventory;
use super::migration::Readiness;

/// The end of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `inventory`.
    Inventory(Box<Inventory>),
    /// To `resize`.
    Resize(ResizeOutcome),
    /// To `migration_check`.
    Readiness(Readiness),
    /// It is done.
    Done {},
    /// It was tried and did not work.
    Failed(Failure),
    /// It was not tried.
    Refused(Refusal),
}

/// Why it did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Operation, thing, cause, and what to do about it.
    pub text: String,
    /// The kernel's error number.
    pub errno: Option<i32>,
    /// Firmware's return code.
    pub firmware: Option<i32>,
}

/// Why it was not tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// In a word.
    pub reason: RefusalReason,
    /// In a sentence.
    pub text: String,
}

/// Why it was not tried, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The partition knows no such request.
    Unsupported,
    /// Something is wrong in the request.
    Malformed,
    /// Not in this phase.
    Phase,
    /// Something else is under way: ask again later, by a new name.
    Busy,
    /// The partition only watches: another console decides.
    Observer,
    /// Too many requests in too short a time.
    Rate,
    /// The name stands for another request.
    NameReused,
    /// The name is older than what is remembered; whether it was done is not known any more.
    Forgotten,
    /// The migration is not the one that was prepared.
    OtherMigration,
}

impl RefusalReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unsupported,
        Self::Malformed,
        Self::Phase,
        Self::Busy,
        Self::Observer,
        Self::Rate,
        Self::NameReused,
        Self::Forgotten,
        Self::OtherMigration,
    ];
}
