//! The messages that are older than the negotiation of a version. Receivers pass over fields that they do not know.

use serde::{Deserialize, Serialize};

use super::Sequence;
use super::inventory::Identity;
use crate::hex::RunId;
use crate::version::Range;

/// A partition introduces itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What it understands.
    pub versions: Range,
    /// Program and version, for people.
    pub agent: String,
    /// This run of the agent. What it remembers of requests and events ends with the run.
    pub run: RunId,
    /// Who it is, as its firmware says.
    pub identity: Identity,
}

/// A console takes a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of this session.
    pub version: u32,
    /// The console's name, for people.
    pub console: String,
    /// This run of the console. Names of requests are unique in it.
    pub run: RunId,
    /// Time between two heartbeats of either side.
    pub heartbeat_ms: u32,
    /// The last event of this run of the agent that has reached this run of the console; 0 for none.
    pub seen: Sequence,
}

/// A side ends the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// Why.
    pub reason: GoodbyeReason,
    /// The same for people.
    pub text: String,
}

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoodbyeReason {
    /// No version that both understand.
    Version,
    /// The peer sent what is no message, or one that is not allowed there.
    Protocol,
    /// The peer sent too much.
    Rate,
    /// Nothing was heard of the peer for three intervals, or no greeting came in time.
    Silent,
    /// The partition goes to another console.
    Migrated,
    /// Another session of the same partition took the place of this one.
    Replaced,
    /// The sender stops, or does not want the session any more.
    Leaving,
    /// A reason that a later version added.
    #[serde(other)]
    Unknown,
}

impl GoodbyeReason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Version,
        Self::Protocol,
        Self::Rate,
        Self::Silent,
        Self::Migrated,
        Self::Replaced,
        Self::Leaving,
        Self::Unknown,
    ];
}
