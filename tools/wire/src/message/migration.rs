//! Migration: what the console asks before, what the partition reports after.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::inventory::Machine;
use crate::hex::{MigrationId, StreamId};
use crate::key::PublicKey;

/// Could it migrate? Nothing is changed by asking, but hooks may keep something until the migration is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Where to, when that is known.
    pub destination: Option<Machine>,
    /// Time for all hooks together.
    pub deadline_ms: u64,
}

/// What checks found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// Nothing speaks against it.
    pub ready: bool,
    /// What does, or what is worth knowing.
    pub findings: Vec<Finding>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The check or hook.
    pub from: String,
    /// It must not migrate so.
    pub vetoes: bool,
    /// What it says.
    pub text: String,
}

/// Makes ready, and tells who the partition will meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// The migration that begins.
    pub migration: MigrationId,
    /// Where to.
    pub destination: Machine,
    /// The console there. Its key is trusted because this session says so.
    pub console: ConsoleContact,
    /// Time for all hooks together.
    pub deadline_ms: u64,
}

/// Where a console is and what it proves itself with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleContact {
    /// For people.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// Its addresses, the best first. A link-local one is on the management adapter.
    pub addresses: Vec<IpAddr>,
    /// Its TCP port.
    pub port: u16,
}

/// Lets go: the partition writes the stream to its kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// The migration that was prepared.
    pub migration: MigrationId,
    /// What to write.
    pub stream: StreamId,
}

/// Tells a partition who it is now, where firmware does not update the device tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// Where it runs.
    pub machine: Machine,
    /// Its number there.
    pub id: u32,
}

/// A migration that is over, as seen from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationRecord {
    /// The one that was prepared; none when something else than this session began it.
    pub migration: Option<MigrationId>,
    /// Where it ran.
    pub from: Machine,
    /// Where it runs; the same where firmware has not told yet.
    pub to: Machine,
    /// From the write of the stream to its return, by the partition's clock that goes on while it is suspended.
    pub suspended_ms: u64,
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookOutcome {
    /// Its file name.
    pub name: String,
    /// How it ended.
    pub result: HookResult,
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HookResult {
    /// With that status; 0 is success.
    Exited(i32),
    /// By that signal.
    Killed(i32),
    /// By its deadline.
    TimedOut {},
    /// It could not be started.
    NotStarted(String),
}
