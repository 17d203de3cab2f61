//! Replays the fuzzer's seeds, and every input that was once a bug, through the function that the fuzzer calls.
//!
//! With `LPARKIT_WRITE_SEEDS=1` the seeds are written anew.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and reads its own files

#[path = "../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::{Path, PathBuf};

use lpard::hook_output::{CUT, LIMIT_BYTES, said};

fn directory(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join("hook-output")
}

/// None where the directory is absent: there may be no former bug.
fn inputs(kind: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(directory(kind)).into_iter().flatten();
    entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

/// What hooks may say: the limit, the length of standard error, the bytes.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let seed = |limit: usize, errors: u8, bytes: &[u8]| {
        [&u16::try_from(limit).unwrap().to_be_bytes(), &[errors][..], bytes].concat()
    };
    vec![
        ("silence", seed(LIMIT_BYTES, 0, b"")),
        ("reason", seed(LIMIT_BYTES, 22, b"the backup is running\nwaiting\n")),
        ("terminal", seed(LIMIT_BYTES, 9, b"\x1b]0;x\x07\x1b[31mred\x1b[0m\r\n\x9b2J")),
        ("not-text", seed(LIMIT_BYTES, 4, b"\xff\xfe\x00\xc3(\xf0\x28\x8c\xbc \xed\xa0\x80")),
        ("turned-around", seed(LIMIT_BYTES, 0, "a\u{202e}b\u{200b}c\u{feff}".as_bytes())),
        ("cut-in-a-character", seed(4, 0, "aaaü".as_bytes())),
        ("grows", seed(16, 0, &[0x1b; 16])),
        ("no-room", seed(0, 1, b"xy")),
    ]
}

#[test]
fn no_seed_and_no_former_bug_breaks_a_promise() {
    if std::env::var_os("LPARKIT_WRITE_SEEDS").is_some() {
        for (name, bytes) in seeds() {
            fs::write(directory("corpus-seed").join(name), bytes).unwrap();
        }
    }
    let kept = inputs("corpus-seed");
    assert_eq!(kept.len(), seeds().len());
    for input in kept.iter().chain(&inputs("regressions")) {
        entry::hook_output(input);
        for at in 0..input.len() {
            entry::hook_output(&input[..at]);
            for mask in [1, 0x80, 0xff] {
                let mut altered = input.clone();
                altered[at] ^= mask;
                entry::hook_output(&altered);
            }
        }
    }
}

#[test]
fn what_a_hook_says_is_kept_as_far_as_it_fits_and_shown_as_it_is() {
    type Case<'a> = (&'a [u8], &'a [u8], bool, usize, &'a str);
    let cases: [Case<'_>; 8] = [
        (b"why\n", b"what\n", false, LIMIT_BYTES, "why\nwhat\n"),
        (b"why", b"what", false, 5, &format!("whywh{CUT}")),
        (b"why", b"what", false, 7, "whywhat"),
        (b"why", b"", true, LIMIT_BYTES, &format!("why{CUT}")),
        (b"\x1b[31mred\r", b"\0", false, LIMIT_BYTES, "\\u{1b}[31mred\\r\\u{0}"),
        (b"\xc3\xbc\xff", b"", false, LIMIT_BYTES, "\u{fc}\u{fffd}"),
        ("aaa\u{fc}".as_bytes(), b"", false, 4, &format!("aaa{CUT}")),
        (b"\x1b\x1b", b"", false, 8, &format!("\\u{{1b}}\\u{CUT}")),
    ];
    for (errors, output, cut_before, room, expected) in cases {
        assert_eq!(said(errors, output, cut_before, room), expected, "{errors:?} {output:?}");
    }
}
