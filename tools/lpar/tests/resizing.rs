//! `lpar dlpar` without an agent, on a recorded machine whose kernel takes every request.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs;

use program::{Machine, differs};

fn cells(numbers: &[u32]) -> String {
    String::from_utf8(numbers.iter().flat_map(|number| number.to_be_bytes()).collect()).unwrap()
}

/// A partition with two of four cores. The cells of its tree have no byte that is not ASCII.
fn partition() -> Machine {
    let cpus = "proc/device-tree/cpus";
    let info = |first: u32| format!("{}CPU\0CPU \0{}", cells(&[1]), cells(&[first, 0, 4, 1, 0]));
    let mut machine = Machine::bare()
        .with("sys/kernel/dlpar", "memory,cpu\n")
        .with("var/lock/dr_config_lock", "")
        .with(&format!("{cpus}/ibm,drc-info"), &info(0x1000_0000));
    for core in 0..2_u32 {
        let node = format!("{cpus}/PowerPC,POWER9@{core}");
        machine = machine
            .with(&format!("{node}/ibm,my-drc-index"), &cells(&[0x1000_0000 + core]))
            .with(&format!("{node}/ibm,ppc-interrupt-server#s"), &cells(&[core]))
            .with(&format!("sys/devices/system/cpu/cpu{core}/physical_id"), &format!("{core}\n"))
            .with(&format!("sys/devices/system/cpu/cpu{core}/online"), "1\n");
    }
    machine
}

fn written(machine: &Machine) -> String {
    fs::read_to_string(machine.root().join("sys/kernel/dlpar")).unwrap()
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let machine = partition();
    let said = machine.lpar("dlpar cpu add --dry-run").whole();
    assert!(!differs("dlpar/dry-run.txt", &said));
    assert!(!differs("dlpar/dry-run-json.txt", &machine.lpar("dlpar cpu add --dry-run --json").whole()));
    assert_eq!(written(&machine), "memory,cpu\n");
}

#[test]
fn a_core_is_added_by_the_engine_itself() {
    let machine = partition();
    assert!(!differs("dlpar/added.txt", &machine.lpar("dlpar cpu add --index 0x10000002").whole()));
    assert_eq!(written(&machine).trim_end(), "cpu add index 0x10000002");
}

#[test]
fn what_cannot_be_had_is_refused_with_its_reason() {
    for (name, line) in [
        ("too-many", "dlpar cpu add 3"),
        ("no-such-core", "dlpar cpu remove --index 0x10000009"),
        ("the-last-core", "dlpar cpu remove 2"),
        ("no-memory-blocks", "dlpar mem add"),
        ("no-lparcfg", "dlpar entitlement cpu capacity set 1.5"),
    ] {
        let machine = partition();
        assert!(!differs(&format!("dlpar/{name}.txt"), &machine.lpar(line).whole()), "{name}");
        assert_eq!(written(&machine), "memory,cpu\n", "{name}");
    }
}

/// The lock is the one of drmgr: who holds it is named.
#[test]
fn somebody_else_who_resizes_is_waited_for_and_named() {
    let machine = partition();
    let sysroot = sysroot::Sysroot::at(machine.root()).unwrap();
    let _guard = sysroot.lock_exclusive("var/lock/dr_config_lock", std::time::Duration::ZERO, "drmgr -c mem").unwrap();
    let said = machine.lpar("dlpar cpu add --deadline 1");
    assert_eq!(said.status, 1);
    assert!(said.out.contains("drmgr -c mem"), "{said:?}");
}
