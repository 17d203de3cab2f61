//! Each capability that is taken away from a recorded machine takes away its bits, and `lpar dcaps --explain` says why.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod program;

use std::fs;

use program::Machine;

const MACHINES: [&str; 3] = ["qemu-debian-12", "qemu-debian-13", "qemu-debian-sid"];
/// The one whose kernel leaves the device tree to user space.
const OLD: &str = "qemu-debian-12";
const LOCKED: &str = "none [integrity] confidentiality\n";

/// A kernel without CONFIG_MEMORY_HOTREMOVE.
fn without_hot_remove(machine: Machine) -> Machine {
    let memory = "sys/devices/system/memory";
    let blocks = fs::read_dir(machine.root().join(memory)).unwrap().map(|entry| entry.unwrap().file_name());
    let removable = blocks.map(|name| format!("{memory}/{}/removable", name.to_str().unwrap()));
    let asked: Vec<_> = removable.filter(|path| machine.root().join(path).exists()).collect();
    assert!(!asked.is_empty());
    asked.iter().fold(machine, |machine, path| machine.with(path, "0\n"))
}

/// A kernel without CONFIG_HOTPLUG_CPU.
fn without_cpu_hotplug(machine: Machine) -> Machine {
    let cpus = (0..64).map(|cpu| format!("sys/devices/system/cpu/cpu{cpu}/online"));
    let there: Vec<_> = cpus.filter(|path| machine.root().join(path).exists()).collect();
    there.iter().fold(machine, |machine, path| machine.without(path))
}

/// What is taken away.
type Change = fn(Machine) -> Machine;

/// What it is called, what is done, the word that remains, and the reason of each bit that is clear.
type Case = (&'static str, Change, &'static str, &'static [(&'static str, &'static str)]);

const CASES: [Case; 7] = [
    ("nothing", |machine| machine, "0x2c7f", &[]),
    ("memory hot-remove", without_hot_remove, "0x2c7d", &[("bit 1 ", "CONFIG_MEMORY_HOTREMOVE")]),
    ("CPU hotplug", without_cpu_hotplug, "0x2c7e", &[("bit 0 ", "CONFIG_HOTPLUG_CPU")]),
    (
        "the migratable flag",
        |machine| machine.without("proc/device-tree/ibm,migratable-partition"),
        "0x2c3f",
        &[("bit 6 ", "ibm,migratable-partition")],
    ),
    (
        "the kernel's migration",
        |machine| machine.without("sys/kernel/mobility/migration"),
        "0x2c3f",
        &[("bit 6 ", "/sys/kernel/mobility/migration")],
    ),
    (
        "requests about processors",
        |machine| machine.with("sys/kernel/dlpar", "memory,dt\n"),
        "0x2c7e",
        &[("bit 0 ", "does not take cpu requests")],
    ),
    (
        "freedom, where user space changes the device tree",
        |machine| machine.with("sys/kernel/dlpar", "memory,cpu\n").with("sys/kernel/security/lockdown", LOCKED),
        "0x2c73",
        &[("bit 2 ", "locked down"), ("bit 3 ", "locked down")],
    ),
];

#[test]
fn what_is_taken_away_takes_its_bits_away_and_is_named() {
    for name in MACHINES {
        for (change, make, word, reasons) in CASES {
            let machine = make(Machine::recorded(name));
            let said = machine.lpar("dcaps --explain");
            let first = said.out.lines().next().unwrap();
            assert!(first.starts_with(&format!("DCaps:<{word}>")), "{name} without {change}: {first}");
            let lines: Vec<&str> = said.out.lines().collect();
            let clear: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains("  clear  ")).collect();
            assert_eq!(clear.len(), reasons.len(), "{name} without {change}: {}", said.out);
            for (at, (bit, reason)) in clear.iter().zip(reasons) {
                assert!(lines[*at].contains(bit) && lines[at + 1].contains(reason), "{change}: {}", said.out);
            }
        }
    }
}

#[test]
fn a_lockdown_is_no_matter_where_the_kernel_changes_the_device_tree_itself() {
    for name in MACHINES {
        let said = Machine::recorded(name).with("sys/kernel/security/lockdown", LOCKED).lpar("dcaps");
        let expected = if name == OLD { "DCaps:<0x2c73>" } else { "DCaps:<0x2c7f>" };
        assert!(said.out.starts_with(expected), "{name}: {}", said.out);
    }
}
