//! Recorded RTAS events: what each means, as a sentence and as JSON, is in `tests/expected/events`.
//! `BLESS=yes cargo test -p platform` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};

use platform::rtas::event;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn each_event_means_what_is_expected() {
    let mut names = Vec::new();
    for entry in fs::read_dir(tests().join("events")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "hex") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let found = event::decode(&bytes(&fs::read_to_string(&path).unwrap())).unwrap();
        let shown = format!("{}\n{}\n", found.sentence(), serde_json::to_string_pretty(&found).unwrap());
        let expected = tests().join("expected/events").join(format!("{name}.txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
        names.push(name);
    }
    assert!(names.len() >= 14, "{names:?}");
}
