//! `lpar events`: recorded events, dumps and logs, and what a recorded machine has of them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use program::{Machine, differs, lpar, lpar_reading, tests};

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

/// The same as rtas_errd writes it to its log.
fn written(number: u32, event: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let lines = event.chunks(16).enumerate().map(|(line, bytes)| format!("RTAS {line}: {}\n", hex(bytes)));
    let lines: String = lines.collect();
    format!(
        "RTAS: {number} -------- RTAS event begin --------\n{lines}RTAS: {number} -------- RTAS event end ----------\n"
    )
}

fn recorded_event(name: &str) -> Vec<u8> {
    event(&tests().join("events").join(name).with_extension("hex"))
}

#[test]
fn the_events_of_a_recorded_machine_are_those_of_its_files() {
    let log = [written(20, &recorded_event("v6-epow-event")), "ppc64-diag: a remark\n".into()].concat();
    let machine = Machine::bare().with("var/log/platform", &log);
    assert!(!differs("events/recorded.txt", &machine.lpar("events").whole()));
    assert!(!differs("events/recorded-json.txt", &machine.lpar("events --json").whole()));
    let machine = machine.with("proc/ppc64/rtas/error_log", "");
    let waiting = [&21_u32.to_be_bytes()[..], &recorded_event("v3-fan-failure"), &[0; 99]].concat();
    fs::write(machine.root().join("proc/ppc64/rtas/error_log"), &waiting).unwrap();
    assert!(!differs("events/recorded-waiting.txt", &machine.lpar("events").whole()));
    assert_eq!(fs::read(machine.root().join("proc/ppc64/rtas/error_log")).unwrap(), waiting);
}

#[test]
fn a_record_without_events_says_where_it_looked() {
    let without = "events-recorded/power8-8247-21l.txt";
    assert!(!differs(without, &Machine::bare().lpar("events").whole()));
    assert!(!differs(without, &Machine::bare().with("var/log/platform", "no event\n").lpar("events --json").whole()));
}

/// Another name of a running system's root is no record: what waits in its kernel is not taken from whoever is to have it.
#[test]
fn what_is_no_plain_file_is_left_alone() {
    let machine = Machine::bare().with("var/log/platform", &written(20, &recorded_event("v6-epow-event")));
    let waiting = machine.root().join("proc/powerpc/rtas/error_log");
    fs::create_dir_all(waiting.parent().unwrap()).unwrap();
    let _socket = UnixListener::bind(&waiting).unwrap();
    assert!(!differs("events/recorded.txt", &machine.lpar("events").whole()));
}
