//! Replays the fuzzers' seeds, and every input that was once a bug, through the functions that the fuzzers call.
//!
//! With `LPARKIT_WRITE_SEEDS=1` the seeds are written anew.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../fuzz/entry.rs"]
mod entry;
mod recorded_bytes;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// A target's name and what it calls.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 5] = [
    ("event", entry::event),
    ("text", entry::text),
    ("property", entry::property),
    ("connectors", entry::connectors),
    ("configure-connector", entry::configure_connector),
];

const TEXTS: [(&str, &str); 5] = [
    ("lparcfg", "lparcfg 1.9\nserial_number=IBM,0212345AB\npartition_id=3\ncapacity_weight=128\n"),
    ("meminfo", "MemTotal:        1015552 kB\nMemAvailable:     900000 kB\n"),
    ("cpu-list", "0-3,8,16-23\n"),
    (
        "migration",
        "mobility: calling ibm,suspend-me on CPU 0\n[ 1.0] mobility: Partition suspend attempt 1 of 5 error: -11\n",
    ),
    (
        "events",
        "[539043.960651] EPOW <0x6240040000000b8 0x0 0x0>\nRTAS: event: 21, Type: EPOW (64), Severity: 1\n\
         RTAS: 21 -------- RTAS event begin --------\nRTAS 0: 06240040 000000b8\nRTAS: 21 -------- RTAS event end ----------\n",
    ),
];

const PROPERTIES: [(&str, &[u8]); 3] =
    [("text", b"IBM,9009-42A\0"), ("list", b"a\0b\0\0"), ("cells", &[0, 0, 0xfa, 0xd4, 0x43, 0x3e, 0xd1, 0x20])];

const CONNECTORS: [(&str, &[u8]); 4] = [
    ("range", b"\0\0\0\x01CPU\0CPU \0\x10\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x08\xff\xff\xff\xff"),
    ("names", b"\0\0\0\x02PHB 0\0PHB 1\0"),
    ("blocks-v2", b"\0\0\0\x01\0\0\0\x02\0\0\0\0\x40\0\0\0\x80\0\0\x04\0\0\0\0\0\0\0\x08"),
    ("associativity", b"\0\0\0\x01\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"),
];

/// Answers of `ibm,configure-connector`: status, name, value.
type Answers = &'static [(u8, &'static str, &'static [u8])];

const DESCRIPTIONS: [(&str, Answers); 4] = [
    (
        "card",
        &[(2, "ethernet@0", b""), (3, "ibm,my-drc-index", &[0x40, 0, 0, 1]), (3, "ibm,usable", b""), (0, "", b"")],
    ),
    (
        "bridge-with-card",
        &[
            (2, "pci@1", b""),
            (2, "usb@0", b""),
            (4, "", b""),
            (2, "usb@1", b""),
            (3, "reg", b"x"),
            (4, "", b""),
            (0, "", b""),
        ],
    ),
    ("siblings", &[(2, "pci@1", b""), (1, "interrupt-controller@1", b""), (3, "reg", &[0; 16]), (0, "", b"")]),
    ("more-memory", &[(2, "pci@1", b""), (5, "", b"")]),
];

/// As the target reads them: status, length of the work area, and the area, in which the name begins at byte 20.
fn work_areas(answers: Answers) -> Vec<u8> {
    let area = |(status, name, value): &(u8, &str, &[u8])| {
        let value_at = 20 + name.len() + 1;
        let mut area: Vec<u8> = [0x4000_0001, 0, 20, value.len(), value_at]
            .iter()
            .flat_map(|word| u32::try_from(*word).unwrap().to_be_bytes())
            .chain(name.bytes())
            .chain([0])
            .collect();
        area.extend(*value);
        let length = u16::try_from(area.len()).unwrap().to_be_bytes();
        [&[*status], length.as_slice(), &area].concat()
    };
    answers.iter().flat_map(area).collect()
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target);
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn write_seeds_if_asked() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("LPARKIT_WRITE_SEEDS").is_none() {
            return;
        }
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus-seed");
        let write = |target: &str, name: &str, bytes: &[u8]| fs::write(seeds.join(target).join(name), bytes).unwrap();
        for (name, bytes) in recorded_bytes::events() {
            write("event", &name, &bytes);
        }
        for (name, text) in TEXTS {
            write("text", name, text.as_bytes());
        }
        for (name, bytes) in CONNECTORS {
            write("connectors", name, bytes);
        }
        for (name, answers) in DESCRIPTIONS {
            write("configure-connector", name, &work_areas(answers));
        }
        for (name, bytes) in PROPERTIES {
            write("property", name, bytes);
        }
    });
}

#[test]
fn no_seed_and_no_former_bug_makes_a_parser_panic() {
    write_seeds_if_asked();
    for (target, run) in TARGETS {
        let seeds = inputs("corpus-seed", target);
        assert!(seeds.len() >= 3, "seeds of {target}");
        for path in seeds.iter().chain(&inputs("regressions", target)) {
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn no_seed_cut_short_or_altered_makes_a_parser_panic() {
    write_seeds_if_asked();
    for (target, run) in TARGETS {
        for path in inputs("corpus-seed", target) {
            let seed = fs::read(path).unwrap();
            for at in 0..seed.len() {
                run(&seed[..at]);
                for mask in [1, 0x80, 0xff] {
                    let mut altered = seed.clone();
                    altered[at] ^= mask;
                    run(&altered);
                }
            }
        }
    }
}
