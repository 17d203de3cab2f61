//! The agent's answers, as far as they are shown.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wire::message::migration::MigrationRecord;

/// How the agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// `native` or `observer`.
    pub(crate) mode: Mode,
    /// Why that mode.
    #[serde(default)]
    pub(crate) reason: String,
    /// What the partition is doing: `ready`, `changing`, `prepared`, …
    pub(crate) phase: String,
    /// The session with a console, while there is one.
    #[serde(default)]
    pub(crate) session: Option<Session>,
    /// What it takes for the interface of the management network.
    #[serde(default)]
    pub(crate) interface: Option<String>,
    /// What holds the part that talks to consoles.
    #[serde(default)]
    pub(crate) network: Option<Confinement>,
    /// The last migration that it knows of.
    #[serde(default)]
    pub(crate) last_migration: Option<MigrationRecord>,
}

/// What the agent does about consoles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// It has a session of its own.
    Native,
    /// It watches, and follows up.
    Observer,
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Observer => "observer",
        })
    }
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// What the console calls itself.
    pub(crate) console: String,
    /// `[fe80::1%env4]:657`.
    pub(crate) address: String,
}

/// What holds the part of the agent that talks to consoles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confinement {
    pub(crate) unprivileged: bool,
    pub(crate) no_new_privileges: bool,
    /// `full`, `partial` or `none`.
    pub(crate) landlock: String,
}

/// The consoles that are believed, and the partition's own key, which consoles have to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trust {
    /// None before the agent ran for the first time: it makes the key.
    pub(crate) own_key: Option<String>,
    pub(crate) own_fingerprint: Option<String>,
    pub(crate) consoles: Vec<Console>,
}

/// A console that is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Console {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    /// Where it can be called; none when it has to be asked for on the management network.
    #[serde(default)]
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) port: u16,
    /// Why it is believed.
    #[serde(default)]
    pub(crate) because: String,
}
