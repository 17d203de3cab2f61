//! Tables of requests and what is planned for them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::*;
use platform::rtas::connector::Entity;
use platform::rtas::status::Call;

use crate::dlpar::inventory::{Block, DLPAR, Interface, Memory};
use crate::dlpar::kernel::Kernel;
use crate::dlpar::request::{CardWay, CpuChoice, MemoryChoice, Parameter, PlaceChoice, PlaceKind, Target};
use crate::dlpar::simulator::{Shape, Simulator};
use crate::dlpar::step::Deed;

const PARTIAL: Terms = Terms { partial: true };
const WHOLE: Terms = Terms { partial: false };

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn planned(request: &Request, terms: Terms) -> Result<Plan, Refusal> {
    let shape = Shape { cores: 2, max_cores: 4, blocks: 4, max_blocks: 8, nodes: 1 };
    plan(request, terms, &Simulator::new(shape).observe(request).unwrap())
}

fn writes(plan: &Plan) -> Vec<String> {
    let text = |step: &Step| match step.deed() {
        Deed::Write { text, .. } => text,
        firmware => firmware.to_string(),
    };
    plan.attempts.iter().map(text).collect()
}

#[test]
fn processors_are_added_from_the_front_and_removed_from_the_back() {
    let cpu = |change, which| Request::Cpu { change, which };
    let cases = [
        (cpu(Change::Add, CpuChoice::Count(count(1))), vec!["cpu add index 0x10000010", "cpu add index 0x10000018"]),
        (
            cpu(Change::Remove, CpuChoice::Count(count(1))),
            vec!["cpu remove index 0x10000008", "cpu remove index 0x10000000"],
        ),
        (cpu(Change::Add, CpuChoice::Index(DrcIndex(0x1000_0018))), vec!["cpu add index 0x10000018"]),
        (cpu(Change::Remove, CpuChoice::Name("CPU 8".into())), vec!["cpu remove index 0x10000008"]),
    ];
    for (request, expected) in cases {
        let plan = planned(&request, WHOLE).unwrap();
        assert_eq!((writes(&plan), plan.quota), (expected.into_iter().map(str::to_owned).collect(), 1), "{request}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let cpu = |change, which| Request::Cpu { change, which };
    let memory = |change, which| Request::Memory { change, which };
    let parameter = |parameter, target| Request::Parameter { parameter, target };
    let cases = [
        (cpu(Change::Add, CpuChoice::Count(count(3))), "3 processors asked for, 2 to be had"),
        (cpu(Change::Remove, CpuChoice::Count(count(2))), "the last processor cannot be removed"),
        (cpu(Change::Add, CpuChoice::Index(DrcIndex(0x1000_0000))), "the processor '0x10000000' is already present"),
        (cpu(Change::Remove, CpuChoice::Name("CPU 16".into())), "the processor 'CPU 16' is not present"),
        (cpu(Change::Remove, CpuChoice::Name("CPU".into())), "there is no processor 'CPU' in this partition"),
        (
            memory(Change::Remove, MemoryChoice::Index(DrcIndex(0x8000_0005))),
            "the memory block '0x80000005' is not present",
        ),
        (memory(Change::Add, MemoryChoice::Index(DrcIndex(5))), "there is no memory block '0x5' in this partition"),
        (
            memory(Change::Add, MemoryChoice::Run { first: DrcIndex(0x8000_0006), count: count(3) }),
            "there is no memory block '0x80000006 and 2 after it' in this partition",
        ),
        (
            memory(Change::Remove, MemoryChoice::Run { first: DrcIndex(0x8000_0003), count: count(2) }),
            "the memory block '0x80000004' is not present",
        ),
        (memory(Change::Remove, MemoryChoice::Count(count(5))), "5 memory blocks asked for, 4 to be had"),
        (parameter(Parameter::CpuWeight, Target::Raise(128)), "capacity_weight is 128: it cannot be changed by 128"),
        (parameter(Parameter::CpuWeight, Target::Lower(129)), "capacity_weight is 128: it cannot be changed by 129"),
        (
            parameter(Parameter::MemoryWeight, Target::Set(1)),
            "entitled_memory_weight is not among this partition's parameters (/proc/ppc64/lparcfg)",
        ),
    ];
    for (request, expected) in cases {
        // A shortage of memory is for the kernel to find, unless a part would do.
        let refusal = planned(&request, WHOLE).map(|plan| plan.to_string());
        assert_eq!(refusal.unwrap_err().to_string(), expected, "{request}");
    }
}

#[test]
fn a_part_is_planned_only_where_the_terms_allow_it() {
    let request = Request::Cpu { change: Change::Remove, which: CpuChoice::Count(count(5)) };
    let plan = planned(&request, PARTIAL).unwrap();
    assert_eq!((plan.asked, plan.quota, plan.limit), (5, 1, Some(Refusal::LastProcessor)));
}

#[test]
fn so_many_blocks_are_the_kernels_choice() {
    let request = Request::Memory { change: Change::Add, which: MemoryChoice::Count(count(2)) };
    assert_eq!(writes(&planned(&request, WHOLE).unwrap()), ["memory add count 2"]);
    let partial = writes(&planned(&request, PARTIAL).unwrap());
    assert_eq!(partial[..2], ["memory add count 2", "memory add index 0x80000004"]);
}

#[test]
fn parameters_are_written_as_absolute_values() {
    for (target, expected) in [(Target::Set(50), 50), (Target::Raise(25), 125), (Target::Lower(100), 0)] {
        let request = Request::Parameter { parameter: Parameter::CpuEntitlement, target };
        assert_eq!(writes(&planned(&request, WHOLE).unwrap()), [format!("partition_entitled_capacity={expected}\n")]);
    }
}

#[test]
fn nodes_without_processors_are_emptied_first_and_the_others_in_proportion() {
    let block = |index, node| Block { index: DrcIndex(index), assigned: true, reserved: false, node: Some(node) };
    // Node 0 has 8 CPUs and 6 blocks, node 1 has 4 CPUs and 6 blocks, node 2 has only memory.
    let blocks: Vec<_> =
        (0..6).map(|n| block(n, 0)).chain((10..16).map(|n| block(n, 1))).chain((20..22).map(|n| block(n, 2))).collect();
    let memory = Memory { lmb_size_bytes: 1, blocks, node_cpus: BTreeMap::from([(0, 8), (1, 4), (2, 0)]) };
    let interface = Interface { memory: true, ..Interface::default() };
    let inventory = Inventory { interface, memory: Some(memory), ..Inventory::default() };
    let request = Request::Memory { change: Change::Remove, which: MemoryChoice::Count(count(6)) };
    let plan = plan(&request, WHOLE, &inventory).unwrap();
    let indexes: Vec<u32> = plan
        .attempts
        .iter()
        .map(|step| match step {
            Step::Block { index, .. } => index.0,
            other => panic!("{other}"),
        })
        .collect();
    // Two from node 2; then from node 1 until it has half of what node 0 has.
    assert_eq!(indexes[..6], [21, 20, 15, 14, 13, 5]);
    assert_eq!(indexes.len(), 14, "all of them can be attempted");
}

#[test]
fn slots_come_from_firmware_up_and_bridges_go_by_their_devices_first() {
    let request = |change, kind, name: &str| Request::Place { change, kind, which: PlaceChoice::Name(name.into()) };
    let call = |words: &str| format!("call the firmware's {words}");
    let indicator = |words: &str| call(&format!("set-indicator {words}"));
    let write = str::to_owned;
    let cases = [
        (
            request(Change::Add, PlaceKind::Slot, "U1-V1-C1"),
            vec![
                indicator("9003 0x30000001 1"),
                indicator("9001 0x30000001 1"),
                write("dt add index 0x30000001"),
                write("U1-V1-C1"),
            ],
        ),
        (
            request(Change::Remove, PlaceKind::Slot, "U1-V1-C0"),
            vec![
                write("U1-V1-C0"),
                write("dt remove index 0x30000000"),
                indicator("9001 0x30000000 0"),
                indicator("9003 0x30000000 0"),
            ],
        ),
        (
            request(Change::Remove, PlaceKind::Bridge, "PHB 0"),
            vec![
                write("0"), // the card whose slot has a driver
                write("dt remove index 0x40000000"),
                indicator("9001 0x40000000 0"),
                call("set-power-level 0x40000000 0"),
                indicator("9002 0x40000000 0"),
                write("1"), // the device of the card whose slot has none
                write("dt remove index 0x40000003"),
                indicator("9001 0x40000003 0"),
                call("set-power-level 0x40000003 0"),
                indicator("9002 0x40000003 0"),
                write("1"), // the bridge's own device
                write("PHB 0"),
                write("dt remove index 0x20000000"),
                indicator("9001 0x20000000 0"),
                indicator("9003 0x20000000 0"),
            ],
        ),
    ];
    for (request, expected) in cases {
        let plan = planned(&request, WHOLE).unwrap();
        assert!(plan.in_order);
        assert_eq!(writes(&plan), expected, "{request}");
    }
    let refused = planned(&request(Change::Add, PlaceKind::Bridge, "PHB 0"), WHOLE);
    assert_eq!(refused.unwrap_err().to_string(), "the host bridge 'PHB 0' is already present");
}

fn card(task: CardTask, n: u32, way: CardWay) -> Request {
    Request::Card { task, which: PlaceChoice::Index(DrcIndex(0x4000_0000 + n)), way }
}

#[test]
fn cards_are_powered_opened_described_and_used_and_go_the_other_way_round() {
    let scan = CardWay { scan: true, ..CardWay::default() };
    let kept = CardWay { keep_firmware: true, ..CardWay::default() };
    let cases = [
        (card(CardTask::Add, 1, CardWay::default()), "9002 1|power 100|9001 1|dt add|1 to power"),
        (card(CardTask::Add, 1, scan), "9002 1|power 100|9001 1|dt add|1 to rescan"),
        (card(CardTask::Remove, 0, CardWay::default()), "9002 1|0 to power|dt remove|9001 0|power 0|9002 0"),
        (card(CardTask::Remove, 0, scan), "9002 1|1 to remove|dt remove|9001 0|power 0|9002 0"),
        (card(CardTask::Remove, 0, kept), "9002 1|0 to power|dt remove"),
        (card(CardTask::Ready, 2, CardWay::default()), "9001 0|power 0"),
    ];
    let told = |step: &Step| match step.deed() {
        Deed::Write { path, text } if path == DLPAR => text.split(" index ").next().unwrap().to_owned(),
        Deed::Write { path, text } => format!("{text} to {}", path.rsplit('/').next().unwrap()),
        Deed::Firmware { call: Call::SetPowerLevel, inputs, .. } => format!("power {}", inputs[1]),
        Deed::Firmware { inputs, .. } => format!("{} {}", inputs[0], inputs[2]),
        other @ (Deed::LetGo { .. } | Deed::Nodes { .. }) => other.to_string(),
    };
    for (request, expected) in cases {
        let plan = planned(&request, WHOLE).unwrap();
        assert_eq!(plan.attempts.iter().map(told).collect::<Vec<_>>().join("|"), expected, "{request}");
    }
}

#[test]
fn a_card_that_is_not_there_or_not_the_partitions_is_refused() {
    let cases = [
        (card(CardTask::Add, 0, CardWay::default()), "the slot 'U1-P1-C0' is occupied"),
        (card(CardTask::Add, 2, CardWay::default()), "no card was detected in the slot 'U1-P1-C2'"),
        (card(CardTask::Remove, 1, CardWay::default()), "the card in the slot 'U1-P1-C1' is not present"),
        (card(CardTask::Add, 4, CardWay::default()), "there is no PCI slot '0x40000004' in this partition"),
    ];
    for (request, expected) in cases {
        assert_eq!(planned(&request, WHOLE).unwrap_err().to_string(), expected, "{request}");
    }
}

#[test]
fn a_slot_that_firmware_does_not_offer_is_refused() {
    let request =
        Request::Place { change: Change::Add, kind: PlaceKind::Slot, which: PlaceChoice::Index(DrcIndex(0x3000_0001)) };
    let shape = Shape { cores: 1, max_cores: 1, blocks: 1, max_blocks: 1, nodes: 1 };
    let mut inventory = Simulator::new(shape).observe(&request).unwrap();
    let expected = "the slot '0x30000001' cannot be had: firmware senses: ";
    for (sense, words) in [
        (Sense::Entity(Entity::Exchange), "to be had in exchange"),
        (Sense::Status(-9002), "the connector is not assigned to this partition"),
        (Sense::Unknown, "firmware was not asked"),
    ] {
        inventory.places.iter_mut().for_each(|place| place.sense = sense);
        assert_eq!(plan(&request, WHOLE, &inventory).unwrap_err().to_string(), format!("{expected}{words}"));
    }
    inventory.interface.firmware = false;
    assert_eq!(plan(&request, WHOLE, &inventory), Err(Refusal::NoFirmware));
}

/// The plan of a request on a kernel that changes its device tree so.
fn planned_with(device_tree: DeviceTree, request: &Request) -> Result<Plan, Refusal> {
    let shape = Shape { cores: 1, max_cores: 1, blocks: 1, max_blocks: 1, nodes: 1 };
    let mut inventory = Simulator::new(shape).observe(request).unwrap();
    inventory.interface.device_tree = device_tree;
    plan(request, WHOLE, &inventory)
}

#[test]
fn who_changes_the_device_tree_is_decided_before_anything_is_begun() {
    let place = |change, n: u32| Request::Place {
        change,
        kind: PlaceKind::Bridge,
        which: PlaceChoice::Index(DrcIndex(0x2000_0000 + n)),
    };
    let (add, remove) = (place(Change::Add, 1), place(Change::Remove, 0));
    let (card_add, card_remove) =
        (card(CardTask::Add, 1, CardWay::default()), card(CardTask::Remove, 0, CardWay::default()));
    let below = Request::CardsBelow { above: DrcIndex(0x2000_0000), name: "PHB 0".into() };
    for request in [&add, &remove, &card_add, &card_remove, &below] {
        assert_eq!(planned_with(DeviceTree::Fixed, request), Err(Refusal::FixedTree), "{request}");
        assert_eq!(planned_with(DeviceTree::LockedDown, request), Err(Refusal::LockedDown), "{request}");
    }
    let deaf = DeviceTree::Ofdt { work_area: false };
    for request in [&add, &card_add] {
        assert_eq!(planned_with(deaf, request), Err(Refusal::NoWorkArea), "{request}");
    }
    for (device_tree, by) in [
        (DeviceTree::Kernel, NodesBy::Kernel),
        (DeviceTree::Ofdt { work_area: true }, NodesBy::Ofdt),
        (deaf, NodesBy::Ofdt), // to forget nodes needs nothing of firmware
    ] {
        for request in [&remove, &card_remove] {
            let steps = planned_with(device_tree, request).unwrap().attempts;
            let found = steps.iter().filter_map(|step| if let Step::Node { by, .. } = step { Some(*by) } else { None });
            assert!(found.clone().count() > 0 && found.clone().all(|found| found == by), "{request}");
        }
    }
}

#[test]
fn a_dry_run_says_how_nodes_are_added_and_forgotten() {
    let ofdt = DeviceTree::Ofdt { work_area: true };
    let said = |request: &Request| planned_with(ofdt, request).unwrap().to_string();
    let added = "add the device-tree node of 0x40000001: call the firmware's ibm,configure-connector 0x40000001 until it has told \
                 all, write 'add_node' for each node to /proc/ppc64/ofdt\n";
    assert!(said(&card(CardTask::Add, 1, CardWay::default())).contains(added));
    let removed = "remove the device-tree node of 0x40000000: write 'remove_node' for each node of 0x40000000, children first, to \
                   /proc/ppc64/ofdt\n";
    assert!(said(&card(CardTask::Remove, 0, CardWay::default())).contains(removed));
}

#[test]
fn a_dry_run_says_every_write() {
    let request = Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(3)) };
    assert_eq!(
        planned(&request, PARTIAL).unwrap().to_string(),
        "request: add 3 processors\n\
         limit: 3 processors asked for, 2 to be had; 2 of 3 will be done\n\
         until 2 of these succeeded, in this order:\n\
         - add the processor 'CPU 16' (0x10000010): write 'cpu add index 0x10000010' to /sys/kernel/dlpar\n\
         - add the processor 'CPU 24' (0x10000018): write 'cpu add index 0x10000018' to /sys/kernel/dlpar\n\
         if not all of it can be done: what was done stays\n"
    );
}
