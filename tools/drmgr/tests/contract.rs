//! `drmgr` on a partition made by hand (tests/pseries): standard output, exit status and what was written to the kernel, as
//! console software relies on them.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod pseries;
mod tree;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use std::time::{Duration, Instant};

use lpard::dlpar::lock;
use pseries::{Machine, Said};
use sysroot::Sysroot;
use tree::tree;

const DLPAR: &str = "sys/kernel/dlpar";
const JOURNAL: &str = "var/lib/lparkit/dlpar.journal";

/// Standard output and exit status of a line, and what the kernel got.
fn done(line: &str) -> (String, i32, String) {
    let machine = Machine::new();
    let said = machine.drmgr(line);
    (said.out, said.status, machine.read(DLPAR))
}

fn expect(line: &str, out: &str, status: i32, written: &str) {
    assert_eq!(done(line), (out.into(), status, written.into()), "drmgr {line}");
}

const UNTOUCHED: &str = "memory,cpu\n";

#[test]
fn capabilities_are_one_line() {
    let machine = Machine::new();
    let said = machine.drmgr("-C");
    assert_eq!(
        said.out,
        "cpu_dlpar=yes,mem_dlpar=yes,slot_dlpar=yes,phb_dlpar=yes,hea_dlpar=no,pmig=yes,cpu_entitlement=no,\
         mem_entitlement=no,slb_resize=no,phib=yes\n"
    );
    assert_eq!(
        said.err,
        "Validating CPU DLPAR capability...yes.\n\
         Validating Memory DLPAR capability...yes.\n\
         Validating I/O DLPAR capability...yes.\n\
         Validating PHB DLPAR capability...yes.\n\
         Validating HEA DLPAR capability...no.\n    stat(\"/sys/bus/ibmebus/probe\"): No such file or directory\n\
         Validating partition migration capability...yes.\n\
         Validating partition hibernation capability...yes.\n\
         Could not open \"/proc/ppc64/lparcfg\"\nNo such file or directory\n\
         Could not open \"/proc/ppc64/lparcfg\"\nNo such file or directory\n\
         Could not open \"/proc/ppc64/lparcfg\"\nNo such file or directory\n"
    );
    assert_eq!(said.status, 0);
    machine.file("proc/powerpc/lparcfg", "partition_entitled_capacity=100\nslb_size=32\n");
    let said = machine.drmgr("--capabilities");
    assert!(said.out.contains("cpu_entitlement=yes,mem_entitlement=no,slb_resize=yes"), "{}", said.out);
    assert!(said.err.contains("Error finding entitled_memory in /proc/ppc64/lparcfg\n"), "{}", said.err);
}

#[test]
fn capabilities_load_the_module_of_slots() {
    let machine = Machine::new();
    machine.remove("sys/bus/pci/slots/control/add_slot");
    machine.file("commands/modprobe+rpadlpar_io.status", "1");
    let said = machine.drmgr("-C");
    assert_eq!((said.out.as_str(), said.status), ("", 1));
    assert_eq!(said.err, "rpadlpar_io module was not loaded\n");
}

#[test]
fn processors_are_named_on_standard_output() {
    expect("-c cpu -r -q 1", "CPU 1\n", 0, "cpu remove index 0x10000001");
    expect("-c cpu -r", "CPU 1\n", 0, "cpu remove index 0x10000001");
    expect("-c cpu -r -s 0x10000000", "CPU 0\n", 0, "cpu remove index 0x10000000");
    expect("-c cpu -r -s CPU~0", "CPU 0\n", 0, "cpu remove index 0x10000000");
    expect("-c cpu -a -q 2", "CPU 2\nCPU 3\n", 0, "cpu add index 0x10000003");
    expect("-c cpu -a -r -q 1", "CPU 1\n", 0, "cpu remove index 0x10000001");
}

#[test]
fn a_part_of_the_processors_is_told_by_their_names() {
    expect("-c cpu -a -q 3", "CPU 2\nCPU 3\n", 0, "cpu add index 0x10000003");
    expect("-c cpu -r -q 2", "CPU 1\n", 255, "cpu remove index 0x10000001");
}

#[test]
fn a_request_is_never_widened() {
    for line in [
        "-c cpu -r -s 0x1000000g",
        "-c cpu -r -s 0x",
        "-c cpu -r -q one",
        "-c cpu -r -q 0",
        "-c cpu -r -q -1",
        "-c cpu -r -q 99999999999",
        "-c mem -r -s LMB~4",
        "-c mem -r -s 80000004",
        "-c mem -a -q 1x",
        "-c cpu -r -x",
        "-c",
        "-c cpu",
        "-c nothing -a",
        "-c pmig -m -p pre -s xyz",
        "-c acc -t bzip2 -q 1",
    ] {
        let (out, status, written) = done(line);
        assert!(out.is_empty() || out == "DR_TOTAL_RESOURCES=0\n", "drmgr {line}: {out}");
        assert_eq!((status, written.as_str()), (255, UNTOUCHED), "drmgr {line}");
    }
    for line in ["-c cpu -r -s CPU~9", "-c cpu -r -s CPU~3", "-c cpu -a -s CPU~0", "-c cpu -a -s 0x10000009"] {
        expect(line, "", 1, UNTOUCHED);
    }
}

#[test]
fn memory_is_counted_on_standard_output() {
    expect("-c mem -a -q 3", "DR_TOTAL_RESOURCES=3\n", 0, "memory add count 3");
    expect("-c mem -a -s 0x80000006", "DR_TOTAL_RESOURCES=1\n", 0, "memory add index 0x80000006");
    expect("-c mem -r -q 2", "DR_TOTAL_RESOURCES=2\n", 0, "memory remove count 2");
    expect("-c mem -r -s 0x80000004", "DR_TOTAL_RESOURCES=1\n", 0, "memory remove index 0x80000004");
    expect("-c mem -r -q 3", "DR_TOTAL_RESOURCES=0\n", 255, UNTOUCHED);
    expect("-c mem -r -s 0x80000000", "DR_TOTAL_RESOURCES=0\n", 255, UNTOUCHED);
}

#[test]
fn parameters_are_changed_by_a_quantity() {
    const LPARCFG: &str = "proc/powerpc/lparcfg";
    let text = "partition_entitled_capacity=100\ncapacity_weight=128\nentitled_memory=8589934592\n";
    for (line, status, written) in [
        ("-c cpu -a -p ent_capacity -q 25", 0, "partition_entitled_capacity=125\n"),
        ("-c cpu -r -p variable_weight -q 28", 0, "capacity_weight=100\n"),
        ("-c mem -a -p ent_capacity -q 4294967296", 0, "entitled_memory=12884901888\n"),
        ("-c cpu -r -p ent_capacity -q 101", 1, text),
        ("-c cpu -r -p something -q 1", 255, text),
        ("-c mem -a -p variable_weight -q 1", 255, text),
    ] {
        let machine = Machine::new();
        machine.file(LPARCFG, text);
        let said = machine.drmgr(line);
        assert_eq!((said.status, machine.read(LPARCFG).as_str()), (status, written), "drmgr {line}: {}", said.err);
    }
}

#[test]
fn a_migration_is_one_write_between_hooks() {
    let machine = Machine::new();
    hook(&machine, "10-first", 0);
    hook(&machine, "9-zeroth", 1);
    let said = machine.drmgr("-c pmig -m -p pre -s 1234567");
    assert_eq!((said.out.as_str(), said.status), ("", 0), "{}", said.err);
    assert_eq!(machine.read("sys/kernel/mobility/migration"), "0x1234567\n");
    assert_eq!(machine.read("commands/asked"), "9-zeroth\n10-first\n9-zeroth\n10-first\n");
    let noted = machine.read("dev/log");
    assert!(noted.starts_with("<134>drmgr: drmgr: ") && noted.contains(" -c pmig -m -p pre -s 1234567\n"), "{noted}");
    assert!(noted.ends_with("<134>drmgr: drmgr: migration rc 0\n"), "{noted}");
}

/// A hook of migrations that ends with `status`.
fn hook(machine: &Machine, name: &str, status: i32) {
    hook_of(machine, "pmig", name, status);
}

fn hook_of(machine: &Machine, kind: &str, name: &str, status: i32) {
    let path = format!("etc/drmgr.d/{kind}/{name}");
    machine.file(&path, "#!/bin/sh\n").file(&format!("commands/{name}.status"), status.to_string());
    fs::set_permissions(machine.path().join(&path), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_hook_forbids_a_migration_and_all_hear_of_it() {
    let machine = Machine::new();
    hook(&machine, "1-yes", 0);
    assert_eq!(machine.drmgr("-c pmig -m -p check").status, 0);
    hook(&machine, "2-no", 3);
    machine.file("commands/2-no.stderr", "a backup is running\n");
    let said = machine.drmgr("-c pmig -m -p check");
    assert_eq!(said.status, 1);
    assert!(said.err.contains("a backup is running\n"), "{}", said.err);
    assert_eq!(machine.read("commands/asked"), "1-yes\n1-yes\n2-no\n1-yes\n2-no\n");
}

#[test]
fn what_is_no_phase_of_a_migration_is_refused() {
    for (line, status) in [
        ("-c pmig -m -p post -s 1", 1),
        ("-c pmig -p pre -s 1", 255),
        ("-c pmig -m -s 1", 255),
        ("-c pmig -m -p pre", 255),
        ("-m -p pre -s 1", 255),
        ("-c phib -p check -s 1", 1),
    ] {
        assert_eq!(Machine::new().drmgr(line).status, status, "drmgr {line}");
    }
    let machine = Machine::new();
    assert_eq!(machine.drmgr("-c phib -p pre -s 0xff").status, 0);
    assert_eq!(machine.read("sys/devices/system/power/hibernate"), "0xff\n");
    machine.remove("proc/device-tree/ibm,migratable-partition");
    assert_eq!(machine.drmgr("-c pmig -m -p check").status, 255);
}

#[test]
fn a_dry_run_changes_nothing() {
    let machine = Machine::new();
    let Said { out, status, .. } = machine.drmgr("-c cpu -r -q 1 --dry-run");
    assert!(out.contains("write 'cpu remove index 0x10000001' to /sys/kernel/dlpar"), "{out}");
    assert_eq!((status, machine.read(DLPAR).as_str()), (0, UNTOUCHED));
    assert_eq!(machine.read(JOURNAL), "");
}

/// Neither the lock nor a log is written, and a log that has grown stays where it is. Nobody is waited for.
#[test]
fn a_dry_run_leaves_every_file_as_it_was_and_needs_no_lock() {
    let machine = Machine::new();
    machine.file("var/log/drmgr", "x".repeat(1 << 20)).file("tmp/prrn", "mem 80000004\n");
    hook_of(&machine, "cpu", "1-cpu", 0);
    let before = tree(machine.path());
    let lines = [
        "-C",
        "-c cpu -r -q 1",
        "-c cpu -a -s CPU~3",
        "-c cpu -r -p smt_threads",
        "-c cpu -a -p ent_capacity -q 1",
        "-c mem -a -q 2",
        "-c mem -r -q 1",
        "-c slot -Q -s U8286.41A.2166666-V3-C2",
        "-c slot -r -s U8286.41A.2166666-V3-C2",
        "-c phb -r -s PHB~1",
        "-c pci -r -s C1",
        "-c pmig -m -p pre -s 0x12",
        "-c acc -t gzip -q 1",
        "-P /tmp/prrn",
    ];
    for line in lines {
        machine.drmgr(&format!("{line} --dry-run"));
        assert!(tree(machine.path()) == before, "{line}");
    }
    let sysroot = Sysroot::at(machine.path()).unwrap();
    let _guard = lock::take(&sysroot, Duration::ZERO, "a migration").unwrap();
    let said = machine.drmgr("-c cpu -r -q 1 -w 0 --dry-run");
    assert_eq!((said.status, said.err.as_str()), (0, "Validating CPU DLPAR capability...yes.\n"));
}

#[test]
fn a_dry_run_of_a_reassignment_keeps_the_list() {
    let machine = Machine::new();
    machine.file("tmp/prrn", "mem 80000004\n");
    let said = machine.drmgr("-P /tmp/prrn --dry-run");
    assert_eq!((said.status, machine.read(DLPAR).as_str()), (0, UNTOUCHED), "{}", said.err);
    assert_eq!(machine.read("tmp/prrn"), "mem 80000004\n");
    assert!(said.out.contains("memory remove index 0x80000004"), "{}", said.out);
    assert!(said.out.ends_with("- remove /tmp/prrn\n"), "{}", said.out);
}

#[test]
fn a_dry_run_says_which_hooks_would_run_and_runs_none() {
    let machine = Machine::new();
    hook(&machine, "1-no", 3);
    let said = machine.drmgr("-c pmig -m -p check --dry-run");
    assert_eq!((said.status, said.out.as_str()), (0, "- run the hook /etc/drmgr.d/pmig/1-no for phase check\n"));
    let said = machine.drmgr("-c pmig -m -p pre -s 0x12 --dry-run");
    let plan = "- run the hook /etc/drmgr.d/pmig/1-no for phase pre\n\
                - write '0x12' to /sys/kernel/mobility/migration\n\
                - run the hook /etc/drmgr.d/pmig/1-no for phase post\n";
    assert_eq!((said.status, said.out.as_str()), (0, plan));
    assert_eq!(machine.read("sys/kernel/mobility/migration"), "");
    hook_of(&machine, "cpu", "2-cpu", 0);
    // One that is refused comes to nothing too, but in the end.
    assert_eq!(machine.drmgr("-c cpu -r -s CPU~9 --dry-run").status, 1);
    assert_eq!(machine.read("commands/asked"), "");
}

#[test]
fn a_dry_run_loads_no_module() {
    let machine = Machine::new();
    machine.remove("sys/bus/pci/slots/control/add_slot").file("commands/modprobe+rpadlpar_io.status", "0");
    let said = machine.drmgr("-c slot -r -s U8286.41A.2166666-V3-C2 --dry-run");
    assert_eq!((said.status, said.out.as_str()), (255, "- run /sbin/modprobe rpadlpar_io\n"));
    assert!(said.err.contains("only when the module rpadlpar_io is loaded"), "{}", said.err);
    let said = machine.drmgr("-C --dry-run");
    assert!(said.status == 0 && said.out.contains("slot_dlpar=no"), "{}", said.out);
    assert_eq!(machine.read("commands/asked"), "");
}

#[test]
fn threads_are_switched_on_and_off() {
    let machine = Machine::new();
    assert_eq!(machine.drmgr("-c cpu -r -p smt_threads").status, 0);
    let online = |cpu| machine.read(&format!("sys/devices/system/cpu/cpu{cpu}/online")).trim().to_owned();
    assert_eq!([online(0), online(1), online(2), online(3)], ["1", "0", "1", "0"]);
    assert_eq!(machine.drmgr("-c cpu -a -p smt_threads -s CPU~1").status, 0);
    assert_eq!([online(0), online(1), online(2), online(3)], ["1", "0", "1", "1"]);
}

#[test]
fn the_log_has_everything_and_is_moved_away_when_it_has_grown() {
    let machine = Machine::new();
    let said = machine.drmgr("-c cpu -r -q 1");
    assert!(!said.err.contains("Initiating"), "details are for the log: {}", said.err);
    let log = machine.read("var/log/drmgr");
    for part in
        ["\n########## ", " -c cpu -r -q 1\n", "Validating CPU DLPAR capability...yes.", "cpu remove index 0x10000001"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
    machine.file(DLPAR, UNTOUCHED);
    assert!(machine.drmgr("-c cpu -r -q 1 -d 4").err.contains("Initiating: write 'cpu remove"));
    machine.file("var/log/drmgr", "x".repeat(1 << 20));
    assert!(machine.drmgr("-C").err.ends_with("Rotating logs...\n"));
    assert!(machine.read("var/log/drmgr.0").len() > 1 << 20);
    assert_eq!(machine.read("var/log/drmgr"), "");
}

#[test]
fn help_is_no_failure_and_needs_no_lock() {
    let machine = Machine::new();
    let said = machine.drmgr("-c cpu -h");
    assert!(said.err.starts_with("Usage: drmgr [-w minutes]") && said.err.contains("-c cpu {-a | -r}"), "{}", said.err);
    assert_eq!((said.out.as_str(), said.status), ("", 0));
    assert!(!machine.path().join("var/lock/dr_config_lock").exists());
}

#[test]
fn a_reassignment_gives_back_and_takes_anew() {
    let machine = Machine::new();
    machine.file("tmp/prrn", "mem 80000004\n");
    // There is no kernel that would forget it: the block is still assigned when it should be added again.
    assert_eq!(machine.drmgr("-P /tmp/prrn").status, 255);
    assert_eq!(machine.read(DLPAR), "memory remove index 0x80000004");
    assert!(!machine.path().join("tmp/prrn").exists());
}

#[test]
fn a_query_tells_by_its_status_whether_a_slot_can_go() {
    for (line, status) in [
        ("-c slot -Q -s U8286.41A.2166666-V3-C2", 6),
        ("-c slot -Q -s 0x30000003", 6),
        ("-c slot -Q -s U8286.41A.2166666-V3-C1", 4),
        ("-c slot -Q -s U8286.41A.2166666-V3-C9", 3),
        ("-c slot -Q -s 0x3000000", 3),
        ("-c slot -Q -s 0x3000000g", 255),
        ("-c phb -Q -s PHB~0", 6),
        ("-c phb -Q -s PHB~1", 3),
        ("-c slot -Q", 255),
        ("-c port -Q -s HEA1", 255),
    ] {
        let said = Machine::new().drmgr(line);
        assert_eq!((said.status, said.out.as_str()), (status, ""), "drmgr {line}: {}", said.err);
    }
}

#[test]
fn slots_that_cannot_come_or_go_are_told_apart_by_the_status() {
    for (line, status) in [
        ("-c slot -a -s U8286.41A.2166666-V3-C2", 5),
        ("-c slot -r -s U8286.41A.2166666-V3-C1", 4),
        ("-c slot -r -s U8286.41A.2166666-V3-C9", 3),
        ("-c slot -a -s U8286.41A.2166666-V3-C9", 255),
        ("-c phb -a -s PHB~0", 5),
        ("-c phb -r -s PHB~9", 3),
        ("-c slot -m -s 0x30000002", 255),
        ("-c slot -i -s 0x30000002", 255),
    ] {
        let machine = Machine::new();
        let said = machine.drmgr(line);
        assert_eq!((said.status, said.out.as_str()), (status, ""), "drmgr {line}: {}", said.err);
        assert_eq!(machine.read("sys/bus/pci/slots/control/remove_slot"), "");
    }
}

#[test]
fn the_lock_is_waited_for_as_long_as_w_says_and_its_owner_is_named() {
    let machine = Machine::new();
    let sysroot = Sysroot::at(machine.path()).unwrap();
    let guard = lock::take(&sysroot, Duration::ZERO, "a migration").unwrap();
    let said = machine.drmgr("-c cpu -r -w 0");
    assert_eq!((said.status, said.out.as_str(), machine.read(DLPAR).as_str()), (255, "", UNTOUCHED));
    let owner = format!("held by process {} (a migration)", std::process::id());
    assert!(said.err.contains(&owner) && said.err.contains("Please try command again later."), "{}", said.err);
    assert_eq!(machine.drmgr("-C").status, 0, "a question needs no lock");
    let patient = std::thread::spawn(move || {
        let began = Instant::now();
        (machine.drmgr("-c cpu -r -w 1").status, began.elapsed())
    });
    std::thread::sleep(Duration::from_millis(700));
    drop(guard);
    let (status, waited) = patient.join().unwrap();
    assert_eq!(status, 0);
    assert!(waited >= Duration::from_millis(600), "it did not wait: {waited:?}");
}

#[test]
fn what_an_interrupted_call_left_half_done_is_taken_back_first() {
    let machine = Machine::new();
    machine.file(JOURNAL, interrupted());
    let said = machine.drmgr("-c slot -Q -s nothing -d 2");
    assert_eq!(machine.read(DLPAR), "cpu add index 0x10000001");
    assert!(
        said.err.contains("An earlier request was interrupted (remove 2 processors): 1 steps were undone"),
        "{}",
        said.err
    );
    assert_eq!(said.status, 3);
}

#[test]
fn a_dry_run_says_that_an_earlier_call_was_interrupted_and_leaves_it() {
    let machine = Machine::new();
    machine.file(JOURNAL, interrupted());
    let said = machine.drmgr("-c mem -a -q 1 --dry-run");
    assert!(said.err.contains("An earlier request was interrupted (remove 2 processors): the next"), "{}", said.err);
    assert!(said.out.contains("memory add"), "{}", said.out);
    assert_eq!((machine.read(DLPAR).as_str(), machine.read(JOURNAL)), (UNTOUCHED, interrupted()));
}

/// The journal of a call that was killed after the first of two processors.
fn interrupted() -> String {
    let line = |event: &str| format!("{{\"boot\":\"boot\",{event}}}\n");
    let step = r#""step":{"step":"cpu","change":"remove","index":268435457,"name":"CPU 1"}"#;
    let journal = [
        line(r#""event":"opened","request":"remove 2 processors","partial":false,"in_order":false"#),
        line(&format!(r#""event":"began",{step}"#)),
        line(&format!(r#""event":"done",{step}"#)),
    ];
    journal.concat()
}
