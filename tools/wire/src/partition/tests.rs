//! The partition's end against a console that is played message by message.
#![allow(clippy::panic, clippy::unwrap_used)]

use super::*;
use crate::hex::StreamId;
use crate::key::PrivateKey;
use crate::message::answer::{Failure, RefusalReason};
use crate::message::inventory::Machine;
use crate::message::migration::{Check, ConsoleContact, NewIdentity, Prepare, Suspend};
use crate::message::request::{Shutdown, ShutdownAction};
use crate::message::{Order, Report, decode};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn key(seed: u8) -> PublicKey {
    PrivateKey::from_seed(&[seed; 32]).unwrap().public()
}

fn machine(serial: &str) -> Machine {
    Machine { type_model: "8286-41A".into(), serial: serial.into() }
}

fn partition(observes: bool) -> Partition {
    Partition::new(Settings { agent: "test".into(), run: RunId(0xa), observes })
}

fn connect(partition: &mut Partition, now: Duration, console: u8) -> Vec<Output> {
    let identity = Identity { id: 3, name: None, uuid: None, machine: machine("1") };
    partition.handle(now, Input::Connected { console: key(console), identity })
}

fn say(partition: &mut Partition, now: Duration, message: FromConsole) -> Vec<Output> {
    partition.handle(now, Input::Received(Ok(message)))
}

fn welcome(run: u64, seen: u64) -> FromConsole {
    FromConsole::Welcome(Welcome {
        version: 1,
        console: "c".into(),
        run: RunId(run),
        heartbeat_ms: 5000,
        seen: Sequence(seen),
    })
}

/// A session with console `console` in its run `run`, from that time on.
fn open(partition: &mut Partition, now: Duration, console: u8, run: u64) -> Vec<Output> {
    connect(partition, now, console);
    let out = say(partition, now, welcome(run, 0));
    assert!(matches!(out[0], Output::Welcomed(_)), "{out:?}");
    out
}

fn ask(partition: &mut Partition, now: Duration, id: u64, request: Request) -> Vec<Output> {
    say(partition, now, FromConsole::Request(Order { id: RequestId(id), request }))
}

fn ticket(out: &[Output]) -> Ticket {
    let found = out.iter().find_map(|output| match output {
        Output::Perform { ticket, .. } => Some(*ticket),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing is performed: {out:?}"))
}

fn answers(out: &[Output]) -> Vec<(u64, Answer)> {
    let answer = |output: &Output| match output {
        Output::Send(FromPartition::Answer(reply)) => Some((reply.id.0, reply.answer.clone())),
        _ => None,
    };
    out.iter().filter_map(answer).collect()
}

fn refusal(out: &[Output]) -> Option<RefusalReason> {
    match answers(out).as_slice() {
        [(_, Answer::Refused(refusal))] => Some(refusal.reason),
        _ => None,
    }
}

fn goodbye(out: &[Output]) -> Option<GoodbyeReason> {
    let ended = out.iter().find_map(|output| match output {
        Output::Send(FromPartition::Goodbye(goodbye)) => Some(goodbye.reason),
        _ => None,
    });
    assert_eq!(ended.is_some(), out.last() == Some(&Output::Disconnect), "{out:?}");
    ended
}

fn events(out: &[Output]) -> Vec<(u64, &Event)> {
    let event = |output| match output {
        &Output::Send(FromPartition::Event(Report { sequence, ref event })) => Some((sequence.0, event)),
        _ => None,
    };
    out.iter().filter_map(event).collect()
}

fn check() -> Request {
    Request::MigrationCheck(Check { destination: None, deadline_ms: 1000 })
}

fn prepare(migration: u64) -> Request {
    let console = ConsoleContact { name: "d".into(), key: key(2), addresses: Vec::new(), port: 657 };
    let destination = machine("2");
    Request::MigrationPrepare(Prepare { migration: MigrationId(migration), destination, console, deadline_ms: 1000 })
}

fn suspend(migration: u64) -> Request {
    Request::MigrationSuspend(Suspend { migration: MigrationId(migration), stream: StreamId(0x123) })
}

fn shutdown() -> Request {
    Request::Shutdown(Shutdown { action: ShutdownAction::Reboot, message: String::new(), delay_ms: 0 })
}

fn failed() -> Answer {
    Answer::Failed(Failure { text: "no".into(), errno: Some(5), firmware: None })
}

fn record() -> MigrationRecord {
    MigrationRecord { migration: Some(MigrationId(1)), from: machine("1"), to: machine("2"), suspended_ms: 900 }
}

#[test]
fn a_session_begins_with_hello_welcome_and_a_heartbeat() {
    let mut partition = partition(false);
    assert_eq!(partition.deadline(), None);
    let out = connect(&mut partition, at(0), 1);
    assert!(matches!(out[..], [Output::Send(FromPartition::Hello(_))]));
    assert_eq!(partition.deadline(), Some(at(10)));
    let out = say(&mut partition, at(1), welcome(1, 0));
    assert!(matches!(out[..], [Output::Welcomed(_), Output::Beat]));
    assert_eq!(partition.deadline(), Some(at(6)));
}

#[test]
fn before_the_welcome_nothing_else_is_taken() {
    let asked = FromConsole::Request(Order { id: RequestId(1), request: Request::Inventory {} });
    let strange = FromConsole::Welcome(Welcome { version: 2, ..welcome_of(5000) });
    let cases = [
        (asked, GoodbyeReason::Protocol),
        (FromConsole::Seen(Seen { through: Sequence(0) }), GoodbyeReason::Protocol),
        (strange, GoodbyeReason::Version),
        (FromConsole::Welcome(welcome_of(999)), GoodbyeReason::Protocol),
        (FromConsole::Welcome(welcome_of(60_001)), GoodbyeReason::Protocol),
        (welcome(1, 1), GoodbyeReason::Protocol),
    ];
    for (message, expected) in cases {
        let mut partition = partition(false);
        connect(&mut partition, at(0), 1);
        let out = say(&mut partition, at(0), message.clone());
        assert_eq!(goodbye(&out), Some(expected), "{message:?}");
        assert_eq!(say(&mut partition, at(0), message), [], "nothing more is heard");
    }
    for bytes in ["", r#"{"request":{"id":1,"do":{"x":{}}}}"#] {
        let mut partition = partition(false);
        connect(&mut partition, at(0), 1);
        let out = partition.handle(at(0), Input::Received(decode(bytes.as_bytes())));
        assert_eq!(goodbye(&out), Some(GoodbyeReason::Protocol));
    }
}

fn welcome_of(heartbeat_ms: u32) -> Welcome {
    Welcome { version: 1, console: "c".into(), run: RunId(1), heartbeat_ms, seen: Sequence(0) }
}

#[test]
fn a_console_that_does_not_greet_or_falls_silent_is_given_up() {
    let mut partition = partition(false);
    connect(&mut partition, at(0), 1);
    assert_eq!(partition.handle(at(9), Input::Tick), []);
    assert_eq!(goodbye(&partition.handle(at(10), Input::Tick)), Some(GoodbyeReason::Silent));
    open(&mut partition, at(20), 1, 1);
    assert_eq!(partition.handle(at(25), Input::Heard), [Output::Beat]);
    assert_eq!(partition.handle(at(39), Input::Tick), [Output::Beat]);
    assert_eq!(goodbye(&partition.handle(at(40), Input::Tick)), Some(GoodbyeReason::Silent));
    assert_eq!(partition.deadline(), None);
}

#[test]
fn a_change_is_performed_once_and_answered_as_often_as_it_is_asked_for() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let performed = ticket(&ask(&mut partition, at(1), 1, check()));
    assert_eq!(partition.phase(), Phase::Checking);
    assert_eq!(ask(&mut partition, at(1), 1, check()), [], "it is under way");
    assert_eq!(refusal(&ask(&mut partition, at(1), 1, shutdown())), Some(RefusalReason::NameReused));
    assert_eq!(refusal(&ask(&mut partition, at(1), 2, shutdown())), Some(RefusalReason::Busy));

    partition.handle(at(2), Input::Disconnected);
    let out = partition.handle(at(2), Input::Finished { ticket: performed, answer: failed() });
    assert_eq!(out, [], "it is kept for the console");
    assert_eq!(partition.phase(), Phase::Ready);
    open(&mut partition, at(3), 1, 1);
    assert_eq!(answers(&ask(&mut partition, at(3), 1, check())), [(1, failed())]);
    assert_eq!(refusal(&ask(&mut partition, at(3), 0, check())), Some(RefusalReason::Forgotten));
}

#[test]
fn a_console_that_comes_back_hears_how_far_it_is_and_the_end() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let ticket = ticket(&ask(&mut partition, at(1), 1, check()));
    open(&mut partition, at(2), 1, 1);
    let out = partition.handle(at(2), Input::Progressed { ticket, done: 1, of: 2, text: "hook".into() });
    assert!(matches!(&out[..], [Output::Send(FromPartition::Progress(Progress { done: 1, .. }))]), "{out:?}");
    let out = partition.handle(at(2), Input::Finished { ticket, answer: failed() });
    assert_eq!(answers(&out), [(1, failed())]);
}

#[test]
fn another_console_does_not_hear_what_it_did_not_ask() {
    for (console, run) in [(2, 1), (1, 2)] {
        let mut partition = partition(false);
        open(&mut partition, at(0), 1, 1);
        let look = ticket(&ask(&mut partition, at(0), 1, Request::Inventory {}));
        let change = ticket(&ask(&mut partition, at(0), 2, check()));
        open(&mut partition, at(1), console, run);
        assert_eq!(refusal(&ask(&mut partition, at(1), 2, check())), Some(RefusalReason::Busy));
        let progress = Input::Progressed { ticket: change, done: 1, of: 2, text: String::new() };
        assert_eq!(partition.handle(at(1), progress), []);
        assert_eq!(partition.handle(at(1), Input::Finished { ticket: change, answer: failed() }), []);
        let out = partition.handle(at(1), Input::Finished { ticket: look, answer: failed() });
        assert_eq!(out, [Output::Note(Note::Unheard(RequestId(1), failed()))]);
        assert_eq!(ticket(&ask(&mut partition, at(1), 2, check())).id, RequestId(2), "its own second request");
    }
}

#[test]
fn what_cannot_be_read_is_answered_where_it_has_a_name() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let mut hear = |bytes: &str| partition.handle(at(0), Input::Received(decode(bytes.as_bytes())));
    assert_eq!(refusal(&hear(r#"{"request":{"id":1,"do":{"x":{}}}}"#)), Some(RefusalReason::Unsupported));
    assert_eq!(refusal(&hear(r#"{"request":{"id":2,"do":{"shutdown":{}}}}"#)), Some(RefusalReason::Malformed));
    assert_eq!(goodbye(&hear("{")), Some(GoodbyeReason::Protocol));
}

#[test]
fn too_many_requests_are_refused_and_a_flood_ends_the_session() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let burst = u64::from(REQUEST_BURST);
    for id in 1..=burst {
        ticket(&ask(&mut partition, at(1), id, Request::Inventory {}));
    }
    for id in burst + 1..=2 * burst {
        assert_eq!(refusal(&ask(&mut partition, at(1), id, Request::Inventory {})), Some(RefusalReason::Rate));
    }
    let out = ask(&mut partition, at(1), 999, Request::Inventory {});
    assert_eq!(goodbye(&out), Some(GoodbyeReason::Rate));
}

#[test]
fn a_migration_goes_from_one_console_to_the_next() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    assert_eq!(refusal(&ask(&mut partition, at(0), 1, suspend(1))), Some(RefusalReason::Phase));
    let prepared = ticket(&ask(&mut partition, at(1), 2, prepare(1)));
    assert_eq!(refusal(&ask(&mut partition, at(1), 3, suspend(1))), Some(RefusalReason::Busy));
    partition.handle(at(2), Input::Finished { ticket: prepared, answer: Answer::Done {} });
    assert_eq!(partition.phase(), Phase::Prepared);
    assert_eq!(refusal(&ask(&mut partition, at(2), 4, suspend(9))), Some(RefusalReason::OtherMigration));
    ticket(&ask(&mut partition, at(3), 5, suspend(1)));
    assert_eq!(partition.deadline(), None, "it may stand still for as long as it takes");
    assert_eq!(partition.handle(at(500), Input::Tick), []);

    let out = partition.handle(at(501), Input::Resumed(record()));
    assert_eq!(goodbye(&out), Some(GoodbyeReason::Migrated));
    assert_eq!(partition.phase(), Phase::Resuming);
    let out = open(&mut partition, at(502), 2, 7);
    assert_eq!(events(&out), [(1, &Event::Resumed(record()))]);
    let out = partition.handle(at(503), Input::Settled { hooks: Vec::new() });
    assert_eq!(events(&out), [(2, &Event::Settled { hooks: Vec::new() })]);
    assert_eq!(partition.phase(), Phase::Ready);

    let out = say(&mut partition, at(504), FromConsole::Seen(Seen { through: Sequence(2) }));
    assert_eq!((out, partition.unseen_events()), (vec![Output::Seen(Sequence(2))], 0));
    let out = say(&mut partition, at(504), FromConsole::Seen(Seen { through: Sequence(2) }));
    assert_eq!(goodbye(&out), Some(GoodbyeReason::Protocol), "the same again");
}

#[test]
fn an_identity_is_taken_while_it_resumes_and_nothing_beside_it() {
    let identity = || Request::Identity(NewIdentity { machine: machine("2"), id: 4 });
    let mut partition = partition(false);
    partition.handle(at(0), Input::Resumed(record()));
    open(&mut partition, at(0), 2, 1);
    let taken = ticket(&ask(&mut partition, at(0), 1, identity()));
    assert_eq!(refusal(&ask(&mut partition, at(0), 2, identity())), Some(RefusalReason::Busy));
    partition.handle(at(1), Input::Settled { hooks: Vec::new() });
    assert_eq!(partition.phase(), Phase::Ready);
    assert_eq!(refusal(&ask(&mut partition, at(1), 3, check())), Some(RefusalReason::Busy), "it is still under way");
    partition.handle(at(1), Input::Finished { ticket: taken, answer: Answer::Done {} });
    assert_eq!(partition.phase(), Phase::Ready);
    ticket(&ask(&mut partition, at(1), 4, check()));
}

#[test]
fn a_suspension_that_does_not_come_about_leaves_it_prepared_until_that_is_undone() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let prepared = ticket(&ask(&mut partition, at(1), 1, prepare(1)));
    partition.handle(at(1), Input::Finished { ticket: prepared, answer: Answer::Done {} });
    let suspended = ticket(&ask(&mut partition, at(1), 2, suspend(1)));
    let out = partition.handle(at(300), Input::Finished { ticket: suspended, answer: failed() });
    assert_eq!(answers(&out), [(2, failed())]);
    assert_eq!(goodbye(&out), None, "the silence of that time does not count");
    assert_eq!(partition.phase(), Phase::Prepared);
    let undone = ticket(&ask(&mut partition, at(301), 3, Request::MigrationUndo {}));
    partition.handle(at(301), Input::Finished { ticket: undone, answer: Answer::Done {} });
    assert_eq!(partition.phase(), Phase::Ready);
}

#[test]
fn what_is_given_up_leaves_it_ready_even_when_a_suspension_is_on_its_way() {
    for suspends in [false, true] {
        let mut partition = partition(false);
        open(&mut partition, at(0), 1, 1);
        let out = ask(&mut partition, at(0), 1, prepare(7));
        partition.handle(at(0), Input::Finished { ticket: ticket(&out), answer: Answer::Done {} });
        assert_eq!(partition.phase(), Phase::Prepared);
        let asked = suspends.then(|| ticket(&ask(&mut partition, at(1), 2, suspend(7))));
        partition.handle(at(1), Input::GivenUp);
        if let Some(ticket) = asked {
            assert_eq!(partition.phase(), Phase::Suspended);
            partition.handle(at(1), Input::Finished { ticket, answer: failed() });
        }
        assert_eq!(partition.phase(), Phase::Ready);
        let again = ask(&mut partition, at(2), 3, suspend(7));
        assert_eq!(refusal(&again), Some(RefusalReason::Phase));
    }
}

#[test]
fn what_another_session_has_seen_is_told_when_the_next_one_says_so() {
    let mut partition = partition(false);
    partition.handle(at(0), Input::Resumed(record()));
    open(&mut partition, at(0), 1, 1);
    partition.handle(at(1), Input::Disconnected);
    connect(&mut partition, at(1), 1);
    let out = say(&mut partition, at(1), welcome(1, 1));
    assert!(out.contains(&Output::Seen(Sequence(1))), "{out:?}");
    assert_eq!((events(&out), partition.unseen_events()), (vec![], 0));
}

#[test]
fn a_partition_that_stays_after_all_is_ready_again() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let asked = ticket(&ask(&mut partition, at(0), 1, shutdown()));
    partition.handle(at(0), Input::Stayed);
    assert_eq!(partition.phase(), Phase::Ready);
    partition.handle(at(0), Input::Finished { ticket: asked, answer: Answer::Done {} });
    assert_eq!(partition.phase(), Phase::Ready);
    let asked = ticket(&ask(&mut partition, at(1), 2, shutdown()));
    partition.handle(at(1), Input::Finished { ticket: asked, answer: Answer::Done {} });
    assert_eq!(partition.phase(), Phase::Leaving);
    assert_eq!(refusal(&ask(&mut partition, at(2), 3, check())), Some(RefusalReason::Phase));
    partition.handle(at(900), Input::Stayed);
    open(&mut partition, at(901), 1, 1);
    ticket(&ask(&mut partition, at(901), 4, check()));
}

#[test]
fn what_is_under_way_is_stopped_and_nothing_to_stop_is_no_failure() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let out = ask(&mut partition, at(0), 1, Request::MigrationAbort {});
    assert_eq!(out, [Output::Send(FromPartition::Answer(Reply { id: RequestId(1), answer: Answer::Done {} }))]);
    let running = ticket(&ask(&mut partition, at(0), 2, prepare(1)));
    let out = ask(&mut partition, at(0), 3, Request::MigrationAbort {});
    assert_eq!(out[0], Output::Stop(running));
    assert_eq!(answers(&out), [(3, Answer::Done {})]);
    assert_eq!(answers(&ask(&mut partition, at(0), 3, Request::MigrationAbort {})), [(3, Answer::Done {})]);
    partition.handle(at(1), Input::Finished { ticket: running, answer: failed() });
    assert_eq!(partition.phase(), Phase::Ready);
}

#[test]
fn an_observer_tells_and_does_nothing_even_when_it_migrates() {
    let mut partition = partition(true);
    open(&mut partition, at(0), 1, 1);
    ticket(&ask(&mut partition, at(0), 1, Request::Inventory {}));
    assert_eq!(refusal(&ask(&mut partition, at(0), 2, check())), Some(RefusalReason::Observer));
    partition.handle(at(1), Input::Resumed(record()));
    partition.handle(at(1), Input::Settled { hooks: Vec::new() });
    assert_eq!(partition.phase(), Phase::Observer);
    assert_eq!(events(&open(&mut partition, at(2), 1, 1)).len(), 2);
}

#[test]
fn an_agent_that_stops_takes_leave() {
    let mut partition = partition(false);
    assert_eq!(partition.leave(GoodbyeReason::Leaving, "stops"), []);
    open(&mut partition, at(0), 1, 1);
    assert_eq!(goodbye(&partition.leave(GoodbyeReason::Leaving, "stops")), Some(GoodbyeReason::Leaving));
}

#[test]
fn the_console_s_goodbye_ends_the_session_quietly() {
    let mut partition = partition(false);
    open(&mut partition, at(0), 1, 1);
    let bye = Goodbye { reason: GoodbyeReason::Leaving, text: String::new() };
    let out = say(&mut partition, at(0), FromConsole::Goodbye(bye.clone()));
    assert_eq!(out, [Output::Note(Note::ConsoleLeft(bye)), Output::Disconnect]);
    assert_eq!(partition.deadline(), None);
}

#[test]
fn each_request_is_performed_in_exactly_the_phases_that_the_table_allows() {
    for phase in crate::phase::PHASES.into_iter().filter(|phase| *phase != Phase::Greeting) {
        for request in [Request::Inventory {}, check(), prepare(1), suspend(1), Request::MigrationUndo {}, shutdown()] {
            let mut partition = partition(false);
            open(&mut partition, at(0), 1, 1);
            (partition.phase, partition.migration) = (phase, Some(MigrationId(1)));
            let out = ask(&mut partition, at(0), 1, request.clone());
            let is_performed = out.iter().any(|output| matches!(output, Output::Perform { .. }));
            let permit = crate::phase::permit(Kind::of(&request), phase);
            assert_eq!(is_performed, permit == crate::phase::Permit::Yes, "{request:?} in {phase}");
            assert_eq!(refusal(&out).is_none(), is_performed, "refused, or performed");
        }
    }
}
