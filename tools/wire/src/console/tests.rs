//! The console's end against a partition that is played message by message.
#![allow(clippy::panic, clippy::unwrap_used)]

use super::*;
use crate::hex::{MigrationId, StreamId};
use crate::message::decode;
use crate::message::inventory::{Identity, Machine};
use crate::message::migration::Suspend;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn console() -> Console {
    Console::new(Settings { name: "c".into(), run: RunId(0xc), heartbeat: at(5) })
}

fn hello(run: u64) -> Hello {
    let machine = Machine { type_model: "8286-41A".into(), serial: "1".into() };
    let identity = Identity { id: 3, name: None, uuid: None, machine };
    Hello { versions: Range::OURS, agent: "test".into(), run: RunId(run), identity }
}

fn say(console: &mut Console, now: Duration, message: FromPartition) -> Vec<Output> {
    console.handle(now, Input::Received(Ok(message)))
}

/// A session with the agent of that run.
fn open(console: &mut Console, now: Duration, run: u64) -> Vec<Output> {
    assert_eq!(console.handle(now, Input::Connected), []);
    say(console, now, FromPartition::Hello(hello(run)))
}

fn ask(console: &mut Console, now: Duration, request: Request) -> RequestId {
    let (id, out) = console.ask(now, request.clone(), at(60)).unwrap();
    assert_eq!(out, [Output::Send(FromConsole::Request(Order { id, request }))]);
    id
}

fn answer(id: RequestId) -> FromPartition {
    FromPartition::Answer(Reply { id, answer: Answer::Done {} })
}

fn event(sequence: u64) -> FromPartition {
    FromPartition::Event(Report { sequence: Sequence(sequence), event: Event::Lost { count: sequence } })
}

fn goodbye(out: &[Output]) -> Option<GoodbyeReason> {
    out.iter().find_map(|output| match output {
        Output::Send(FromConsole::Goodbye(goodbye)) => Some(goodbye.reason),
        _ => None,
    })
}

#[test]
fn a_partition_that_says_hello_is_active() {
    let mut console = console();
    assert_eq!(console.ask(at(0), Request::Inventory {}, at(1)), Err(NotConnected));
    let out = open(&mut console, at(0), 1);
    let [Output::Send(FromConsole::Welcome(welcome)), Output::Welcomed(said), Output::Beat] = &out[..] else {
        panic!("{out:?}");
    };
    assert_eq!((welcome.version, welcome.heartbeat_ms, welcome.seen), (1, 5000, Sequence(0)));
    assert_eq!(*said, hello(1));
    assert!(console.is_active());
    let id = ask(&mut console, at(1), Request::Inventory {});
    assert_eq!(say(&mut console, at(1), answer(id)), [Output::Ended(id, Outcome::Answered(Answer::Done {}))]);
    let late = Output::Note(Note::Late(id, Answer::Done {}));
    assert_eq!(say(&mut console, at(1), answer(id)), [late], "one outcome each");
}

#[test]
fn who_speaks_no_common_version_or_no_hello_is_sent_away() {
    let other = Hello { versions: Range { min: 2, max: 3 }, ..hello(1) };
    let cases = [(FromPartition::Hello(other), GoodbyeReason::Version), (event(1), GoodbyeReason::Protocol)];
    for (message, expected) in cases {
        let mut console = console();
        console.handle(at(0), Input::Connected);
        let out = say(&mut console, at(0), message.clone());
        assert_eq!(goodbye(&out), Some(expected));
        assert_eq!(out.last(), Some(&Output::Disconnect));
        assert_eq!(say(&mut console, at(0), message), [], "nothing more is heard");
    }
    let mut silent = console();
    silent.handle(at(0), Input::Connected);
    assert_eq!(silent.deadline(), Some(at(10)));
    assert_eq!(goodbye(&silent.handle(at(10), Input::Tick)), Some(GoodbyeReason::Silent));
    let mut garbled = console();
    open(&mut garbled, at(0), 1);
    assert_eq!(goodbye(&garbled.handle(at(0), Input::Received(decode(b"{")))), Some(GoodbyeReason::Protocol));
}

#[test]
fn the_same_agent_is_asked_again_and_another_is_not() {
    let mut console = console();
    open(&mut console, at(0), 1);
    let first = ask(&mut console, at(0), Request::MigrationUndo {});
    let second = ask(&mut console, at(0), Request::Inventory {});
    console.handle(at(1), Input::Disconnected);
    let again = |id, request| Output::Send(FromConsole::Request(Order { id, request }));
    let out = open(&mut console, at(2), 1);
    let expected = [again(first, Request::MigrationUndo {}), again(second, Request::Inventory {})];
    assert_eq!(out[1..3], expected, "in the order of their names");
    let out = open_anew(&mut console, at(3), 2);
    let unknown = [Output::Ended(first, Outcome::Unknown), Output::Ended(second, Outcome::Unknown)];
    assert_eq!(out[1..3], unknown, "before the session is there");
    assert!(matches!(out[3], Output::Welcomed(_)), "{out:?}");
    assert_eq!(out.len(), 5, "and nothing is asked: {out:?}");
}

/// A second connection while there is one.
fn open_anew(console: &mut Console, now: Duration, run: u64) -> Vec<Output> {
    assert_eq!(console.handle(now, Input::Connected), [Output::Note(Note::Replaced)]);
    say(console, now, FromPartition::Hello(hello(run)))
}

#[test]
fn a_request_without_an_answer_ends_in_time_connected_or_not() {
    let mut console = console();
    open(&mut console, at(0), 1);
    let id = ask(&mut console, at(0), Request::Inventory {});
    console.handle(at(1), Input::Disconnected);
    assert_eq!(console.deadline(), Some(at(60)));
    assert_eq!(console.handle(at(60), Input::Tick), [Output::Ended(id, Outcome::TimedOut)]);
    assert_eq!(console.deadline(), None);
}

#[test]
fn an_event_comes_out_once() {
    let mut console = console();
    open(&mut console, at(0), 1);
    let seen = |through| Output::Send(FromConsole::Seen(Seen { through: Sequence(through) }));
    let happened = |count| Output::Happened(Event::Lost { count });
    assert_eq!(say(&mut console, at(0), event(7)), [happened(7), seen(7)]);
    assert_eq!(say(&mut console, at(0), event(7)), []);
    assert_eq!(say(&mut console, at(0), event(6)), []);
    let out = open_anew(&mut console, at(1), 1);
    assert!(matches!(&out[0], Output::Send(FromConsole::Welcome(Welcome { seen: Sequence(7), .. }))));
    let out = open_anew(&mut console, at(2), 2);
    assert!(matches!(&out[0], Output::Send(FromConsole::Welcome(Welcome { seen: Sequence(0), .. }))));
    assert_eq!(say(&mut console, at(2), event(1)), [happened(1), seen(1)], "another run counts anew");
}

#[test]
fn silence_ends_a_session_but_not_while_the_partition_is_suspended() {
    let mut console = console();
    open(&mut console, at(0), 1);
    assert_eq!(console.handle(at(14), Input::Tick), [Output::Beat]);
    assert_eq!(goodbye(&console.handle(at(15), Input::Tick)), Some(GoodbyeReason::Silent));

    open(&mut console, at(20), 1);
    let request = Request::MigrationSuspend(Suspend { migration: MigrationId(1), stream: StreamId(1) });
    let (id, _) = console.ask(at(20), request, at(600)).unwrap();
    assert_eq!(console.handle(at(400), Input::Tick), []);
    assert_eq!(console.deadline(), Some(at(620)));
    console.settle(id);
    assert_eq!(goodbye(&console.handle(at(400), Input::Tick)), Some(GoodbyeReason::Silent));
}

#[test]
fn a_partition_that_floods_is_sent_away() {
    let mut console = console();
    open(&mut console, at(0), 1);
    let ended = (1..1000).find(|sequence| goodbye(&say(&mut console, at(0), event(*sequence))).is_some());
    assert_eq!(ended, Some(u64::from(REPORT_BURST) + 1));
    assert!(!console.is_active());
}

#[test]
fn a_heartbeat_is_neither_too_fast_nor_too_slow() {
    for (wanted, taken) in [(0, 1000), (1, 1000), (60, 60_000), (3600, 60_000)] {
        let mut console = Console::new(Settings { name: "c".into(), run: RunId(1), heartbeat: at(wanted) });
        let out = open(&mut console, at(0), 1);
        let Output::Send(FromConsole::Welcome(welcome)) = &out[0] else { panic!("{out:?}") };
        assert_eq!(welcome.heartbeat_ms, taken);
    }
}

#[test]
fn a_console_that_leaves_says_so() {
    let mut console = console();
    assert_eq!(console.leave(GoodbyeReason::Leaving, "stops"), []);
    open(&mut console, at(0), 1);
    assert_eq!(goodbye(&console.leave(GoodbyeReason::Leaving, "stops")), Some(GoodbyeReason::Leaving));
    assert!(!console.is_active());
}
