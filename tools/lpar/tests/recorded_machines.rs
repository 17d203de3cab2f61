//! Every verb that reads the machine itself, on every recorded machine.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs;

use program::{Machine, differs, tests};

/// The name of what is expected, and the line.
const LINES: [(&str, &str); 9] = [
    ("dcaps", "dcaps"),
    ("dcaps-explain", "dcaps --explain"),
    ("dcaps-json", "dcaps --json"),
    ("doctor", "doctor"),
    ("identity", "identity"),
    ("identity-json", "identity --json"),
    ("slots", "slots"),
    ("status", "status"),
    ("status-json", "status --json"),
];

fn machines() -> Vec<String> {
    let entries = fs::read_dir(tests().join("machines")).unwrap().map(|entry| entry.unwrap().path());
    let names = entries.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn every_verb_says_of_every_machine_what_is_expected() {
    let machines = machines();
    assert!(machines.len() >= 4, "{machines:?}");
    let mut different = Vec::new();
    for name in &machines {
        let machine = Machine::recorded(name);
        for (verb, line) in LINES {
            let path = format!("{verb}/{name}.txt");
            if differs(&path, &machine.lpar(line).whole()) {
                different.push(path);
            }
        }
    }
    assert!(different.is_empty(), "{different:?}");
}

/// The two forms of a report are made from one value.
#[test]
fn doctor_says_the_same_in_json() {
    for name in machines() {
        let machine = Machine::recorded(&name);
        let (text, json) = (machine.lpar("doctor"), machine.lpar("doctor --json"));
        let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        let sections = report["sections"].as_array().unwrap();
        let findings: Vec<_> = sections.iter().flat_map(|section| section["findings"].as_array().unwrap()).collect();
        assert_eq!(text.status, json.status);
        assert_eq!(text.status == 1, findings.iter().any(|finding| finding["verdict"] == "fail"));
        for finding in findings {
            assert!(text.out.contains(finding["found"].as_str().unwrap()), "{name}: {finding}");
        }
    }
}

/// A check that finds something wrong says what to do about it.
#[test]
fn doctor_knows_a_remedy_for_everything_that_is_wrong() {
    for name in machines() {
        let report: serde_json::Value =
            serde_json::from_str(&Machine::recorded(&name).lpar("doctor --json").out).unwrap();
        for finding in report["sections"].as_array().unwrap().iter().flat_map(|s| s["findings"].as_array().unwrap()) {
            let is_wrong = finding["verdict"] == "fail" || finding["verdict"] == "warn";
            assert!(!is_wrong || finding["mend"].is_string(), "{name}: {finding}");
        }
    }
}

#[test]
fn slots_are_the_same_in_json() {
    for name in machines().into_iter().filter(|name| name.starts_with("qemu-")) {
        let json = Machine::recorded(&name).lpar("slots --json");
        let report: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(json.status, 0);
        assert!(report["processors"].is_array() && report["virtual_slots"].is_array(), "{name}");
    }
}
