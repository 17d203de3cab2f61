//! The engine on the simulated partition, broken at every operation: afterwards the partition is as it was before, or
//! exactly as the outcome says; and an engine that is killed at any line of its journal leaves nothing undecided.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test may panic, and builds its machine as it likes

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lpard::dlpar::act::{Progress, Watch, act};
use lpard::dlpar::inventory::{Inventory, ObserveError};
use lpard::dlpar::journal::{self, Entry, Journal, Nowhere, OnDisk, Unwritable};
use lpard::dlpar::kernel::{Kernel, StepError};
use lpard::dlpar::outcome::{Outcome, Shortfall};
use lpard::dlpar::plan::plan;
use lpard::dlpar::request::{
    CardTask, CardWay, Change, CpuChoice, MemoryChoice, PlaceChoice, PlaceKind, Request, Terms,
};
use lpard::dlpar::simulator::{Faults, Shape, Simulator};
use lpard::dlpar::step::Step;
use platform::drc::DrcIndex;
use proptest::prelude::*;
use sysroot::Sysroot;

const SHAPE: Shape = Shape { cores: 4, max_cores: 8, blocks: 8, max_blocks: 16, nodes: 2 };

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn quiet(progress: &mut dyn FnMut(Progress<'_>)) -> Watch<'_> {
    Watch { progress, expired: &|| false }
}

fn run(simulator: &mut dyn Kernel, request: &Request, terms: Terms, journal: &mut dyn Journal) -> Option<Outcome> {
    let plan = plan(request, terms, &simulator.observe(request).unwrap()).ok()?;
    Some(act(&plan, simulator, journal, &mut quiet(&mut |_| {})))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![Just(Change::Add), Just(Change::Remove)]
}

/// Both ways to change the device tree.
fn simulator(ofdt: bool) -> Simulator {
    let simulator = Simulator::new(SHAPE);
    if ofdt { simulator.with_ofdt() } else { simulator }
}

/// The nth slot or bridge; the partition has the first of two.
fn place(change: Change, kind: PlaceKind, n: u32) -> Request {
    let class = if kind == PlaceKind::Slot { 0x3000_0000 } else { 0x2000_0000 };
    Request::Place { change, kind, which: PlaceChoice::Index(DrcIndex(class + n)) }
}

fn card(task: CardTask, n: u32, scan: bool) -> Request {
    let which = PlaceChoice::Index(DrcIndex(0x4000_0000 + n));
    Request::Card { task, which, way: CardWay { scan, keep_firmware: false } }
}

fn request() -> impl Strategy<Value = Request> {
    let cpu = prop_oneof![
        (1u32..6).prop_map(|n| CpuChoice::Count(count(n))),
        (0u32..8).prop_map(|n| CpuChoice::Index(DrcIndex(0x1000_0000 + n * 8))),
        (0u32..8).prop_map(|n| CpuChoice::Name(format!("CPU {}", n * 8))),
    ];
    let memory = prop_oneof![
        (1u32..10).prop_map(|n| MemoryChoice::Count(count(n))),
        (0u32..16).prop_map(|n| MemoryChoice::Index(DrcIndex(0x8000_0000 + n))),
        (0u32..16, 1u32..6).prop_map(|(n, c)| MemoryChoice::Run { first: DrcIndex(0x8000_0000 + n), count: count(c) }),
    ];
    let kind = prop_oneof![Just(PlaceKind::Slot), Just(PlaceKind::Bridge)];
    let which = (0u32..6).prop_map(|n| PlaceChoice::Index(DrcIndex(0x4000_0000 + n)));
    let task = prop_oneof![Just(CardTask::Add), Just(CardTask::Remove)];
    prop_oneof![
        (task, which, any::<bool>()).prop_map(|(task, which, scan)| {
            Request::Card { task, which, way: CardWay { scan, keep_firmware: false } }
        }),
        (change(), cpu).prop_map(|(change, which)| Request::Cpu { change, which }),
        (change(), memory).prop_map(|(change, which)| Request::Memory { change, which }),
        (change(), kind, 0u32..3).prop_map(|(change, kind, n)| place(change, kind, n)),
    ]
}

/// What the partition is after exactly these steps.
fn replayed(before: &Simulator, steps: &[Step]) -> Simulator {
    let mut replayed = before.clone();
    replayed.break_at(Faults::default());
    for step in steps {
        replayed.perform(step).unwrap();
    }
    replayed
}

/// What the partition is by an outcome's account: what was done stays, devices that could not be brought back are gone, and nodes
/// that could not be put back are where they are said to be.
fn told(before: &Simulator, outcome: &Outcome) -> Simulator {
    let mut told = replayed(before, &outcome.done);
    let lost = outcome.stuck.iter().filter(|failure| matches!(failure.step, Step::Device { change: Change::Add, .. }));
    for failure in lost {
        // One that was gone before is gone already.
        let _ = told.perform(&failure.step.undo());
    }
    for failure in outcome.failed.iter().chain(&outcome.stuck) {
        if let StepError::Halfway { left, .. } = &failure.error {
            told.turn_around(left);
        }
    }
    told
}

/// Whether a step says that it ended half way, so that something is neither there nor not.
fn is_halfway(outcome: &Outcome) -> bool {
    let mut failures = outcome.failed.iter().chain(&outcome.stuck);
    failures.any(|failure| matches!(failure.error, StepError::Halfway { .. }))
}

/// Whether a step leaves the choice of blocks to the kernel, so that a replay may choose others.
fn kernel_chooses(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Blocks { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn after_any_faults_the_partition_is_what_the_outcome_says(
        request in request(),
        partial in any::<bool>(),
        ofdt in any::<bool>(),
        faults in proptest::collection::btree_set(0u32..90, 0..8),
        pinned in proptest::collection::btree_set(0u32..8, 0..4),
        withdrawn in proptest::collection::btree_set(4u32..8, 0..3),
    ) {
        let mut simulator = simulator(ofdt);
        for n in pinned {
            simulator.pin(DrcIndex(0x8000_0000 + n));
        }
        for n in withdrawn {
            simulator.withdraw(DrcIndex(0x1000_0000 + n * 8));
        }
        let before = simulator.clone();
        simulator.break_at(Faults::at(faults));
        let outcome = run(&mut simulator, &request, Terms { partial }, &mut Nowhere);
        prop_assert!(simulator.is_consistent(), "kernel and firmware disagree after {:?}", outcome);
        let Some(outcome) = outcome else {
            prop_assert!(simulator.same_state(&before), "a refused request changed something");
            return Ok(());
        };
        let is_told = !outcome.stuck.is_empty() || is_halfway(&outcome);
        prop_assert!(simulator.places_are_settled() || is_told, "half a slot after {}", outcome);
        prop_assert!(outcome.amount() <= outcome.asked);
        prop_assert_eq!(outcome.is_complete(), outcome.amount() == outcome.asked);
        if !partial && !outcome.is_complete() && !is_told {
            prop_assert_eq!(outcome.amount(), 0);
            prop_assert!(simulator.same_state(&before), "not all was done, and not all was undone: {}", outcome);
        }
        if !kernel_chooses(&outcome.done) {
            prop_assert!(simulator.same_state(&told(&before, &outcome)), "{}", outcome);
        }
    }
}

proptest! {
    #[test]
    fn a_plan_never_means_more_than_its_request(request in request(), partial in any::<bool>(), ofdt in any::<bool>()) {
        let simulator = simulator(ofdt);
        let Ok(plan) = plan(&request, Terms { partial }, &simulator.observe(&request).unwrap()) else { return Ok(()) };
        prop_assert!(plan.quota <= plan.asked && (partial || plan.quota == plan.asked));
        prop_assert!(plan.attempts.iter().all(|step| step.amount() <= plan.asked));
        prop_assert!(plan.attempts.iter().enumerate().all(|(n, step)| !plan.attempts[..n].contains(step)));
        let (asked, named) = match &request {
            Request::Cpu { which: CpuChoice::Count(n), .. } | Request::Memory { which: MemoryChoice::Count(n), .. } => {
                (n.get(), None)
            }
            Request::Memory { which: MemoryChoice::Run { count, .. }, .. } => (count.get(), Some(1)),
            Request::Place { .. } | Request::Card { .. } => (plan.asked, Some(plan.attempts.len())),
            _ => (1, Some(1)),
        };
        prop_assert_eq!(plan.asked, asked);
        prop_assert!(named.is_none_or(|named| plan.attempts.len() == named), "what is named is not chosen from others");
    }
}

/// One of each kind with each way to change the device tree.
fn on_each_kernel() -> impl Iterator<Item = (Simulator, Request)> {
    [false, true].into_iter().flat_map(|ofdt| of_each_kind().map(|request| (simulator(ofdt), request)))
}

/// One of each kind, of which no other thing can take the place when something fails.
fn of_each_kind() -> [Request; 13] {
    [
        Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(4)) },
        Request::Cpu { change: Change::Remove, which: CpuChoice::Count(count(3)) },
        Request::Memory { change: Change::Add, which: MemoryChoice::Count(count(8)) },
        Request::Memory { change: Change::Remove, which: MemoryChoice::Count(count(8)) },
        place(Change::Add, PlaceKind::Slot, 1),
        place(Change::Remove, PlaceKind::Slot, 0),
        place(Change::Add, PlaceKind::Bridge, 1),
        place(Change::Remove, PlaceKind::Bridge, 0),
        card(CardTask::Add, 1, false),
        card(CardTask::Add, 1, true),
        card(CardTask::Remove, 0, false),
        card(CardTask::Remove, 0, true),
        card(CardTask::Remove, 3, false),
    ]
}

/// Every single fault of a request, one after the other: there is none that is not tried.
#[test]
fn a_fault_at_every_operation_is_undone_or_told() {
    for (before, request) in on_each_kernel() {
        let mut unbroken = before.clone();
        assert!(run(&mut unbroken, &request, Terms::default(), &mut Nowhere).unwrap().is_complete());
        for operation in 0..unbroken.operations() {
            let mut simulator = before.clone();
            simulator.break_at(Faults::at([operation]));
            let outcome = run(&mut simulator, &request, Terms::default(), &mut Nowhere).unwrap();
            assert!(
                simulator.is_consistent() && simulator.places_are_settled(),
                "{request}, fault {operation}: {outcome}"
            );
            assert!(outcome.is_complete() || simulator.same_state(&before), "{request}, fault {operation}: {outcome}");
        }
    }
}

/// Every pair of faults: the second one strikes while the first is undone.
#[test]
fn a_fault_while_a_fault_is_undone_is_told_as_it_is() {
    const OPERATIONS: u32 = 48;
    for (before, request) in on_each_kernel() {
        let pairs = (0..OPERATIONS).flat_map(|first| (first + 1..OPERATIONS).map(move |second| (first, second)));
        for (first, second) in pairs {
            let mut simulator = before.clone();
            simulator.break_at(Faults::at([first, second]));
            let outcome = run(&mut simulator, &request, Terms::default(), &mut Nowhere).unwrap();
            if kernel_chooses(&outcome.done) {
                continue;
            }
            let is_told = simulator.same_state(&told(&before, &outcome));
            assert!(is_told, "{request}, faults {first} and {second}: {outcome}");
        }
    }
}

#[test]
fn a_deadline_stops_between_steps_and_takes_back_what_was_done() {
    let mut simulator = Simulator::new(SHAPE);
    let before = simulator.clone();
    let request = Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(3)) };
    let plan = plan(&request, Terms::default(), &simulator.observe(&request).unwrap()).unwrap();
    let done = std::cell::Cell::new(0);
    let mut progress = |progress: Progress<'_>| {
        if let Progress::Done(_) = progress {
            done.set(done.get() + 1);
        }
    };
    let mut watch = Watch { progress: &mut progress, expired: &|| done.get() == 2 };
    let outcome = act(&plan, &mut simulator, &mut Nowhere, &mut watch);
    assert_eq!((outcome.shortfall, outcome.undone.len(), outcome.done.len()), (Some(Shortfall::Deadline), 2, 0));
    assert!(simulator.same_state(&before));
}

/// A journal that cannot be written any more after so many lines.
struct Full(usize);

impl Journal for Full {
    fn append(&mut self, _: &Entry) -> Result<(), Unwritable> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| Unwritable("no space left on device".into()))?;
        Ok(())
    }
}

#[test]
fn nothing_is_begun_that_cannot_be_written_down() {
    for lines in 0..8 {
        let mut simulator = Simulator::new(SHAPE);
        let before = simulator.clone();
        let request = Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(3)) };
        let outcome = run(&mut simulator, &request, Terms::default(), &mut Full(lines)).unwrap();
        assert!(outcome.is_complete() || simulator.same_state(&before), "{lines} lines: {outcome}");
    }
}

/// A journal whose engine is killed after, or instead of, its nth line.
struct Mortal<'a> {
    journal: OnDisk<'a>,
    lines_to_live: u32,
}

impl Journal for Mortal<'_> {
    fn append(&mut self, entry: &Entry) -> Result<(), Unwritable> {
        assert!(self.lines_to_live > 0, "killed");
        self.lines_to_live -= 1;
        self.journal.append(entry)
    }
}

/// A kernel that is killed with its engine right after a step was done, before anybody could write it down.
struct DiesAfter<'a> {
    simulator: &'a mut Simulator,
    steps_to_live: u32,
}

impl Kernel for DiesAfter<'_> {
    fn observe(&self, request: &Request) -> Result<Inventory, ObserveError> {
        self.simulator.observe(request)
    }

    fn perform(&mut self, step: &Step) -> Result<(), StepError> {
        let result = self.simulator.perform(step);
        assert!(self.steps_to_live > 1, "killed");
        self.steps_to_live -= 1;
        result
    }
}

fn machine() -> (tempfile::TempDir, Sysroot) {
    let directory = tempfile::tempdir().unwrap();
    let random = directory.path().join("proc/sys/kernel/random");
    std::fs::create_dir_all(&random).unwrap();
    std::fs::write(random.join("boot_id"), "first\n").unwrap();
    let sysroot = Sysroot::at(directory.path()).unwrap();
    (directory, sysroot)
}

fn recovered(sysroot: &Sysroot, simulator: &mut Simulator) -> Option<journal::Recovery> {
    let left = journal::leftover(sysroot).unwrap()?;
    let recovery = journal::recover(left, simulator, &mut OnDisk::new(sysroot), &mut quiet(&mut |_| {})).unwrap();
    assert_eq!(journal::leftover(sysroot).unwrap(), None, "what was put in order is closed");
    Some(recovery)
}

#[test]
fn an_engine_killed_at_any_line_of_its_journal_is_put_in_order() {
    let cpus = Request::Cpu { change: Change::Remove, which: CpuChoice::Count(count(3)) };
    let requests = [
        cpus,
        place(Change::Remove, PlaceKind::Bridge, 0),
        place(Change::Add, PlaceKind::Bridge, 1),
        card(CardTask::Add, 1, true),
    ];
    for (ofdt, request) in requests.iter().flat_map(|request| [(false, request), (true, request)]) {
        let mut lines_to_live = 0;
        while is_killed_and_put_in_order(ofdt, request, lines_to_live) {
            lines_to_live += 1;
        }
        assert!(lines_to_live >= 8, "{request} was not killed: {lines_to_live} lines");
    }
}

/// Kills an engine after so many lines of its journal; whether it lived so long.
fn is_killed_and_put_in_order(ofdt: bool, request: &Request, lines_to_live: u32) -> bool {
    let (_directory, sysroot) = machine();
    let mut simulator = simulator(ofdt);
    let before = simulator.clone();
    let mut journal = Mortal { journal: OnDisk::new(&sysroot), lines_to_live };
    let killed = catch_unwind(AssertUnwindSafe(|| run(&mut simulator, request, Terms::default(), &mut journal)));
    let recovery = recovered(&sysroot, &mut simulator);
    match killed {
        Ok(_) => assert_eq!(recovery, None, "a finished operation is left alone"),
        Err(_) => assert!(simulator.same_state(&before), "killed before line {lines_to_live}: {recovery:?}"),
    }
    killed.is_err()
}

#[test]
fn a_step_that_was_done_and_not_written_down_is_found() {
    let requests = [
        Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(2)) },
        Request::Memory { change: Change::Remove, which: MemoryChoice::Count(count(3)) },
        Request::Memory { change: Change::Add, which: MemoryChoice::Index(DrcIndex(0x8000_0009)) },
        place(Change::Add, PlaceKind::Slot, 1),
        place(Change::Remove, PlaceKind::Slot, 0),
        place(Change::Add, PlaceKind::Bridge, 1),
        place(Change::Remove, PlaceKind::Bridge, 0),
        card(CardTask::Add, 1, false),
        card(CardTask::Remove, 0, false),
        card(CardTask::Remove, 3, false),
    ];
    for (ofdt, request) in requests.iter().flat_map(|request| [(false, request), (true, request)]) {
        for steps_to_live in 1..20 {
            let (_directory, sysroot) = machine();
            let mut simulator = simulator(ofdt);
            let before = simulator.clone();
            let mut kernel = DiesAfter { simulator: &mut simulator, steps_to_live };
            let mut journal = OnDisk::new(&sysroot);
            let killed = catch_unwind(AssertUnwindSafe(|| run(&mut kernel, request, Terms::default(), &mut journal)));
            let recovery = recovered(&sysroot, &mut simulator);
            if killed.is_ok() {
                break;
            }
            assert!(simulator.same_state(&before), "{request}: {recovery:?}");
        }
    }
}

/// The first lines of a request's journal after which the nodes of this connector are in flight: the engine is killed there, when
/// the kernel has done them all.
fn killed_in_nodes_of(index: u32, request: &Request, sysroot: &Sysroot) -> Simulator {
    let killed_at = |lines_to_live| {
        let mut simulator = simulator(true);
        let mut journal = Mortal { journal: OnDisk::new(sysroot), lines_to_live };
        let killed = catch_unwind(AssertUnwindSafe(|| run(&mut simulator, request, Terms::default(), &mut journal)));
        assert!(killed.is_err(), "it ended before there were nodes");
        let in_flight = journal::leftover(sysroot).unwrap().unwrap().in_flight;
        let is_it = |step: &Step| matches!(step, Step::Node { index: DrcIndex(other), .. } if *other == index);
        in_flight.is_some_and(|step| is_it(&step)).then_some(simulator)
    };
    (2..60).find_map(killed_at).unwrap()
}

/// An engine that is killed between two nodes of one step.
#[test]
fn half_a_tree_that_a_killed_engine_left_is_put_in_order() {
    let (add, remove) = (place(Change::Add, PlaceKind::Bridge, 1), place(Change::Remove, PlaceKind::Bridge, 0));
    for (index, request, not_yet_done) in [
        (0x2000_0001, &add, &["/interrupt-controller@1"][..]),
        (0x2000_0001, &add, &["/interrupt-controller@1", "/pci@800000020000001/isa@0"]),
        (0x2000_0000, &remove, &["/pci@800000020000000"]),
        (0x2000_0000, &remove, &["/pci@800000020000000", "/pci@800000020000000/isa@0"]),
    ] {
        let (_directory, sysroot) = machine();
        let mut simulator = killed_in_nodes_of(index, request, &sysroot);
        simulator.turn_around(&not_yet_done.iter().map(ToString::to_string).collect::<Vec<_>>());
        let recovery = recovered(&sysroot, &mut simulator).unwrap();
        assert!(simulator.same_state(&self::simulator(true)), "{request}, not yet {not_yet_done:?}: {recovery:?}");
    }
}

#[test]
fn what_was_left_before_a_reboot_is_history() {
    let (directory, sysroot) = machine();
    let request = Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(2)) };
    let mut simulator = Simulator::new(SHAPE);
    let mut journal = Mortal { journal: OnDisk::new(&sysroot), lines_to_live: 3 };
    assert!(catch_unwind(AssertUnwindSafe(|| run(&mut simulator, &request, Terms::default(), &mut journal))).is_err());
    assert!(journal::leftover(&sysroot).unwrap().is_some());
    std::fs::write(directory.path().join("proc/sys/kernel/random/boot_id"), "second\n").unwrap();
    assert_eq!(journal::leftover(&sysroot).unwrap(), None);
}

#[test]
fn a_part_that_was_agreed_to_stays_after_a_kill() {
    let (_directory, sysroot) = machine();
    let request = Request::Cpu { change: Change::Add, which: CpuChoice::Count(count(3)) };
    let mut simulator = Simulator::new(SHAPE);
    let mut journal = Mortal { journal: OnDisk::new(&sysroot), lines_to_live: 3 };
    let killed =
        catch_unwind(AssertUnwindSafe(|| run(&mut simulator, &request, Terms { partial: true }, &mut journal)));
    assert!(killed.is_err());
    let recovery = recovered(&sysroot, &mut simulator).unwrap();
    assert_eq!((recovery.kept.len(), recovery.undone.len()), (1, 0));
}
