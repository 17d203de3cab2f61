//! A log: lines of the kernel about events and migrations, and events that it printed byte by byte.

use platform::mobility;
use platform::rtas::{dump, event, line};

use super::{Details, Found};

/// In the order of the log; events that were printed byte by byte come after the lines.
pub(super) fn decode(log: &str) -> Vec<Found> {
    let mut found: Vec<Found> = log.lines().filter_map(of_line).collect();
    let printed = dump::parse(log).into_iter();
    found.extend(printed.filter_map(|event| Some(Found::event(event.number, event::decode(&event.bytes).ok()?))));
    found
}

fn of_line(text: &str) -> Option<Found> {
    let about_event = || {
        let line = line::parse(text)?;
        let number = if let line::Line::Event { number, .. } = line { Some(u64::from(number)) } else { None };
        Some(Found { number, sentence: line.sentence(), details: Details::KernelLine(line) })
    };
    let about_migration = || {
        let event = mobility::parse(text)?;
        Some(Found { number: None, sentence: format!("Migration: {event}."), details: Details::Migration(event) })
    };
    about_event().or_else(about_migration)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sentences(log: &str) -> Vec<String> {
        decode(log).into_iter().map(|found| found.sentence).collect()
    }

    /// The article's dmesg.
    #[test]
    fn the_log_of_the_article_tells_a_migration() {
        let log = "[539043.613297] calling ibm,suspend-me on cpu 4\n\
                   [539043.960651] EPOW <0x6240040000000b8 0x0 0x0>\n\
                   [539043.960665] ibmvscsi 30000003: Re-enabling adapter!\n\
                   [539043.961606] RTAS: event: 21, Type: EPOW, Severity: 1\n\
                   [539044.175848] property parse failed in parse_next_property at line 230\n";
        let expected = [
            "Migration: processor 4 asks the firmware to suspend the partition.",
            "Environmental and power warning, event, nothing failed (version 6, 184 bytes of details); the power sensor \
             says: power and cooling are in order (again).",
            "The firmware reported event 21: environmental and power warning; severity: event, nothing failed.",
        ];
        assert_eq!(sentences(log), expected);
    }

    #[test]
    fn events_that_the_kernel_printed_are_decoded() {
        let log = "RTAS: 21 -------- RTAS event begin --------\n\
                   RTAS 0: 06200040 00000000\n\
                   RTAS: 21 -------- RTAS event end ----------\n";
        let found = decode(log);
        assert_eq!((found.len(), found[0].number), (1, Some(21)));
        assert!(matches!(found[0].details, Details::Event(_)));
    }

    proptest! {
        #[test]
        fn any_text_is_read(log in "(RTAS|EPOW|mobility|[ -~]|\n){0,60}") {
            decode(&log);
        }
    }
}
