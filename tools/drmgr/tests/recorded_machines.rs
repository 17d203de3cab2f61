//! `drmgr` and `lsslot` on every recorded machine of `tests/machines`, which stays as it is: questions, lists and plans.
//! `BLESS=yes cargo test -p drmgr` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and looks at files as it likes

mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

fn machines() -> Vec<PathBuf> {
    let entries = fs::read_dir(tests().join("machines")).unwrap().map(|entry| entry.unwrap().path());
    let mut machines: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    machines.sort();
    machines
}

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

/// Compares with a file of `tests/expected`; gives whether they differ.
fn differs(path: &str, said: &str) -> bool {
    let file = tests().join("expected").join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, said).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if expected != said {
        println!("--- {path}: expected\n{expected}--- {path}: said\n{said}");
    }
    expected != said
}

#[test]
fn every_question_and_plan_is_as_expected_and_leaves_nothing_behind() {
    let machines = machines();
    assert!(machines.len() >= 4, "{machines:?}");
    let mut different = Vec::new();
    for machine in &machines {
        let before = tree(machine);
        for (program, what, line) in LINES {
            let path = format!("{program}/{what}/{}.txt", machine.file_name().unwrap().to_str().unwrap());
            if differs(&path, &said(program, machine, line)) {
                different.push(path);
            }
        }
        assert!(tree(machine) == before, "{}", machine.display());
    }
    assert!(different.is_empty(), "{different:?}");
}
