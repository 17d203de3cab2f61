//! A dump: one event after the other, as firmware made them or as the kernel's file gives them.
//!
//! The kernel puts the event's number before each, in the byte order of the machine, and pads with zero bytes to a length that
//! only that machine's firmware knows. So the next event is looked for behind the padding, and has to look like one.

use platform::rtas::event::{self, Event, Kind};

use super::Found;

/// The fixed part of an event.
const HEADER_BYTES: usize = 8;
/// The number before an event.
const NUMBER_BYTES: usize = 4;
/// Versions of the format (LoPAR 2.9, "RTAS Event Return Format"). POWER5 and later have 6.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=6;
/// As large as the kernel ever makes one (Linux, asm/rtas.h, RTAS_ERROR_LOG_MAX).
const EXTENDED_LIMIT_BYTES: u32 = 2048;

pub(super) fn decode(dump: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((number, event, start)) = next(dump, at) {
        at = start + HEADER_BYTES + extended_bytes(&event);
        found.push(Found::event(number, event));
    }
    found
}

/// The next event from `at` on: its number where the kernel gave one, itself, and where it starts.
fn next(dump: &[u8], at: usize) -> Option<(Option<u64>, Event, usize)> {
    let rest = dump.get(at..)?;
    let padding = rest.iter().take_while(|byte| **byte == 0).count();
    // A number in big endian begins with zero bytes, which look like padding.
    let earliest = at + padding.saturating_sub(NUMBER_BYTES - 1);
    let bare = plausible(dump, at + padding).map(|event| (None, event, at + padding));
    bare.or_else(|| {
        (earliest..=at + padding).rev().find_map(|number_at| {
            let event = plausible(dump, number_at + NUMBER_BYTES)?;
            Some((number(dump, number_at), event, number_at + NUMBER_BYTES))
        })
    })
}

/// The event that starts there, if it can be one.
fn plausible(dump: &[u8], at: usize) -> Option<Event> {
    let event = event::decode(dump.get(at..)?).ok()?;
    let header = &event.header;
    let known = VERSIONS.contains(&header.version) && !matches!(header.kind, Kind::Other(_));
    (known && (header.extended_length <= EXTENDED_LIMIT_BYTES || header.kind == Kind::Reassignment)).then_some(event)
}

/// In whichever byte order is the smaller one: events are counted from 1.
fn number(dump: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; NUMBER_BYTES] = dump.get(at..at + NUMBER_BYTES)?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(bytes).min(u32::from_be_bytes(bytes))))
}

fn extended_bytes(event: &Event) -> usize {
    match event.header.kind {
        // Its length is no length.
        Kind::Reassignment => 0,
        _ if event.header.extended => usize::try_from(event.header.extended_length).unwrap_or(usize::MAX),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The fixed part of the article's event, with what it announces left out.
    const EPOW: [u8; 8] = [6, 0x20, 0, 0x40, 0, 0, 0, 0];

    fn numbers(dump: &[u8]) -> Vec<Option<u64>> {
        decode(dump).into_iter().map(|found| found.number).collect()
    }

    #[test]
    fn bare_events_follow_each_other() {
        assert_eq!(numbers(&[EPOW, EPOW].concat()), [None, None]);
    }

    #[test]
    fn records_of_the_kernel_have_a_number_and_padding() {
        let padding = [0; 100];
        let little = [&21_u32.to_le_bytes()[..], &EPOW, &padding, &22_u32.to_le_bytes()[..], &EPOW, &padding].concat();
        assert_eq!(numbers(&little), [Some(21), Some(22)]);
        let big = [&21_u32.to_be_bytes()[..], &EPOW, &padding, &22_u32.to_be_bytes()[..], &EPOW, &padding].concat();
        assert_eq!(numbers(&big), [Some(21), Some(22)]);
    }

    #[test]
    fn the_sixth_record_is_not_an_event_of_version_six() {
        assert_eq!(numbers(&[&6_u32.to_le_bytes()[..], &EPOW].concat()), [Some(6)]);
    }

    #[test]
    fn what_is_no_event_is_none() {
        for dump in [&b""[..], b"\0\0\0\0", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", &[0xff; 64]] {
            assert!(decode(dump).is_empty(), "{dump:?}");
        }
    }

    proptest! {
        #[test]
        fn any_dump_has_an_end(dump in prop::collection::vec(prop_oneof![Just(0_u8), Just(6), Just(0x40), any::<u8>()], 0..400)) {
            prop_assert!(decode(&dump).len() <= dump.len());
        }
    }
}
