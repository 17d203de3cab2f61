//! What the lab and its console processes tell each other: one JSON object a line, over the process's standard streams.

use std::net::IpAddr;
use std::path::PathBuf;

use lab_guest::channel::{Reply, Request};
use serde::{Deserialize, Serialize};
use wire::key::PublicKey;
use wire::message::inventory::Inventory;
use wire::message::{Answer, Event};

/// What the lab tells a console.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ToConsole {
    /// A partition has come: its channel is this socket.
    Attach { lpar: String, socket: PathBuf },
    /// It is gone.
    Detach { lpar: String },
    /// Pass this on over the channel.
    Send { lpar: String, request: Request },
    /// Its agent proves itself with this key; another one that was pinned is not its any more.
    Pin { lpar: String, id: u8, key: PublicKey },
    /// Ask its agent. Exactly one [`News::Ended`] with this number follows.
    Ask { lpar: String, ask: u64, request: Box<wire::message::Request>, patience_ms: u64 },
}

/// What a console tells the lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum FromConsole {
    /// The channel is open.
    Attached { lpar: String },
    /// A partition said this over the channel.
    Said { lpar: String, reply: Reply },
    /// The channel ended, or could not be opened.
    Lost { lpar: String, cause: String },
    /// Something of the session with its agent.
    Agent { lpar: String, news: News },
}

/// What happens in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It began.
    Opened {
        /// Where the partition called from.
        address: IpAddr,
        /// Program and version of the agent.
        agent: String,
    },
    /// It ended.
    Closed {
        /// Why.
        cause: String,
    },
    /// A heartbeat came.
    Heard,
    /// What the partition told of itself.
    Inventory(Box<Inventory>),
    /// Something happened in it.
    Event(Event),
    /// A question is a step further.
    Progressed {
        /// Its number.
        ask: u64,
        /// How far, and what is being done.
        text: String,
    },
    /// A question is over.
    Ended {
        /// Its number.
        ask: u64,
        /// What came of it.
        outcome: Outcome,
    },
}

/// How a question to an agent ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It answered.
    Answered(Answer),
    /// It did not, and whether it did what was asked is not known.
    Unknown(String),
    /// It was not asked: there is no session.
    NotAsked(String),
}
