//! What the kernel prints about RTAS events, when the event itself is not at hand.
//!
//! - `RTAS: event: 21, Type: EPOW, Severity: 1`, since Linux 4.6 `Type: EPOW (64)` (arch/powerpc/kernel/rtasd.c);
//! - `EPOW <0x6240040000000b8 0x0 0x0>`, up to Linux 4.3: the first 8 bytes of the event as a number, the status of
//!   `check-exception`, the value of the power sensor (arch/powerpc/platforms/pseries/ras.c, ras_epow_interrupt).

use serde::Serialize;

use super::event::epow::Action;
use super::event::{Header, Kind, Severity};
use super::status::{Call, meaning};
use crate::kernellog::message;

/// A line about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// `RTAS: event: ...`
    Event {
        /// The kernel's number of the event.
        number: u32,
        /// What it is about; none for a name that this kernel's successor has invented.
        kind: Option<Kind>,
        /// How bad it is.
        severity: Severity,
    },
    /// `EPOW <...>`
    Epow {
        /// The fixed part of the event.
        header: Header,
        /// How fetching the event ended.
        status: i32,
        /// What the power sensor showed.
        sensor: Action,
    },
}

/// Reads a line of the kernel's log. None when it is about something else.
pub fn parse(line: &str) -> Option<Line> {
    let message = message(line);
    event(message).or_else(|| epow(message))
}

fn event(message: &str) -> Option<Line> {
    let rest = message.strip_prefix("RTAS: event: ")?;
    let (number, rest) = rest.split_once(", Type: ")?;
    let (name, severity) = rest.rsplit_once(", Severity: ")?;
    let numbered = name.strip_suffix(')').and_then(|name| name.rsplit_once(" ("));
    let (name, code) = numbered.map_or((name, None), |(name, code)| (name, code.parse().ok()));
    Some(Line::Event {
        number: number.trim().parse().ok()?,
        kind: code.map(Kind::from_byte).or_else(|| Kind::from_kernel_name(name)),
        severity: Severity::from_bits(severity.trim().parse().ok()?),
    })
}

fn epow(message: &str) -> Option<Line> {
    let inner = message.strip_prefix("EPOW <")?.split_once('>')?.0;
    let mut words = inner.split_ascii_whitespace().map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
    let (first, status, sensor) = (words.next()??, words.next()??, words.next()??);
    Some(Line::Epow {
        header: Header::decode(first),
        // Printed with %x: a negative status looks large.
        status: i32::from_ne_bytes(u32::try_from(status).ok()?.to_ne_bytes()),
        sensor: Action::from_bits((sensor & 0x0f) as u8),
    })
}

impl Line {
    /// What happened, in a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Event { number, kind, severity } => {
                let kind = kind.map_or_else(|| "an event of a new kind".to_owned(), |kind| format!("{kind}"));
                format!("The firmware reported event {number}: {kind}; severity: {severity}.")
            }
            Self::Epow { header, status: 0, sensor } => {
                format!("{}; the power sensor says: {sensor}.", header.sentence())
            }
            Self::Epow { status, sensor, .. } => format!(
                "Environmental and power warning that could not be fetched ({}); the power sensor says: {sensor}.",
                meaning(Call::Other, *status)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The two lines of the article (dmesg of Linux 3.2 after a migration).
    #[test]
    fn the_lines_of_the_article_are_sentences() {
        assert_eq!(
            parse("[539043.960651] EPOW <0x6240040000000b8 0x0 0x0>").unwrap().sentence(),
            "Environmental and power warning, event, nothing failed (version 6, 184 bytes of details); the power sensor says: \
             power and cooling are in order (again)."
        );
        assert_eq!(
            parse("[539043.961606] RTAS: event: 21, Type: EPOW, Severity: 1").unwrap().sentence(),
            "The firmware reported event 21: environmental and power warning; severity: event, nothing failed."
        );
    }

    #[test]
    fn newer_kernels_give_the_number_too() {
        let found = parse("RTAS: event: 2340, Type: Platform Error (224), Severity: 2");
        let expected = Line::Event { number: 2340, kind: Some(Kind::PlatformError), severity: Severity::Warning };
        assert_eq!(found, Some(expected));
        let new = parse("RTAS: event: 1, Type: Something New, Severity: 1").unwrap();
        assert_eq!(
            new.sentence(),
            "The firmware reported event 1: an event of a new kind; severity: event, nothing failed."
        );
    }

    #[test]
    fn a_warning_that_could_not_be_fetched_says_why() {
        let found = parse("EPOW <0x0 0xffffffff 0x3>").unwrap();
        assert!(matches!(found, Line::Epow { status: -1, sensor: Action::Shutdown, .. }));
        assert_eq!(
            found.sentence(),
            "Environmental and power warning that could not be fetched (hardware error); the power sensor says: the system has \
             to be shut down."
        );
    }

    #[test]
    fn other_lines_are_none() {
        for line in ["", "EPOW <", "EPOW <1 2 3>", "RTAS: event: x, Type: EPOW, Severity: 1", "RTAS daemon started"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_not(line in "(EPOW <|RTAS: event: )[0-9a-fx, A-Z:()>]{0,60}") {
            let _ = parse(&line).map(|line| line.sentence());
        }
    }
}
