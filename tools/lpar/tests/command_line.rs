//! The command line itself: what is wrong with it, what the help says, and what happens to the output.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs::File;
use std::process::{Command, Stdio};

use program::{Machine, differs, lpar};

#[test]
fn every_verb_explains_itself() {
    let verbs = "status|doctor|dcaps|identity|events|slots|trust|trust add|trust list|trust remove|hooks|migrate-check|dlpar|\
                 dlpar cpu|dlpar mem|dlpar slot|dlpar phb|dlpar entitlement|completions|manual";
    for verb in verbs.split('|') {
        let words: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        assert!(!differs(&format!("help/{}.txt", verb.replace(' ', "-")), &lpar(&words).whole()), "{verb}");
    }
    assert!(!differs("help/lpar.txt", &lpar(&["--help"]).whole()));
}

#[test]
fn wrong_command_lines_end_with_two() {
    for line in [
        "",
        "nonsense",
        "status extra",
        "dlpar",
        "dlpar cpu",
        "dlpar cpu add 0",
        "events --follow --decode x",
        "trust add x",
    ] {
        let said = Machine::bare().lpar(line);
        assert_eq!(said.status, 2, "{line}: {said:?}");
        assert!(said.out.is_empty() && !said.err.is_empty(), "{line}");
    }
    let said = lpar(&["status", "--sysroot", "/no/such/machine"]);
    assert!(!differs("errors/no-such-machine.txt", &said.whole()));
    let said = Machine::bare().lpar("dlpar entitlement cpu weight set 256");
    assert!(!differs("errors/bad-weight.txt", &said.whole()));
}

#[test]
fn a_machine_that_contradicts_itself_is_told_apart() {
    let machine = Machine::bare().with("proc/device-tree/ibm,partition-no", "not a cell");
    assert!(!differs("errors/malformed-device-tree.txt", &machine.lpar("identity").whole()));
    let machine = Machine::bare().with("proc/powerpc/lparcfg", "partition_id=many\n");
    assert!(!differs("errors/malformed-lparcfg.txt", &machine.lpar("identity").whole()));
}

/// What a name of firmware says to a terminal does not reach it.
#[test]
fn a_name_cannot_command_the_terminal() {
    let machine = Machine::bare().with("proc/device-tree/ibm,partition-name", "evil\u{1b}]0;title\u{7}\u{202e}name\0");
    let said = machine.lpar("identity");
    assert!(said.out.contains("evil\\u{1b}]0;title\\u{7}\\u{202e}name"), "{}", said.out);
}

#[test]
fn a_full_disk_is_an_error_and_a_closed_pipe_is_not() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lpar"));
    let full = command.arg("manual").stdout(File::create("/dev/full").unwrap()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(full.code(), Some(1));
    let mut child = Command::new(env!("CARGO_BIN_EXE_lpar")).arg("manual").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_manual_has_every_verb() {
    let manual = lpar(&["manual"]).out;
    for verb in ["LPAR STATUS", "LPAR DOCTOR", "LPAR DLPAR CPU", "LPAR TRUST ADD", "LPAR MIGRATE-CHECK", "EXIT STATUS"]
    {
        assert!(manual.contains(&format!(".SH \"{verb}\"")), "{verb}");
    }
}

#[test]
fn completions_know_the_verbs() {
    let script = lpar(&["completions", "bash"]).out;
    assert!(script.contains("migrate-check") && script.contains("entitlement"));
}
