//! Events in a file: what `/proc/powerpc/rtas/error_log` gave, `/var/log/platform`, or any log of the kernel. Pure.

mod binary;
mod text;

use platform::rtas::event::Event;
use platform::{mobility, rtas};
use serde::Serialize;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// The kernel's number of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<u64>,
    /// What happened.
    pub(crate) sentence: String,
    /// All that is known of it.
    pub(crate) details: Details,
}

/// What a finding was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Details {
    /// The event itself.
    Event(Box<Event>),
    /// A line of the kernel about an event.
    KernelLine(rtas::line::Line),
    /// A line of the kernel about a migration.
    Migration(mobility::Event),
}

impl Found {
    fn event(number: Option<u64>, event: Event) -> Self {
        Self { number, sentence: event.sentence(), details: Details::Event(Box::new(event)) }
    }
}

/// What is in a file. Bytes that are text without zero bytes are a log; everything else is a dump.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Found> {
    match std::str::from_utf8(bytes) {
        Ok(log) if !bytes.contains(&0) => text::decode(log),
        _ => binary::decode(bytes),
    }
}
