//! `lpar events --decode`: recorded events, dumps and logs.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs;
use std::path::Path;

use program::{differs, lpar, lpar_reading, tests};

/// The bytes of a recorded event.
fn event(file: &Path) -> Vec<u8> {
    let hex: Vec<u8> = fs::read(file).unwrap().into_iter().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap();
    hex.chunks_exact(2).map(|pair| u8::try_from((digit(pair[0]) << 4) | digit(pair[1])).unwrap()).collect()
}

#[test]
fn every_recorded_event_is_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let mut different = Vec::new();
    for file in fs::read_dir(tests().join("events")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|extension| extension != "hex") {
            continue;
        }
        let dump = dir.path().join("dump");
        fs::write(&dump, event(&file)).unwrap();
        let path = format!("events/{}.txt", file.file_stem().unwrap().to_str().unwrap());
        if differs(&path, &lpar(&["events", "--decode", dump.to_str().unwrap()]).whole()) {
            different.push(path);
        }
    }
    assert!(different.is_empty(), "{different:?}");
}

/// The kernel's log of the article, a migration in 2014.
const ARTICLE: &str = "[539043.613297] calling ibm,suspend-me on cpu 4\n\
                       [539043.960651] EPOW <0x6240040000000b8 0x0 0x0>\n\
                       [539043.960665] ibmvscsi 30000003: Re-enabling adapter!\n\
                       [539043.961606] RTAS: event: 21, Type: EPOW, Severity: 1\n";

#[test]
fn the_log_of_the_article_is_read_from_standard_input() {
    assert!(!differs("events/article.txt", &lpar_reading(ARTICLE, &["events", "--decode", "-"]).whole()));
    assert!(!differs(
        "events/article-json.txt",
        &lpar_reading(ARTICLE, &["events", "--decode", "-", "--json"]).whole()
    ));
}

#[test]
fn a_file_without_events_is_an_error() {
    let said = lpar_reading("nothing of interest\n", &["events", "--decode", "-"]);
    assert!(!differs("events/nothing.txt", &said.whole()));
    let said = lpar(&["events", "--decode", "/no/such/file"]);
    assert!(!differs("events/no-such-file.txt", &said.whole()));
}
