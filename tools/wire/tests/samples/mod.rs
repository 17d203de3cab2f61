//! One message and more of each kind, under the name of the kind's file in `tests/wire/v01`.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use std::num::NonZeroU32;

use wire::hex::{Capabilities, DrcIndex, MigrationId, RunId, StreamId};
use wire::key::PrivateKey;
use wire::message::answer::{Failure, Refusal, RefusalReason};
use wire::message::dlpar::{
    Adjust, Cause, Change, CpuTarget, Direction, MemoryTarget, Pool, Quantity, Resize, ResizeOutcome, Shortfall,
    SlotAction, SlotTarget, Verdict,
};
use wire::message::event::FirmwareEvent;
use wire::message::greeting::GoodbyeReason;
use wire::message::inventory::{
    Health, HealthState, Identity, Inventory, Machine, Memory, OperatingSystem, Processors, Slot, SlotKind,
};
use wire::message::migration::{
    Check, ConsoleContact, Finding, HookOutcome, HookResult, MigrationRecord, NewIdentity, Prepare, Readiness, Suspend,
};
use wire::message::request::{Shutdown, ShutdownAction};
use wire::message::{
    Answer, Event, FromConsole, FromPartition, Goodbye, Hello, Order, Progress, Reply, Report, Request, RequestId,
    Seen, Sequence, Welcome,
};
use wire::phase::{PHASES, Phase};
use wire::version::Range;

/// A private key that is nobody's.
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32]).unwrap()
}

pub fn machine() -> Machine {
    Machine { type_model: "9009-42A".into(), serial: "7812345".into() }
}

pub fn identity() -> Identity {
    Identity {
        id: 3,
        name: Some("lpar1".into()),
        uuid: Some("7f4ab4a8-1f8b-4f0e-9c53-1d1d5c8a3e21".into()),
        machine: machine(),
    }
}

/// What a console says.
pub fn from_console() -> Vec<(&'static str, Vec<FromConsole>)> {
    let welcome = Welcome {
        version: 1,
        console: "frame1-console".into(),
        run: RunId(0xc0_ffee),
        heartbeat_ms: 5000,
        seen: Sequence(12),
    };
    let goodbyes = GoodbyeReason::ALL.map(|reason| FromConsole::Goodbye(goodbye(reason)));
    let mut all = vec![
        ("console-welcome", vec![FromConsole::Welcome(welcome)]),
        ("console-seen", vec![FromConsole::Seen(Seen { through: Sequence(13) })]),
        ("console-goodbye", goodbyes.into()),
    ];
    all.extend(requests().into_iter().map(|(name, requests)| (name, (7..).zip(requests).map(order).collect())));
    all
}

fn order((id, request): (u64, Request)) -> FromConsole {
    FromConsole::Request(Order { id: RequestId(id), request })
}

fn goodbye(reason: GoodbyeReason) -> Goodbye {
    Goodbye { reason, text: "a sentence".into() }
}

fn requests() -> Vec<(&'static str, Vec<Request>)> {
    let shutdowns = [ShutdownAction::PowerOff, ShutdownAction::Reboot]
        .map(|action| Request::Shutdown(Shutdown { action, message: "maintenance".into(), delay_ms: 60_000 }));
    let check = |destination| Request::MigrationCheck(Check { destination, deadline_ms: 30_000 });
    vec![
        ("console-request-inventory", vec![Request::Inventory {}]),
        ("console-request-resize", resizes()),
        ("console-request-migration-check", vec![check(None), check(Some(machine()))]),
        ("console-request-migration-prepare", vec![prepare(&key(2))]),
        ("console-request-migration-suspend", vec![suspend()]),
        ("console-request-migration-abort", vec![Request::MigrationAbort {}]),
        ("console-request-migration-undo", vec![Request::MigrationUndo {}]),
        ("console-request-identity", vec![Request::Identity(NewIdentity { machine: machine(), id: 4 })]),
        ("console-request-shutdown", shutdowns.into()),
    ]
}

const MIGRATION: MigrationId = MigrationId(0x5eed);

/// To a console with that key.
pub fn prepare(console: &PrivateKey) -> Request {
    let console = ConsoleContact {
        name: "frame2-console".into(),
        key: console.public(),
        addresses: vec!["fe80::4c:50ff:fe00:1".parse().unwrap(), "192.0.2.1".parse().unwrap()],
        port: 657,
    };
    let destination = machine();
    Request::MigrationPrepare(Prepare { migration: MIGRATION, destination, console, deadline_ms: 120_000 })
}

/// What was prepared so.
pub fn suspend() -> Request {
    Request::MigrationSuspend(Suspend { migration: MIGRATION, stream: StreamId(0x0123_4567_89ab_cdef) })
}

fn resizes() -> Vec<Request> {
    let count = NonZeroU32::new(2).unwrap();
    let (add, remove) = (Direction::Add, Direction::Remove);
    let cpu = |action, target| Change::Cpu { action, target };
    let memory = |action, target| Change::Memory { action, target };
    let by_index = SlotTarget::Index(DrcIndex(0x3000_0004));
    let by_name = SlotTarget::Name("U9009.42A.7812345-V3-C4".into());
    let mut changes = vec![
        cpu(add, CpuTarget::Count(count)),
        cpu(remove, CpuTarget::Index(DrcIndex(0x1000_0001))),
        cpu(remove, CpuTarget::Name("CPU 1".into())),
        memory(add, MemoryTarget::Count(count)),
        memory(remove, MemoryTarget::Index(DrcIndex(0x8000_0004))),
        memory(add, MemoryTarget::IndexedCount { count, index: DrcIndex(0x8000_0008) }),
        Change::Phb { action: SlotAction::Add, target: SlotTarget::Name("PHB 20".into()) },
    ];
    let actions = [SlotAction::Query, SlotAction::Add, SlotAction::Remove, SlotAction::Replace, SlotAction::Identify];
    let targets = [by_index.clone(), by_name.clone(), by_name, by_index.clone(), by_index];
    changes.extend(actions.into_iter().zip(targets).map(|(action, target)| Change::Slot { action, target }));
    let entitlement = |of, quantity, adjust| Change::Entitlement { of, quantity, adjust };
    changes.extend([
        entitlement(Pool::Processor, Quantity::Capacity, Adjust::Set(150)),
        entitlement(Pool::Processor, Quantity::Weight, Adjust::Subtract(10)),
        entitlement(Pool::Memory, Quantity::Capacity, Adjust::Add(1 << 40)),
    ]);
    let options = [(false, false), (true, false), (false, true)].into_iter().cycle();
    let resize = |(change, (allow_partial, dry_run))| {
        Request::Resize(Resize { change, deadline_ms: 300_000, allow_partial, dry_run })
    };
    changes.into_iter().zip(options).map(resize).collect()
}

/// What a partition says.
pub fn from_partition() -> Vec<(&'static str, Vec<FromPartition>)> {
    let nameless = Identity { name: None, uuid: None, ..identity() };
    let hello = |identity| {
        let agent = "lpard 0.1.0".to_owned();
        FromPartition::Hello(Hello { versions: Range { min: 1, max: 1 }, agent, run: RunId(0xa9e27), identity })
    };
    let progress = Progress { id: RequestId(8), done: 1, of: 2, text: "removing CPU 1".into() };
    let goodbyes = GoodbyeReason::ALL.map(|reason| FromPartition::Goodbye(goodbye(reason)));
    let mut all = vec![
        ("partition-hello", vec![hello(identity()), hello(nameless)]),
        ("partition-progress", vec![FromPartition::Progress(progress)]),
        ("partition-goodbye", goodbyes.into()),
    ];
    let reply = |(id, answer)| FromPartition::Answer(Reply { id: RequestId(id), answer });
    all.extend(answers().into_iter().map(|(name, answers)| (name, (7..).zip(answers).map(reply).collect())));
    let report = |(sequence, event)| FromPartition::Event(Report { sequence: Sequence(sequence), event });
    all.extend(events().into_iter().map(|(name, events)| (name, (1..).zip(events).map(report).collect())));
    all
}

fn answers() -> Vec<(&'static str, Vec<Answer>)> {
    let finding = |from: &str, vetoes, text: &str| Finding { from: from.into(), vetoes, text: text.into() };
    let readiness = |ready, findings| Answer::Readiness(Readiness { ready, findings });
    let vetoes = vec![finding("10-database", true, "backup is running"), finding("readiness", false, "CD is loaded")];
    let failure =
        |errno, firmware| Answer::Failed(Failure { text: "write the stream: refused".into(), errno, firmware });
    let refusals = RefusalReason::ALL
        .map(|reason| Answer::Refused(Refusal { reason, text: "not while the partition is changing".into() }));
    vec![
        ("partition-answer-inventory", inventories()),
        ("partition-answer-resize", resize_outcomes()),
        ("partition-answer-readiness", vec![readiness(true, Vec::new()), readiness(false, vetoes)]),
        ("partition-answer-done", vec![Answer::Done {}]),
        ("partition-answer-failed", vec![failure(Some(5), None), failure(None, Some(-9005))]),
        ("partition-answer-refused", refusals.into()),
    ]
}

fn inventories() -> Vec<Answer> {
    let told = PHASES.into_iter().filter(|phase| *phase != Phase::Greeting);
    told.map(|phase| Answer::Inventory(Box::new(inventory(phase, phase == Phase::Ready)))).collect()
}

/// Of a partition in a shared pool after a migration, or of a simpler one.
fn inventory(phase: Phase, is_rich: bool) -> Inventory {
    let slot = |kind, index, device: Option<&str>| Slot {
        name: format!("slot {index}"),
        index: DrcIndex(index),
        kind,
        device: device.map(str::to_owned),
    };
    let slots = vec![
        slot(SlotKind::Virtual, 0x3000_0004, Some("l-lan@30000004")),
        slot(SlotKind::Pci, 0x4000_0020, Some("0001:00:00.0")),
        slot(SlotKind::Phb, 0x2000_0018, None),
    ];
    Inventory {
        identity: identity(),
        phase,
        host_name: "lpar1.example.org".into(),
        system: OperatingSystem {
            name: "Linux/Debian".into(),
            version: "13".into(),
            kernel: "6.12.57+deb13-powerpc64le".into(),
        },
        processors: Processors {
            virtual_processors: 2,
            threads_online: 16,
            entitled_hundredths: is_rich.then_some(150),
            weight: is_rich.then_some(128),
        },
        memory: Memory { total_mib: 4096, block_mib: 256, removable_blocks: 8 },
        slots: if is_rich { slots } else { Vec::new() },
        dlpar_capabilities: Capabilities(0x2c7f),
        command_capabilities: [Capabilities(0x19), Capabilities(0x19)],
        pinned_memory_mib: 0,
        uptime_ms: 86_400_000,
        last_migration: is_rich.then(record),
        health: if is_rich { health(HealthState::Warning) } else { health(HealthState::Ok) },
    }
}

/// Of a large partition.
pub fn inventory_of_many_slots(slots: u32) -> Answer {
    let mut inventory = inventory(Phase::Ready, true);
    let slot = inventory.slots[0].clone();
    inventory.slots = (0..slots).map(|index| Slot { index: DrcIndex(0x3000_0000 + index), ..slot.clone() }).collect();
    Answer::Inventory(Box::new(inventory))
}

fn health(state: HealthState) -> Health {
    let findings = if state == HealthState::Ok { Vec::new() } else { vec!["the clock is 3 s behind".into()] };
    Health { state, findings }
}

fn record() -> MigrationRecord {
    MigrationRecord { migration: Some(MigrationId(0x5eed)), from: machine(), to: machine(), suspended_ms: 1067 }
}

fn resize_outcomes() -> Vec<Answer> {
    let outcome = |verdict, done, items: &[&str], shortfall| {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        Answer::Resize(ResizeOutcome { verdict, asked: 2, done, items, shortfall })
    };
    let shortfall = |cause| Shortfall {
        cause,
        text: "CPU 1 is the last one; a partition keeps one".into(),
        errno: Some(16),
        firmware: Some(-9001),
        index: Some(DrcIndex(0x1000_0001)),
    };
    let causes = [
        Cause::TooFew,
        Cause::Absent,
        Cause::AlreadyDone,
        Cause::InUse,
        Cause::Incapable,
        Cause::Kernel,
        Cause::Firmware,
        Cause::Hook,
        Cause::Deadline,
        Cause::Locked,
    ];
    let bare = Shortfall { errno: None, firmware: None, index: None, ..shortfall(Cause::TooFew) };
    let mut all = vec![
        outcome(Verdict::Complete, 2, &["CPU 1", "CPU 2"], None),
        outcome(Verdict::Partial, 1, &["CPU 1"], Some(bare)),
        outcome(Verdict::Stuck, 1, &["CPU 1"], Some(shortfall(Cause::Firmware))),
        outcome(Verdict::Planned, 0, &["cpu remove index 0x10000001"], None),
    ];
    all.extend(causes.map(|cause| outcome(Verdict::Unchanged, 0, &[], Some(shortfall(cause)))));
    all
}

fn events() -> Vec<(&'static str, Vec<Event>)> {
    let hook = |name: &str, result| HookOutcome { name: name.into(), result };
    let hooks = vec![
        hook("10-good", HookResult::Exited(0)),
        hook("20-killed", HookResult::Killed(9)),
        hook("30-slow", HookResult::TimedOut {}),
        hook("40-absent", HookResult::NotStarted("no such file".into())),
    ];
    let unprepared = MigrationRecord { migration: None, ..record() };
    let firmware = FirmwareEvent {
        kind: "epow".into(),
        severity: HealthState::Warning,
        text: "the system runs on its UPS".into(),
    };
    vec![
        ("partition-event-resumed", vec![Event::Resumed(record()), Event::Resumed(unprepared)]),
        ("partition-event-settled", vec![Event::Settled { hooks }]),
        ("partition-event-resized", vec![Event::Resized { virtual_processors: 3, memory_mib: 4352 }]),
        ("partition-event-firmware", vec![Event::Firmware(firmware)]),
        ("partition-event-health", vec![Event::Health(health(HealthState::Failed))]),
        ("partition-event-shutting-down", vec![Event::ShuttingDown { text: "root: power off".into() }]),
        ("partition-event-lost", vec![Event::Lost { count: 17 }]),
    ]
}
