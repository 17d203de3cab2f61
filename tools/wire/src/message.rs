//! The messages of version 1, as types and as JSON.
//!
//! A message is an object of one member, whose name is its kind. The console asks, the partition answers; both may take leave:
//!
//! ```text
//! partition                                              console
//! {"hello":{...}}                                   ->
//!                                                   <-   {"welcome":{...}}
//!                                                   <-   {"request":{"id":7,"do":{"inventory":{}}}}
//! {"progress":{"id":7,...}}                         ->
//! {"answer":{"id":7,"is":{"inventory":{...}}}}      ->
//! {"event":{"sequence":3,"is":{"resized":{...}}}}   ->
//!                                                   <-   {"seen":{"through":3}}
//! {"goodbye":{"reason":"leaving","text":"..."}}     ->
//! ```

pub mod answer;
pub mod dlpar;
pub mod event;
pub mod greeting;
pub mod inventory;
pub mod migration;
pub mod request;

mod diagnose;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::frame::{self, FrameError};

pub use answer::Answer;
pub use diagnose::Undecodable;
pub use event::Event;
pub use greeting::{Goodbye, Hello, Welcome};
pub use request::Request;

/// Names a request within one run of a console. Each new request has a greater one than all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Numbers an event within one run of an agent, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Sequence(pub u64);

/// What a partition says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromPartition {
    /// The first message of a session.
    Hello(Hello),
    /// How far a request is.
    Progress(Progress),
    /// The end of a request; each has exactly one.
    Answer(Reply),
    /// Something happened unasked.
    Event(Report),
    /// The last message of a session.
    Goodbye(Goodbye),
}

/// What a console says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromConsole {
    /// The answer to the hello.
    Welcome(Welcome),
    /// Something to do.
    Request(Order),
    /// Events that need not be told again.
    Seen(Seen),
    /// The last message of a session.
    Goodbye(Goodbye),
}

/// A request with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its name.
    pub id: RequestId,
    /// What to do.
    #[serde(rename = "do")]
    pub request: Request,
}

/// An answer with the name of its request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The request's.
    pub id: RequestId,
    /// What came of it.
    #[serde(rename = "is")]
    pub answer: Answer,
}

/// How far a request is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The request's.
    pub id: RequestId,
    /// Steps done.
    pub done: u32,
    /// Steps in all; 0 where nobody can know.
    pub of: u32,
    /// What is being done.
    pub text: String,
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Its number.
    pub sequence: Sequence,
    /// What happened.
    #[serde(rename = "is")]
    pub event: Event,
}

/// All events up to a number have reached the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The number.
    pub through: Sequence,
}

/// Why a message cannot be sent.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// It cannot be written as JSON.
    #[error("write a message as JSON")]
    Json(#[source] serde_json::Error),
    /// It is too long.
    #[error("put a message into a frame")]
    Frame(#[source] FrameError),
}

/// The frame of a message, from either side.
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, EncodeError> {
    frame::encode(&serde_json::to_vec(message).map_err(EncodeError::Json)?).map_err(EncodeError::Frame)
}

/// The message of a frame's bytes.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, Undecodable> {
    serde_json::from_slice(bytes).map_err(|error| diagnose::diagnose(bytes, error))
}

/// What goes into a frame: the two enums of this module and nothing else.
pub trait Message: Serialize + serde::de::DeserializeOwned + sealed::Sealed {}

impl Message for FromPartition {}
impl Message for FromConsole {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::FromPartition {}
    impl Sealed for super::FromConsole {}
}

#[cfg(test)]
mod tests;
