//! Slots, host bridges and cards on a partition made by hand (tests/pseries): what firmware and kernel are asked, in which
//! order, and what the person at the machine is told.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

mod pseries;

use std::io::{Read as _, Write as _};

use pseries::{Machine, Said};

const DLPAR: &str = "sys/kernel/dlpar";
const OFDT: &str = "proc/powerpc/ofdt";
const VIRTUAL: &str = "U8286.41A.2166666-V3-C1";

/// A partition whose kernel can change the device tree, with these answers of its firmware: the call with its words, and a line
/// for each answer.
fn machine(answers: &[(&str, &str)]) -> Machine {
    let machine = Machine::new();
    machine.file(DLPAR, "memory,cpu,dt\n").file("rtas/asked", "");
    for (call, lines) in answers {
        machine.file(&format!("rtas/{call}"), lines);
    }
    machine
}

/// Firmware agrees to everything about these connectors.
fn agreeable(machine: Machine, indexes: &[&str]) -> Machine {
    for index in indexes {
        for indicator in ["9001", "9003"] {
            for value in ["0", "1"] {
                machine.file(&format!("rtas/set-indicator+{indicator}+{index}+{value}"), "0\n");
            }
        }
        for light in 0..4 {
            machine.file(&format!("rtas/set-indicator+9002+{index}+{light}"), "0\n");
        }
    }
    for percent in [0, 100] {
        machine.file(&format!("rtas/set-power-level+0xffffffff+{percent}"), format!("0 {percent}\n"));
    }
    machine
}

/// What firmware was asked, in short.
fn asked(machine: &Machine) -> Vec<String> {
    let short = |line: &str| line.replace("set-indicator+", "").replace("get-sensor-state+9003+", "sense ");
    machine.read("rtas/asked").lines().map(short).collect()
}

/// What firmware was asked but for its lights.
fn asked_in_the_dark(machine: &Machine) -> Vec<String> {
    asked(machine).into_iter().filter(|call| !call.starts_with("9002")).collect()
}

#[test]
fn a_virtual_slot_is_taken_from_firmware_described_and_registered() {
    let machine = agreeable(machine(&[("get-sensor-state+9003+0x30000001", "0 2\n")]), &["0x30000001"]);
    let said = machine.drmgr(&format!("-c slot -a -s {VIRTUAL}"));
    assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
    assert_eq!(asked(&machine), ["sense 0x30000001", "9003+0x30000001+1", "9001+0x30000001+1"]);
    assert_eq!(machine.read(DLPAR), "dt add index 0x30000001");
    assert_eq!(machine.read("sys/bus/pci/slots/control/add_slot"), VIRTUAL);
}

#[test]
fn a_slot_that_firmware_keeps_is_not_touched() {
    for (answer, words) in
        [("0 3\n", "to be had in exchange"), ("-9002 0\n", "the connector is not assigned"), ("0 1\n", "present")]
    {
        let machine = machine(&[("get-sensor-state+9003+0x30000001", answer)]);
        let said = machine.drmgr(&format!("-c slot -a -s {VIRTUAL}"));
        assert_eq!(said.status, 255);
        assert!(said.err.contains(words), "{}", said.err);
        assert_eq!(asked(&machine), ["sense 0x30000001"]);
    }
}

#[test]
fn a_firmware_that_refuses_half_way_gets_everything_back() {
    let answers = [
        ("get-sensor-state+9003+0x30000001", "0 2\n"),
        ("set-indicator+9003+0x30000001+1", "-2\n9900\n0\n"), // busy, and busy for a while
        ("set-indicator+9001+0x30000001+1", "-1\n"),
        ("set-indicator+9003+0x30000001+0", "0\n"),
    ];
    let machine = machine(&answers);
    let said = machine.drmgr("-c slot -a -s 0x30000001");
    assert_eq!(said.status, 255);
    assert!(said.err.contains("Unisolate failed for drc 30000001 with -1\n"), "{}", said.err);
    assert_eq!(said.err.matches("hardware error (set-indicator: -1)").count(), 1, "{}", said.err);
    let calls = ["sense 0x30000001", "9003+0x30000001+1", "9003+0x30000001+1", "9003+0x30000001+1"];
    assert_eq!(asked(&machine)[..4], calls);
    assert_eq!(asked(&machine)[4..], ["9001+0x30000001+1", "9003+0x30000001+0"]);
    assert_eq!(machine.read(DLPAR), "memory,cpu,dt\n");
    assert_eq!(machine.read("sys/bus/pci/slots/control/add_slot"), "");
}

#[test]
fn a_bridge_goes_after_its_cards() {
    let machine = agreeable(machine(&[]), &["0x20000000", "0x40000001"]);
    let said = machine.drmgr("-c phb -r -s PHB~0");
    assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
    assert_eq!(machine.read("sys/bus/pci/devices/0000:00:01.0/remove"), "1");
    assert_eq!(machine.read("sys/bus/pci/slots/control/remove_slot"), "PHB 0");
    assert_eq!(machine.read(DLPAR), "dt remove index 0x20000000");
    assert_eq!(
        asked_in_the_dark(&machine),
        ["9001+0x40000001+0", "set-power-level+0xffffffff+0", "9001+0x20000000+0", "9003+0x20000000+0"]
    );
}

#[test]
fn a_kernel_that_cannot_change_the_device_tree_is_named() {
    let removals = ["-c slot -r -s 0x30000002", "-c phb -r -s PHB~0", "-c pci -r -n -s C1"];
    let additions = [format!("-c slot -a -s {VIRTUAL}")];
    let check = |machine: &Machine, lines: &mut dyn Iterator<Item = &str>, words: &str| {
        for line in lines {
            let said = machine.drmgr(line);
            assert_eq!((said.status, said.err.contains(words)), (255, true), "{line}: {}", said.err);
            assert!(asked(machine).iter().all(|call| call.starts_with("sense")), "{line}: {:?}", asked(machine));
        }
    };
    let machine = Machine::new();
    machine.file("rtas/asked", "").file("rtas/get-sensor-state+9003+0x30000001", "0 2\n");
    check(&machine, &mut removals.into_iter(), "Linux 6.12");
    machine.file(OFDT, "");
    check(&machine, &mut additions.iter().map(String::as_str), "needs /dev/mem");
    machine.file("dev/mem", "").file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
    check(&machine, &mut removals.into_iter().chain(additions.iter().map(String::as_str)), "lockdown");
    machine.file(DLPAR, "memory,cpu,dt\n");
    std::fs::remove_dir_all(machine.path().join("rtas")).unwrap();
    let said = machine.drmgr("-c slot -r -s 0x30000002");
    assert!(said.status == 255 && said.err.contains("calls to firmware"), "{}", said.err);
}

/// A partition whose kernel (Linux 6.1) is told about each node through ofdt.
fn old_machine(answers: &[(&str, &str)]) -> Machine {
    let machine = machine(answers);
    machine.file(DLPAR, "memory,cpu\n").file("dev/mem", "");
    machine
}

/// What firmware describes of a connector: statuses, names and values.
fn describes(machine: &Machine, index: u32, answers: &[(i32, &str, &[u8])]) {
    let line = |(status, name, value): &(i32, &str, &[u8])| {
        let words = [index, 0, 20, u32::try_from(value.len()).unwrap(), u32::try_from(20 + name.len() + 1).unwrap()];
        let words = words.iter().flat_map(|word| word.to_be_bytes());
        let area: Vec<u8> = words.chain(name.bytes()).chain([0]).chain(value.iter().copied()).collect();
        format!("{status} {}\n", area.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let lines: String = answers.iter().map(line).collect();
    machine.file(&format!("rtas/ibm,configure-connector+{index:#x}"), lines);
}

/// An adapter with a node below it.
const ADAPTER: [(i32, &str, &[u8]); 6] = [
    (2, "v-scsi@30000001", b""),
    (3, "ibm,my-drc-index", &[0x30, 0, 0, 1]),
    (-2, "", b""), // busy
    (3, "ibm,usable", b""),
    (2, "disk@0", b""),
    (0, "", b""),
];

/// What is written to ofdt while something is done: a plain file would keep the last request only, a pipe keeps all.
fn told_ofdt(machine: &Machine, act: impl FnOnce()) -> Vec<String> {
    let path = machine.path().join(OFDT);
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let mut pipe = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    act();
    pipe.write_all(b"END").unwrap();
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    while !bytes.ends_with(b"END") {
        let read = pipe.read(&mut piece).unwrap();
        bytes.extend(&piece[..read]);
    }
    let text =
        String::from_utf8_lossy(&bytes).replace("add_node", "\nadd_node").replace("remove_node", "\nremove_node");
    let requests = text.strip_suffix("END").unwrap().lines().filter(|line| !line.is_empty());
    requests.map(|request| request.replace('\0', ".")).collect()
}

#[test]
fn without_dt_requests_each_node_is_told_to_the_kernel() {
    let machine = agreeable(old_machine(&[("get-sensor-state+9003+0x30000001", "0 2\n")]), &["0x30000001"]);
    describes(&machine, 0x3000_0001, &ADAPTER);
    let told = told_ofdt(&machine, || {
        let said = machine.drmgr(&format!("-c slot -a -s {VIRTUAL}"));
        assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
    });
    let nodes = [
        "add_node /vdevice/v-scsi@30000001 ibm,my-drc-index 4 0..\u{1} ibm,usable 0 .",
        "add_node /vdevice/v-scsi@30000001/disk@0.",
    ];
    assert_eq!(told, nodes);
    let mut calls = asked(&machine);
    calls.dedup();
    let expected = ["sense 0x30000001", "9003+0x30000001+1", "9001+0x30000001+1", "ibm,configure-connector+0x30000001"];
    assert_eq!(calls, expected);
    assert_eq!(machine.read(DLPAR), "memory,cpu\n");
    assert_eq!(machine.read("sys/bus/pci/slots/control/add_slot"), VIRTUAL);
}

#[test]
fn without_dt_requests_nodes_are_forgotten_children_first() {
    let machine = agreeable(old_machine(&[]), &["0x20000000", "0x40000001"]);
    machine.property("/interrupt-controller@1", "ibm,my-drc-index", [0x20, 0, 0, 0]);
    machine.property("/pci@800000020000000/ethernet@1/port@0", "reg", [0; 4]).remove("dev/mem");
    let told = told_ofdt(&machine, || {
        let said = machine.drmgr("-c phb -r -s PHB~0");
        assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
    });
    let card = ["remove_node /pci@800000020000000/ethernet@1/port@0", "remove_node /pci@800000020000000/ethernet@1"];
    // The record does not forget: the card's nodes are there again when those of the bridge go.
    let bridge = ["remove_node /pci@800000020000000", "remove_node /interrupt-controller@1"];
    assert_eq!(told, [&card[..], &card, &bridge].concat());
    assert_eq!(machine.read(DLPAR), "memory,cpu\n");
}

#[test]
fn what_firmware_does_not_describe_is_given_back() {
    let refused: [(i32, &str, &[u8]); 2] = [(2, "v-scsi@30000001", b""), (-9003, "", b"")];
    let nonsense: [(i32, &str, &[u8]); 1] = [(2, "../cpus", b"")];
    for (answers, words) in [(&refused[..], "has been taken back"), (&nonsense, "'../cpus' is not a name")] {
        let machine = agreeable(old_machine(&[("get-sensor-state+9003+0x30000001", "0 2\n")]), &["0x30000001"]);
        machine.file(OFDT, "");
        describes(&machine, 0x3000_0001, answers);
        let said = machine.drmgr(&format!("-c slot -a -s {VIRTUAL}"));
        assert_eq!((said.status, said.err.contains(words)), (255, true), "{}", said.err);
        assert_eq!(machine.read(OFDT), "");
        let calls = asked(&machine);
        assert_eq!(calls[calls.len() - 2..], ["9001+0x30000001+0", "9003+0x30000001+0"]);
    }
}

fn with_driver(machine: Machine) -> Machine {
    machine
        .file("sys/bus/pci/slots/0000:00:01.0/phy_location", "C1\n")
        .file("sys/bus/pci/slots/0000:00:01.0/power", "1");
    machine
}

#[test]
fn a_card_goes_by_the_driver_of_its_slot_or_by_its_device() {
    let power = "sys/bus/pci/slots/0000:00:01.0/power";
    let remove = "sys/bus/pci/devices/0000:00:01.0/remove";
    let down = ["9001+0x40000001+0", "set-power-level+0xffffffff+0"];
    for (line, expected) in [
        ("-c pci -r -n -s C1", ("0", "", &down[..])),
        ("-c pci -r -n -s C1/E1", ("0", "", &down[..])),
        ("-c pci -r -n -s 0x40000001", ("0", "", &down[..])),
        ("-c pci -r -n -V -s C1", ("1", "1", &down[..])),
        ("-c pci -r -n -H -s C1", ("0", "", &[][..])),
    ] {
        let machine = agreeable(with_driver(machine(&[])), &["0x40000001"]);
        let said = machine.drmgr(line);
        assert_eq!((said.status, said.out.as_str()), (0, ""), "{line}: {}", said.err);
        let found = (machine.read(power), machine.read(remove), asked_in_the_dark(&machine));
        assert_eq!((found.0.as_str(), found.1.as_str()), (expected.0, expected.1), "{line}");
        assert_eq!(found.2, expected.2, "{line}");
        assert_eq!(machine.read(DLPAR), "dt remove index 0x40000001", "{line}");
    }
}

#[test]
fn a_card_is_added_when_firmware_sees_it() {
    let machine = agreeable(machine(&[("get-sensor-state+9003+0x40000002", "0 0\n0 1\n")]), &["0x40000002"]);
    machine
        .file("sys/bus/pci/slots/0000:00:02.0/phy_location", "C2\n")
        .file("sys/bus/pci/slots/0000:00:02.0/power", "0");
    let said = machine.drmgr("-c pci -a -n -s C2");
    assert_eq!((said.status, said.out.as_str()), (0, ""), "{}", said.err);
    let ready = ["9001+0x40000002+0", "set-power-level+0xffffffff+0"];
    let up = ["set-power-level+0xffffffff+100", "9001+0x40000002+1"];
    let calls = asked_in_the_dark(&machine);
    let calls: Vec<&String> = calls.iter().filter(|call| !call.starts_with("sense")).collect();
    assert_eq!(calls, ready.iter().chain(&up).collect::<Vec<_>>());
    assert_eq!(machine.read(DLPAR), "dt add index 0x40000002");
    assert_eq!(machine.read("sys/bus/pci/slots/0000:00:02.0/power"), "1");
    assert_eq!(asked(&machine).last().unwrap(), "9001+0x40000002+1");
}

/// Runs drmgr with somebody who types these lines.
fn with_person(machine: &Machine, line: &str, typed: &str) -> Said {
    machine.run_with_input("drmgr", line, typed)
}

#[test]
fn the_light_beside_a_slot_says_which_one_it_is() {
    for (typed, status) in [("\n", 0), ("x\n", 255), ("", 255)] {
        let machine = agreeable(machine(&[]), &["0x40000001"]);
        let said = with_person(&machine, "-c pci -i -s C1", typed);
        assert!(said.out.starts_with("The visual indicator for the PCI slot <C1>\n"), "{}", said.out);
        assert_eq!(said.status, status, "{typed:?}: {}", said.err);
        assert_eq!(asked(&machine), ["9002+0x40000001+2", "9002+0x40000001+1"], "it is on again: there is a card");
    }
    for line in ["-c pci -i -s C9", "-c pci -i -I -s C1", "-c pci -i", "-c pci -Q -s C1", "-c pci -r -n -s 0x4000000g"]
    {
        assert_eq!(machine(&[]).drmgr(line).status, 255, "{line}");
    }
}

#[test]
fn who_does_not_want_to_go_on_changes_nothing() {
    for (line, typed, status, lights) in [
        ("-c pci -r -s C1", "x\n", 255, &["9002+0x40000001+2", "9002+0x40000001+1"][..]),
        ("-c pci -a -s C2", "x\n", 0, &["9002+0x40000002+2", "9002+0x40000002+0"][..]),
    ] {
        let machine = agreeable(machine(&[]), &["0x40000001", "0x40000002"]);
        let said = with_person(&machine, line, typed);
        assert_eq!(said.status, status, "{line}: {}", said.err);
        let calls: Vec<String> = asked(&machine).into_iter().filter(|call| !call.starts_with("sense")).collect();
        assert_eq!(calls, lights, "{line}");
        assert_eq!(machine.read(DLPAR), "memory,cpu,dt\n");
    }
}

#[test]
fn a_card_that_is_removed_is_taken_out_by_hand() {
    let machine = agreeable(with_driver(machine(&[])), &["0x40000001"]);
    let said = with_person(&machine, "-c pci -r -s C1", "\n\n");
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("Remove the PCI card\nfrom the identified slot"), "{}", said.out);
    let lights: Vec<String> = asked(&machine).into_iter().filter(|call| call.starts_with("9002")).collect();
    // identify; at work; done; take it out; dark
    let expected = ["2", "1", "0", "3", "0"].map(|light| format!("9002+0x40000001+{light}"));
    assert_eq!(lights, expected);
}
