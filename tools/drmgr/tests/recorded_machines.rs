//! `drmgr` and `lsslot` on every recorded machine of `tests/machines`, which stays as it is: questions, lists and plans.
//! `BLESS=yes cargo test -p drmgr` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and looks at files as it likes

#[path = "../../../tests/expected.rs"]
mod expected;
mod tree;

use std::path::Path;
use std::process::Command;

use expected::{differs, machines, tests};
use tree::tree;

/// The program, the name of what is expected, and the line.
const LINES: [(&str, &str, &str); 16] = [
    ("drmgr", "capabilities", "-C --dry-run"),
    ("drmgr", "cpu-remove", "-c cpu -r -q 1 --dry-run"),
    ("drmgr", "cpu-add", "-c cpu -a -q 1 --dry-run"),
    ("drmgr", "mem-remove", "-c mem -r -q 1 --dry-run"),
    ("drmgr", "mem-add", "-c mem -a -q 1 --dry-run"),
    ("drmgr", "slot-query", "-c slot -Q -s C1 --dry-run"),
    ("drmgr", "phb-query", "-c phb -Q -s PHB~0 --dry-run"),
    ("drmgr", "pci-remove", "-c pci -r -s C8 --dry-run"),
    ("lsslot", "cpu", "-c cpu"),
    ("lsslot", "cpu-with-rest", "-c cpu -d 2"),
    ("lsslot", "mem", "-c mem"),
    ("lsslot", "slot", "-c slot"),
    ("lsslot", "phb", "-c phb"),
    ("lsslot", "pci", "-c pci"),
    ("lsslot", "pci-all", "-c pci -a"),
    ("lsslot", "port", "-c port"),
];

/// All that it said, with its exit status.
fn said(program: &str, machine: &Path, line: &str) -> String {
    let binary = if program == "drmgr" { env!("CARGO_BIN_EXE_drmgr") } else { env!("CARGO_BIN_EXE_lsslot") };
    let words = line.split(' ').map(|word| word.replace('~', " "));
    let output = Command::new(binary).args(["--sysroot".as_ref(), machine.as_os_str()]).args(words).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap().replace(binary, program);
    let errors: String = errors.lines().map(|line| format!("stderr: {line}\n")).collect();
    let status = output.status.code().unwrap();
    format!("{}{errors}exit status: {status}\n", String::from_utf8(output.stdout).unwrap())
}

#[test]
fn every_question_and_plan_is_as_expected_and_leaves_nothing_behind() {
    let mut different = Vec::new();
    for name in machines() {
        let machine = &tests().join("machines").join(&name);
        let before = tree(machine);
        for (program, what, line) in LINES {
            let path = format!("{program}/{what}/{name}.txt");
            if differs(&path, &said(program, machine, line)) {
                different.push(path);
            }
        }
        assert!(tree(machine) == before, "{name}");
    }
    assert!(different.is_empty(), "{different:?}");
}
