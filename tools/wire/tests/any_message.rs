//! Any message at all: what is written is read, and what is damaged is an error or another message, never a panic.
#![allow(clippy::unwrap_used, missing_docs)]

mod samples;

use std::net::IpAddr;
use std::num::NonZeroU32;

use proptest::prelude::*;
use proptest::strategy::Union;
use wire::frame::Decoder;
use wire::hex::{DrcIndex, MigrationId, RunId, StreamId};
use wire::key::PublicKey;
use wire::message::answer::{Failure, Refusal, RefusalReason};
use wire::message::dlpar::{
    Adjust, Change, CpuTarget, Direction, MemoryTarget, Pool, Quantity, Resize, SlotAction, SlotTarget,
};
use wire::message::greeting::GoodbyeReason;
use wire::message::inventory::{Identity, Machine};
use wire::message::migration::{Check, ConsoleContact, MigrationRecord, NewIdentity, Prepare, Suspend};
use wire::message::request::{Shutdown, ShutdownAction};
use wire::message::{
    Answer, Event, FromConsole, FromPartition, Goodbye, Hello, Message, Order, Progress, Reply, Report, Request,
    RequestId, Seen, Sequence, Welcome, decode, encode,
};
use wire::version::Range;

fn one_of<T: Clone + std::fmt::Debug + 'static>(values: impl Into<Vec<T>>) -> BoxedStrategy<T> {
    prop::sample::select(values.into()).boxed()
}

fn machine() -> impl Strategy<Value = Machine> {
    any::<(String, String)>().prop_map(|(type_model, serial)| Machine { type_model, serial })
}

fn identity() -> impl Strategy<Value = Identity> {
    (any::<(u32, Option<String>, Option<String>)>(), machine()).prop_map(|((id, name, uuid), machine)| Identity {
        id,
        name,
        uuid,
        machine,
    })
}

fn count() -> impl Strategy<Value = NonZeroU32> {
    (1..=u32::MAX).prop_map(|count| NonZeroU32::new(count).unwrap())
}

fn index() -> impl Strategy<Value = DrcIndex> {
    any::<u32>().prop_map(DrcIndex)
}

fn change() -> BoxedStrategy<Change> {
    let direction = || one_of([Direction::Add, Direction::Remove]);
    let cpu = prop_oneof![
        count().prop_map(CpuTarget::Count),
        index().prop_map(CpuTarget::Index),
        any::<String>().prop_map(CpuTarget::Name),
    ];
    let memory = prop_oneof![
        count().prop_map(MemoryTarget::Count),
        index().prop_map(MemoryTarget::Index),
        (count(), index()).prop_map(|(count, index)| MemoryTarget::IndexedCount { count, index }),
    ];
    let slot = || prop_oneof![index().prop_map(SlotTarget::Index), any::<String>().prop_map(SlotTarget::Name)];
    let action =
        || one_of([SlotAction::Query, SlotAction::Add, SlotAction::Remove, SlotAction::Replace, SlotAction::Identify]);
    let pool = one_of([Pool::Processor, Pool::Memory]);
    let quantity = one_of([Quantity::Capacity, Quantity::Weight]);
    let adjust = any::<u64>().prop_flat_map(|by| one_of([Adjust::Set(by), Adjust::Add(by), Adjust::Subtract(by)]));
    prop_oneof![
        (direction(), cpu).prop_map(|(action, target)| Change::Cpu { action, target }),
        (direction(), memory).prop_map(|(action, target)| Change::Memory { action, target }),
        (action(), slot()).prop_map(|(action, target)| Change::Slot { action, target }),
        (action(), slot()).prop_map(|(action, target)| Change::Phb { action, target }),
        (pool, quantity, adjust).prop_map(|(of, quantity, adjust)| Change::Entitlement { of, quantity, adjust }),
    ]
    .boxed()
}

fn prepare() -> impl Strategy<Value = Prepare> {
    let contact = any::<(String, [u8; 32], Vec<IpAddr>, u16)>().prop_map(|(name, key, addresses, port)| {
        ConsoleContact { name, key: PublicKey::from_bytes(key), addresses, port }
    });
    (any::<(u64, u64)>(), machine(), contact).prop_map(|((migration, deadline_ms), destination, console)| Prepare {
        migration: MigrationId(migration),
        destination,
        console,
        deadline_ms,
    })
}

fn request() -> BoxedStrategy<Request> {
    let resize = (change(), any::<(u64, bool, bool)>()).prop_map(|(change, (deadline_ms, allow_partial, dry_run))| {
        Request::Resize(Resize { change, deadline_ms, allow_partial, dry_run })
    });
    let shutdown = (one_of([ShutdownAction::PowerOff, ShutdownAction::Reboot]), any::<(String, u64)>())
        .prop_map(|(action, (message, delay_ms))| Request::Shutdown(Shutdown { action, message, delay_ms }));
    let check = (prop::option::of(machine()), any::<u64>())
        .prop_map(|(destination, deadline_ms)| Request::MigrationCheck(Check { destination, deadline_ms }));
    let suspend = any::<(u64, u64)>().prop_map(|(migration, stream)| {
        Request::MigrationSuspend(Suspend { migration: MigrationId(migration), stream: StreamId(stream) })
    });
    prop_oneof![
        one_of([Request::Inventory {}, Request::MigrationAbort {}, Request::MigrationUndo {}]),
        resize,
        shutdown,
        check,
        prepare().prop_map(Request::MigrationPrepare),
        suspend,
        (machine(), any::<u32>()).prop_map(|(machine, id)| Request::Identity(NewIdentity { machine, id })),
    ]
    .boxed()
}

fn goodbye() -> impl Strategy<Value = Goodbye> {
    (one_of(GoodbyeReason::ALL), any::<String>()).prop_map(|(reason, text)| Goodbye { reason, text })
}

fn from_console() -> impl Strategy<Value = FromConsole> {
    let welcome = any::<(u32, String, u64, u32, u64)>().prop_map(|(version, console, run, heartbeat_ms, seen)| {
        FromConsole::Welcome(Welcome { version, console, run: RunId(run), heartbeat_ms, seen: Sequence(seen) })
    });
    prop_oneof![
        welcome,
        (any::<u64>(), request()).prop_map(|(id, request)| FromConsole::Request(Order { id: RequestId(id), request })),
        any::<u64>().prop_map(|through| FromConsole::Seen(Seen { through: Sequence(through) })),
        goodbye().prop_map(FromConsole::Goodbye),
    ]
}

/// Answers and events whose fields are free; the great ones are taken from the samples.
fn from_partition() -> impl Strategy<Value = FromPartition> {
    let hello = (any::<(u32, u32, String, u64)>(), identity()).prop_map(|((min, max, agent, run), identity)| {
        FromPartition::Hello(Hello { versions: Range { min, max }, agent, run: RunId(run), identity })
    });
    let progress = any::<(u64, u32, u32, String)>()
        .prop_map(|(id, done, of, text)| FromPartition::Progress(Progress { id: RequestId(id), done, of, text }));
    let failure = any::<(String, Option<i32>, Option<i32>)>()
        .prop_map(|(text, errno, firmware)| Answer::Failed(Failure { text, errno, firmware }));
    let refusal = (one_of(RefusalReason::ALL), any::<String>())
        .prop_map(|(reason, text)| Answer::Refused(Refusal { reason, text }));
    let resumed = (any::<Option<u64>>(), machine(), machine(), any::<u64>()).prop_map(|(migration, from, to, ms)| {
        Event::Resumed(MigrationRecord { migration: migration.map(MigrationId), from, to, suspended_ms: ms })
    });
    let event = prop_oneof![resumed, any::<String>().prop_map(|text| Event::ShuttingDown { text })];
    let sampled: Vec<FromPartition> =
        samples::from_partition().into_iter().flat_map(|(_, messages)| messages).collect();
    prop_oneof![
        hello,
        progress,
        (any::<u64>(), prop_oneof![failure, refusal])
            .prop_map(|(id, answer)| FromPartition::Answer(Reply { id: RequestId(id), answer })),
        (any::<u64>(), event)
            .prop_map(|(sequence, event)| FromPartition::Event(Report { sequence: Sequence(sequence), event })),
        goodbye().prop_map(FromPartition::Goodbye),
        Union::new([one_of(sampled)]),
    ]
}

fn there_and_back<M: Message + PartialEq + std::fmt::Debug>(message: &M) {
    let frame = encode(message).unwrap();
    let mut decoder = Decoder::default();
    decoder.greeting_accepted();
    let bytes = decoder.take(&mut frame.as_slice()).unwrap().unwrap();
    assert_eq!(&decode::<M>(&bytes).unwrap(), message);
}

/// What is damaged may still be a message; then it is one that can be written and read again.
fn damaged<M: Message + PartialEq + std::fmt::Debug>(message: &M, at: prop::sample::Index, byte: u8, cut: bool) {
    let mut bytes = serde_json::to_vec(message).unwrap();
    let at = at.index(bytes.len());
    if cut {
        bytes.truncate(at);
    } else {
        bytes[at] = byte;
    }
    if let Ok(other) = decode::<M>(&bytes) {
        there_and_back(&other);
    }
}

proptest! {
    #[test]
    fn what_a_console_says_is_read_as_it_was_written(message in from_console()) {
        there_and_back(&message);
    }

    #[test]
    fn what_a_partition_says_is_read_as_it_was_written(message in from_partition()) {
        there_and_back(&message);
    }

    #[test]
    fn damage_is_an_error_or_another_message(
        console in from_console(), partition in from_partition(), at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        damaged(&console, at, byte, cut);
        damaged(&partition, at, byte, cut);
    }

    #[test]
    fn any_bytes_at_all_are_looked_at_in_peace(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<FromConsole>(&bytes);
        let _ = decode::<FromPartition>(&bytes);
    }
}
