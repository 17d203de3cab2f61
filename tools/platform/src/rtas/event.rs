//! RTAS events: what the firmware wants the operating system to know, decoded from its error log.
//!
//! # Theory of operation
//!
//! An event is a fixed part of 8 bytes and, usually, an extended part. Since version 6 (POWER5) the extended part is a list of
//! sections, each with its length; older ones have one layout a kind of event, of which the power warnings are decoded here.
//! Everything is big endian whatever the kernel's byte order is.
//!
//! Bytes that firmware, a log file or an attacker has cut or bent give as many sections as are sound and a
//! [`PlatformLog::problem`]: decoding fails only where there is no fixed part. A section cannot be shorter than its own header,
//! so the decoder always gets on. Each event has a [sentence](Event::sentence) and serializes to JSON.

pub mod epow;
mod fields;
pub mod hotplug;
pub mod io;
mod kind;
mod older;
pub mod reference;
pub mod section;
mod sentence;

use serde::Serialize;

use fields::Fields;
pub use kind::{Disposition, Kind, Party, Severity};
pub use older::OlderLog;
use section::Section;

/// `/proc/powerpc/rtas/error_log` gives this before each event: its number, in the host's byte order (Linux, rtasd.c).
const SEQUENCE_BYTES: usize = 4;

/// Length of the fixed part.
const HEADER_BYTES: usize = 8;

/// Where the sections begin in the extended part of version 6, after the common part and the company's name.
const SECTIONS_AT: usize = 16;

/// The extended part is a platform event log (LoPAR 2.9, 10.3.2.1).
const PLATFORM_LOG_FORMAT: u8 = 14;

/// More sections than this cannot be in 2048 bytes with anything in them.
const SECTION_LIMIT: usize = 128;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The part that every event has.
    pub header: Header,
    /// The rest.
    pub details: Details,
}

/// The part that every event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Of the format.
    pub version: u8,
    /// How bad it is.
    pub severity: Severity,
    /// What the firmware did about it.
    pub disposition: Disposition,
    /// Whether an extended part follows.
    pub extended: bool,
    /// What began the failed operation.
    pub initiator: Party,
    /// What the failed operation was on.
    pub target: Party,
    /// What it is about.
    pub kind: Kind,
    /// Bytes of the extended part; for a reassignment of resources its scope.
    pub extended_length: u32,
}

/// What follows the fixed part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// Nothing.
    None,
    /// Sections (version 6).
    Platform(PlatformLog),
    /// One layout a kind of event (before version 6).
    Older(OlderLog),
    /// Something, in a layout that is not published.
    Unknown,
}

/// The extended part of version 6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformLog {
    /// What the firmware says of its log.
    pub state: State,
    /// In the order of the log.
    pub sections: Vec<Section>,
    /// Why there are no more sections, when the log is not sound.
    pub problem: Option<String>,
}

/// The first byte of an extended part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(clippy::struct_excessive_bools)] // they are independent bits of one byte
pub struct State {
    /// The log is valid.
    pub valid: bool,
    /// The error could not be undone.
    pub unrecoverable: bool,
    /// The error was corrected or could be tried again.
    pub recoverable: bool,
    /// The failing part is bypassed; the system is degraded.
    pub bypassed: bool,
    /// The error was corrected, but will come again.
    pub predictive: bool,
}

/// Why bytes are no event.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} bytes are too few for an RTAS event, which has at least {HEADER_BYTES}")]
pub struct TooShort(usize);

/// Decodes one record of `/proc/powerpc/rtas/error_log`: the kernel's number of the event, and the event.
pub fn decode_record(record: &[u8]) -> Result<(u32, Event), TooShort> {
    let (number, event) = record.split_first_chunk::<SEQUENCE_BYTES>().ok_or(TooShort(record.len()))?;
    Ok((u32::from_ne_bytes(*number), decode(event)?))
}

/// Decodes an event. What follows it in a larger buffer is ignored.
pub fn decode(bytes: &[u8]) -> Result<Event, TooShort> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(TooShort(bytes.len()))?;
    let header = Header::decode(u64::from_be_bytes(*header));
    Ok(Event { header, details: details(&header, rest) })
}

impl Header {
    /// From the first 8 bytes, as one number. (LoPAR 2.9, table "RTAS Event Return Format (Fixed Part)")
    pub fn decode(word: u64) -> Self {
        let [version, how, parties, kind, length @ ..] = word.to_be_bytes();
        Self {
            version,
            severity: Severity::from_bits(how >> 5),
            disposition: Disposition::from_bits(how >> 3),
            extended: how & 0x04 != 0,
            initiator: Party::from_bits(parties >> 4),
            target: Party::from_bits(parties),
            kind: Kind::from_byte(kind),
            extended_length: u32::from_be_bytes(length),
        }
    }
}

fn details(header: &Header, rest: &[u8]) -> Details {
    // The length of a reassignment is not a length.
    if !header.extended || header.kind == Kind::Reassignment {
        return Details::None;
    }
    let announced = usize::try_from(header.extended_length).unwrap_or(usize::MAX);
    let present = Fields::of(&rest[..announced.min(rest.len())]);
    if header.version < 6 {
        return older::decode(header, present).map_or(Details::Unknown, Details::Older);
    }
    let (Some(state), Some(format), company) = (present.byte(0), present.byte(2), present.bytes(12, 4)) else {
        return Details::Unknown;
    };
    if format & 0x0f != PLATFORM_LOG_FORMAT || company != Some(b"IBM\0") {
        return Details::Unknown;
    }
    let (sections, problem) = sections(present, announced);
    Details::Platform(PlatformLog { state: State::from_byte(state), sections, problem })
}

/// The sections up to the end, or up to the first that cannot be.
fn sections(log: Fields<'_>, announced: usize) -> (Vec<Section>, Option<String>) {
    let mut found = Vec::new();
    let mut at = SECTIONS_AT;
    while at < log.len() {
        if found.len() == SECTION_LIMIT {
            return (found, Some(format!("it has more than {SECTION_LIMIT} sections")));
        }
        match Section::decode(log.from(at)) {
            Ok(section) => {
                at += usize::from(section.length);
                found.push(section);
            }
            Err(problem) => return (found, Some(format!("at byte {at}: {problem}"))),
        }
    }
    let problem =
        (announced > log.len()).then(|| format!("it is cut off: {} of {announced} bytes are there", log.len()));
    (found, problem)
}

impl State {
    fn from_byte(byte: u8) -> Self {
        let bit = |bit: u8| byte & (0x80 >> bit) != 0;
        Self { valid: bit(0), unrecoverable: bit(1), recoverable: bit(2), bypassed: bit(3), predictive: bit(4) }
    }
}

impl Event {
    /// The sections; none for an event without them.
    pub fn sections(&self) -> &[Section] {
        match &self.details {
            Details::Platform(log) => &log.sections,
            _ => &[],
        }
    }

    /// The power warning in it, of whatever version.
    pub fn epow(&self) -> Option<epow::Action> {
        match &self.details {
            Details::Older(log) => log.epow.as_ref().map(|epow| epow.action),
            _ => self.sections().iter().find_map(|section| match &section.content {
                section::Content::Epow(epow) => Some(epow.action),
                _ => None,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
