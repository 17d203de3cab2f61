//! Decoding of made-up events; recorded ones are in `tests/events`, what they mean in `tests/expected/events`.

use proptest::prelude::*;

use super::section::Content;
use super::*;

/// A version 6 event of this kind with these sections.
fn event(kind: u8, sections: &[Vec<u8>]) -> Vec<u8> {
    let mut log = vec![0x80, 0, 0x8e, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    log.extend(b"IBM\0");
    log.extend(sections.concat());
    let length = u32::try_from(log.len()).unwrap();
    [&[6, 0x24, 0, kind] as &[u8], &length.to_be_bytes(), &log].concat()
}

/// A section with its header; the length is right.
fn section(id: [u8; 2], version: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 8).unwrap();
    [&id as &[u8], &length.to_be_bytes(), &[version, 0, 0, 0], body].concat()
}

fn epow_event(action: u8, modifier: u8, version: u8, scope: u8) -> Event {
    let body = [action, modifier, scope, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    decode(&event(0x40, &[section(*b"EP", version, &body)])).unwrap()
}

#[test]
fn every_power_warning_has_its_sentence() {
    let cases = [
        (0, 0, "power and cooling are in order (again)"),
        (1, 0, "a cooling problem that is not critical"),
        (2, 0, "a power problem that is not critical"),
        (3, 0, "the system has to be shut down: no reason given"),
        (3, 1, "the system has to be shut down: somebody asked for it; the kernel shuts down"),
        (
            3,
            2,
            "the system has to be shut down: utility power is lost and it runs on UPS or battery; shutting down is left to \
             programs, unless power comes back",
        ),
        (3, 3, "the system has to be shut down: critical functions of the system are lost; the kernel shuts down"),
        (3, 4, "the system has to be shut down: it is too hot around the system; the kernel shuts down"),
        (3, 9, "the system has to be shut down: reason 9, which LoPAR does not define"),
        (4, 0, "the system has to be shut down within 20 seconds; the kernel shuts down"),
        (5, 0, "the system may lose power within milliseconds; the kernel switches off at once"),
        (7, 0, "the system loses power within milliseconds; the kernel switches off at once"),
        (6, 0, "action code 6, which LoPAR does not define"),
    ];
    for (action, modifier, words) in cases {
        let found = epow_event(action, modifier, 1, 0);
        assert_eq!(found.sentence(), format!("Environmental and power warning: {words}."));
    }
}

#[test]
fn a_shutdown_says_whom_it_concerns_since_version_2_of_its_section() {
    let with_scope = |version, scope| epow_event(3, 1, version, scope).sentence();
    assert!(with_scope(2, 0).contains("; it concerns the whole system;"));
    assert!(with_scope(2, 1).contains("; it concerns this partition only;"));
    assert!(!with_scope(1, 1).contains("concerns"));
}

#[test]
fn hotplug_requests_name_their_resource_in_four_ways() {
    let cases: [(&[u8], &str); 6] = [
        (&[1, 1, 2, 0, 0x10, 0, 0, 8], "add processor with DRC index 0x10000008"),
        (&[2, 2, 3, 0, 0, 0, 0, 4], "remove memory: 4"),
        (&[2, 1, 4, 0, 0, 0, 0, 2, 0x80, 0, 0, 4], "add memory: 2 from DRC index 0x80000004 on"),
        (&[4, 1, 1, 0, b'P', b'H', b'B', b' ', b'3', 0], "add PCI host bridge PHB 3"),
        (
            &[9, 8, 7, 0],
            "action 8, which LoPAR does not define, on resource of type 9, named in a way (7) that LoPAR does not define",
        ),
        (&[5, 2, 2, 0x80, 0x40, 0, 0, 8, 0, 0, 0, 77], "remove PCI device with DRC index 0x40000008"),
    ];
    for (body, words) in cases {
        let found = decode(&event(0xe5, &[section(*b"HP", 1, body)])).unwrap();
        assert_eq!(found.sentence(), format!("Hotplug request: {words}."));
    }
}

#[test]
fn a_hotplug_token_is_there_when_it_is_announced() {
    let token = |capabilities: u8| {
        let body = [5, 2, 2, capabilities, 0x40, 0, 0, 8, 0, 0, 0, 77];
        let found = decode(&event(0xe5, &[section(*b"HP", 1, &body)])).unwrap();
        let Content::Hotplug(request) = &found.sections()[0].content else { panic!("{found:?}") };
        (request.token, request.transactional)
    };
    assert_eq!(token(0x80), (Some(77), true));
    assert_eq!(token(0x40), (None, false));
}

#[test]
fn io_events_and_partitions_are_told() {
    let io = section(*b"IE", 1, &[3, 8, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0]);
    let found = decode(&event(0xe1, &[io])).unwrap();
    assert_eq!(found.sentence(), "I/O event: the platform keeps dumps of another size: 4096 bytes.");
    let partitions = section(*b"LP", 1, &[0, 3, 8, 2, 0, 0, 0, 3, b'l', b'p', b'a', b'r', b'3', 0, 0, 0, 0, 3, 0, 5]);
    let found = decode(&event(0xe0, &[partitions])).unwrap();
    let Content::Partitions(found) = &found.sections()[0].content else { panic!("{found:?}") };
    assert_eq!((found.primary, found.name.as_deref(), found.targets.as_slice()), (3, Some("lpar3"), &[3, 5][..]));
}

#[test]
fn a_section_without_length_ends_the_log_and_is_told() {
    let mut bytes = event(0x40, &[section(*b"EP", 1, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), vec![0; 64]]);
    let found = decode(&bytes).unwrap();
    assert_eq!(
        found.sentence(),
        "Environmental and power warning: a cooling problem that is not critical; the log is not sound: at byte 36: \
         a section says that it has 0 bytes, fewer than its header."
    );
    assert_eq!(found.sections().len(), 1);
    // A section that says it is longer than the log.
    bytes[8 + 36 + 2] = 0xff;
    let Details::Platform(log) = decode(&bytes).unwrap().details else { panic!() };
    assert_eq!(log.problem.as_deref(), Some("at byte 36: a section says that it has 65280 bytes, and 64 are left"));
}

#[test]
fn a_log_that_is_cut_off_gives_what_is_there() {
    let whole = event(0x40, &[section(*b"EP", 1, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), section(*b"UD", 1, &[0; 32])]);
    let Details::Platform(log) = decode(&whole[..8 + 36]).unwrap().details else { panic!() };
    assert_eq!((log.sections.len(), log.problem.as_deref()), (1, Some("it is cut off: 36 of 76 bytes are there")));
    assert_eq!(decode(&whole[..9]).unwrap().details, Details::Unknown);
    assert_eq!(decode(&whole[..7]), Err(TooShort(7)));
}

#[test]
fn a_section_shorter_than_its_content_is_told_apart() {
    let found = decode(&event(0x40, &[section(*b"EP", 1, &[3, 2])])).unwrap();
    assert_eq!(found.sections()[0].content, Content::TooShort);
    assert_eq!(found.sentence(), "Environmental and power warning, event, nothing failed.");
}

#[test]
fn a_record_of_the_kernel_has_its_number_before_it() {
    let mut record = 21_u32.to_ne_bytes().to_vec();
    record.extend(event(0x40, &[]));
    record.extend([0; 100]);
    let (number, found) = decode_record(&record).unwrap();
    assert_eq!((number, found.header.kind), (21, Kind::Epow));
    assert!(decode_record(&[0; 3]).is_err() && decode_record(&[0; 11]).is_err());
}

#[test]
fn the_length_of_a_reassignment_is_its_scope() {
    let found = decode(&[6, 0x24, 0, 0xa0, 0, 0, 0, 3, 1, 2, 3]).unwrap();
    assert_eq!(found.details, Details::None);
    assert_eq!(found.sentence(), "Reassignment of resources, scope 3: current kernels ignore it.");
}

proptest! {
    /// Whatever the bytes, decoding ends, and sections are never more than fit.
    #[test]
    fn any_bytes_are_decoded(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(found) = decode(&bytes) {
            prop_assert!(found.sections().len() <= bytes.len() / 8);
            prop_assert!(found.sentence().ends_with('.'));
        }
    }

    /// The same with a sound beginning, so that the sections are reached.
    #[test]
    fn any_sections_are_decoded(kind in any::<u8>(), pieces in prop::collection::vec(
        (prop::sample::select(vec![*b"PH", *b"UH", *b"EP", *b"HP", *b"IE", *b"LR", *b"PS", *b"DH", *b"MT", *b"LP", *b"MC", *b"XX"]),
         any::<u8>(), prop::collection::vec(any::<u8>(), 0..120)), 0..6), cut in 0_usize..400) {
        let sections: Vec<_> = pieces.iter().map(|(id, version, body)| section(*id, *version, body)).collect();
        let bytes = event(kind, &sections);
        let whole = decode(&bytes).unwrap();
        if kind != 0xa0 {
            prop_assert_eq!(whole.sections().len(), pieces.len());
        }
        serde_json::to_string(&whole).unwrap();
        let _ = decode(&bytes[..cut.min(bytes.len())]).map(|event| event.sentence());
    }
}
