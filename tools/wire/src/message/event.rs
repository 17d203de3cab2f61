//! What a partition tells unasked. Each event is told until the console has seen it.

use serde::{Deserialize, Serialize};

use super::inventory::{Health, HealthState};
use super::migration::{HookOutcome, MigrationRecord};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// It runs again after a suspension: the first that the console at the destination hears.
    Resumed(MigrationRecord),
    /// What follows a migration is done.
    Settled {
        /// The hooks that ran.
        hooks: Vec<HookOutcome>,
    },
    /// It has other resources than before, whoever changed them.
    Resized {
        /// Processors now.
        virtual_processors: u32,
        /// Memory now.
        memory_mib: u64,
    },
    /// Firmware reported something.
    Firmware(FirmwareEvent),
    /// Its health changed.
    Health(Health),
    /// It shuts down.
    ShuttingDown {
        /// Who wanted it, and why.
        text: String,
    },
    /// More happened than could be kept while no console was there.
    Lost {
        /// Events that are gone.
        count: u64,
    },
}

/// What firmware reported (RTAS).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareEvent {
    /// `epow`, `hotplug`, `platform`, `io`, `migration`, ...
    pub kind: String,
    /// How bad it is.
    pub severity: HealthState,
    /// In a sentence.
    pub text: String,
}
