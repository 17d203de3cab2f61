//! `lsslot` on a partition made by hand (tests/pseries): every list as console software and administrators know it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod pseries;

use pseries::Machine;

#[test]
fn processors_are_listed_the_last_first() {
    let said = Machine::new().lsslot("-c cpu");
    assert_eq!(
        said.out,
        "drc-name  OFDT-node           drc_index  thread id(s) \n\
         CPU 1     PowerPC,POWER9@1    10000001   2  3  \n\
         CPU 0     PowerPC,POWER9@0    10000000   0  1  \n"
    );
    assert_eq!((said.err.as_str(), said.status), ("", 0));
}

#[test]
fn processors_that_could_be_added_are_listed_on_demand() {
    let out = Machine::new().lsslot("-c cpu -d 4").out;
    assert!(out.contains("CPU 3     --                  10000003   \n"), "{out}");
}

#[test]
fn a_machine_that_is_no_partition_has_no_list_of_processors() {
    let machine = Machine::new();
    machine.remove("proc/device-tree/ibm,lpar-capable");
    let said = machine.lsslot("-c cpu");
    assert_eq!((said.out.as_str(), said.err.as_str(), said.status), ("", "\nThe system is not LPAR.\n\n", 1));
}

#[test]
fn memory_blocks_of_the_partition_are_listed() {
    let said = Machine::new().lsslot("-c mem");
    assert_eq!(
        said.out,
        "Dynamic Reconfiguration Memory (LMB size 0x10000000)\n\
         LMB 4: \n    DRC Index: 80000004        Address: 40000000\n    \
         Removable: Yes             Associativity: (index: 0) 0 0 0 0 \n    Section(s): 4\n\
         LMB 5: \n    DRC Index: 80000005        Address: 50000000\n    \
         Removable: No              Associativity: (index: 0) 0 0 0 0 \n    Section(s): 5\n"
    );
    assert_eq!(said.status, 0);
}

#[test]
fn one_memory_block_is_shown_on_its_own() {
    let out = Machine::new().lsslot("-c mem -s 0x80000005").out;
    assert!(out.contains("LMB 5: \n") && !out.contains("LMB 4"), "{out}");
    let out = Machine::new().lsslot("-c mem -s 0x80000006 -d 4").out;
    assert!(out.contains("LMB 6: Not Owned\n"), "{out}");
    assert_eq!(Machine::new().lsslot("-c mem -s 80000006").status, 1, "nearly an index is none");
}

#[test]
fn virtual_slots_have_their_adapters() {
    let said = Machine::new().lsslot("-c slot");
    assert_eq!(
        said.out,
        "# Slot                   Description       Linux Name    Device(s)\n\
         U8286.41A.2166666-V3-C2  Virtual I/O Slot  30000002      l-lan\n\
         U8286.41A.2166666-V3-C3  Virtual I/O Slot  ?             v-scsi\n"
    );
    assert_eq!(said.status, 0);
    let delimited = Machine::new().lsslot("-F : -s U8286.41A.2166666-V3-C3").out;
    assert_eq!(delimited, "U8286.41A.2166666-V3-C3:Virtual I/O Slot:?:v-scsi\n");
}

#[test]
fn physical_slots_are_listed_empty_or_not() {
    let machine = Machine::new();
    assert_eq!(
        machine.lsslot("-c pci").out,
        "# Slot  Description                     Device(s)\n\
         C0      PCI-E capable, Rev 2, 8x lanes  Empty\n\
         C1      PCI-E capable, Rev 2, 8x lanes  0000:00:01.0\n\
         C2      PCI-E capable, Rev 2, 8x lanes  Empty\n\
         C3      PCI-E capable, Rev 2, 8x lanes  Empty\n"
    );
    assert_eq!(machine.lsslot("-c pci -o -F ,").out, "C1,PCI-E capable, Rev 2, 8x lanes,0000:00:01.0\n");
    assert_eq!(machine.lsslot("-c pci -a").out.lines().count(), 4);
    assert_eq!(machine.lsslot("-c pci -s C9").status, 1);
}

#[test]
fn host_bridges_are_listed_with_their_slots() {
    assert_eq!(
        Machine::new().lsslot("-c phb").out,
        "PHB name  OFDT Name            Slot(s) Connected\n\
         PHB 0     /pci@800000020000000 C3\n\
         \x20                              C2\n\
         \x20                              C1\n\
         \x20                              C0\n\n"
    );
}

#[test]
fn bare_metal_is_refused() {
    let machine = Machine::new();
    machine.property("", "compatible", "ibm,powernv\0");
    let said = machine.lsslot("");
    assert!(said.err.ends_with("is not supported on the PowerNV platform\n"), "{}", said.err);
    assert_eq!(said.status, 1);
}
