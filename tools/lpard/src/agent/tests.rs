//! What is decided when something happens, in every phase, whoever asked.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::num::NonZeroU32;

use nix::errno::Errno;
use wire::hex::{MigrationId, StreamId};
use wire::key::PublicKey;
use wire::message::dlpar::{Change, CpuTarget, Direction};
use wire::message::migration::{Check, ConsoleContact, HookResult};
use wire::phase::PHASES;

use super::*;

const NOW: Duration = Duration::from_secs(1000);
const CONSOLE: Origin = Origin::Console(Ticket(1));
const ANOTHER: Origin = Origin::Console(Ticket(2));

fn machine(serial: &str) -> Machine {
    Machine { type_model: "9009-42A".into(), serial: serial.into() }
}

fn contact() -> ConsoleContact {
    ConsoleContact { name: "two".into(), key: PublicKey::from_bytes([2; 32]), addresses: vec![], port: 657 }
}

fn check() -> Request {
    Request::MigrationCheck(Check { destination: None, deadline_ms: 1000 })
}

fn prepare() -> Request {
    let destination = machine("7800002");
    Request::MigrationPrepare(Prepare { migration: MigrationId(7), destination, console: contact(), deadline_ms: 1000 })
}

fn suspend(migration: u64) -> Request {
    Request::MigrationSuspend(Suspend { migration: MigrationId(migration), stream: StreamId(9) })
}

fn resize(dry_run: bool) -> Request {
    let change = Change::Cpu { action: Direction::Add, target: CpuTarget::Count(NonZeroU32::MIN) };
    Request::Resize(Resize { change, deadline_ms: 1000, allow_partial: false, dry_run })
}

fn shutdown() -> Request {
    let action = wire::message::request::ShutdownAction::PowerOff;
    Request::Shutdown(Shutdown { action, message: String::new(), delay_ms: 0 })
}

fn record() -> MigrationRecord {
    let migration = Some(MigrationId(7));
    MigrationRecord { migration, from: machine("7800001"), to: machine("7800002"), suspended_ms: 1067 }
}

fn passed() -> Input {
    Input::Performed(Performed { passed: true, ..Performed::default() })
}

fn vetoed() -> Input {
    let text = "hook x ended with status 1".to_owned();
    let finding = Finding { from: "x".into(), vetoes: true, text: text.clone() };
    let failure = Some(Failure { text, errno: Some(Errno::EBUSY) });
    Input::Performed(Performed { passed: false, findings: vec![finding], failure, hooks: vec![] })
}

/// An agent with what it has been told.
struct Told(Agent);

impl Told {
    fn new() -> Self {
        Self(Agent::new(None))
    }

    fn ask(&mut self, origin: Origin, request: Request) -> Vec<Output> {
        self.0.handle(NOW, Input::Asked(origin, Box::new(request)))
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        self.0.handle(NOW, input)
    }

    /// Through a preparation that passes.
    fn prepared() -> Self {
        let mut told = Self::new();
        assert_eq!(stages(&told.ask(CONSOLE, prepare())), [Stage::Preparing]);
        let out = told.tell(passed());
        assert_eq!(out, [Output::ConsolesChanged, Output::Answer(CONSOLE, Answer::Done {})]);
        told
    }
}

/// The stages whose steps are begun.
fn stages(out: &[Output]) -> Vec<Stage> {
    let stage = |output: &Output| match output {
        Output::Work(Job::Stage { stage, .. }) => Some(*stage),
        _ => None,
    };
    out.iter().filter_map(stage).collect()
}

fn refusal(out: &[Output]) -> Option<RefusalReason> {
    match out {
        [Output::Answer(_, Answer::Refused(refusal))] => Some(refusal.reason),
        _ => None,
    }
}

#[test]
fn a_check_is_answered_when_the_partition_is_at_rest_again() {
    let mut told = Told::new();
    assert_eq!(stages(&told.ask(CONSOLE, check())), [Stage::Checking]);
    assert_eq!(told.0.phase(), Phase::Checking);
    let out = told.tell(passed());
    let ready = Readiness { ready: true, findings: vec![] };
    assert_eq!(out, [Output::Answer(CONSOLE, Answer::Readiness(ready))]);

    assert_eq!(stages(&told.ask(CONSOLE, check())), [Stage::Checking], "it can be asked again");
    assert_eq!(stages(&told.tell(vetoed())), [Stage::Undoing { prepared: false }]);
    assert_eq!(told.0.phase(), Phase::Undoing);
    let out = told.tell(passed());
    let [Output::ConsolesChanged, Output::Answer(CONSOLE, Answer::Readiness(readiness))] = out.as_slice() else {
        panic!("{out:?}")
    };
    assert!(!readiness.ready && readiness.findings[0].vetoes);
    assert_eq!(told.0.phase(), Phase::Ready);
}

#[test]
fn a_check_from_this_machine_is_taken_back_at_once() {
    let mut told = Told::new();
    let here = Origin::Control(crate::control::connection_id(1));
    told.ask(here, check());
    let out = told.tell(passed());
    assert!(matches!(&out[0], Output::Answer(origin, Answer::Readiness(_)) if *origin == here));
    assert_eq!(stages(&out), [Stage::Undoing { prepared: false }]);
}

#[test]
fn a_migration_goes_through_its_stages() {
    let mut told = Told::prepared();
    assert_eq!(told.0.phase(), Phase::Prepared);
    assert_eq!(stages(&told.ask(CONSOLE, suspend(7))), [Stage::Suspending]);
    let out = told.tell(Input::Moved(record()));
    let [Output::Migrated(_), Output::Resumed(_, journey)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(journey.console, Some(contact()));
    assert_eq!(journey.from, Some(machine("7800001")), "where it began: the device tree says now where it is");
    assert_eq!(told.0.phase(), Phase::Resuming, "who hears that it is back tells it who it is now");
    let identity = request("identity");
    assert!(matches!(told.ask(ANOTHER, identity)[..], [Output::TakeIdentity(ANOTHER, _)]));
    assert_eq!(stages(&told.tell(passed())), [Stage::Resuming]);
    assert_eq!(told.0.phase(), Phase::Resuming);
    let hooks = vec![HookOutcome { name: "a".into(), result: HookResult::Exited(1) }];
    let out = told.tell(Input::Performed(Performed { passed: false, hooks: hooks.clone(), ..Performed::default() }));
    assert_eq!(out, [Output::Settled(hooks)], "no answer: the next console hears of it as an event");
    assert_eq!((told.0.phase(), told.0.last_migration()), (Phase::Ready, Some(&record())));
}

#[test]
fn a_suspension_that_fails_is_answered_and_can_be_tried_again_or_undone() {
    let mut told = Told::prepared();
    told.ask(CONSOLE, suspend(7));
    let out = told.tell(vetoed());
    let [Output::NotMigrated(_), Output::Answer(CONSOLE, Answer::Failed(failed))] = out.as_slice() else {
        panic!("{out:?}")
    };
    assert_eq!(failed.errno, Some(Errno::EBUSY as i32));
    assert_eq!(told.0.phase(), Phase::Prepared);
    assert_eq!(stages(&told.ask(CONSOLE, suspend(7))), [Stage::Suspending]);
    told.tell(vetoed());
    assert_eq!(stages(&told.ask(ANOTHER, Request::MigrationUndo {})), [Stage::Undoing { prepared: true }]);
    let out = told.tell(passed());
    assert_eq!(out, [Output::ConsolesChanged, Output::Answer(ANOTHER, Answer::Done {})]);
}

#[test]
fn only_what_was_prepared_can_be_suspended() {
    let mut told = Told::new();
    assert_eq!(refusal(&told.ask(CONSOLE, suspend(7))), Some(RefusalReason::Phase));
    let mut told = Told::prepared();
    assert_eq!(refusal(&told.ask(CONSOLE, suspend(8))), Some(RefusalReason::OtherMigration));
}

#[test]
fn one_change_at_a_time_whoever_asks() {
    let mut told = Told::new();
    assert!(matches!(told.ask(CONSOLE, resize(false))[..], [Output::Work(Job::Resize(..))]));
    assert_eq!(told.0.phase(), Phase::Changing);
    for request in [resize(false), check(), prepare()] {
        assert_eq!(refusal(&told.ask(ANOTHER, request)), Some(RefusalReason::Busy));
    }
    assert_eq!(told.ask(ANOTHER, Request::Inventory {}), [Output::Inventory(ANOTHER)], "reading goes on");
    let outcome = Answer::Done {};
    assert_eq!(told.tell(Input::Answered(outcome.clone())), [Output::Answer(CONSOLE, outcome)]);
    assert!(matches!(told.ask(ANOTHER, resize(true))[..], [Output::Plan(..)]));
}

#[test]
fn a_stop_reaches_what_its_owner_began_and_nothing_else() {
    let mut told = Told::new();
    told.ask(CONSOLE, check());
    assert_eq!(told.tell(Input::Stop(ANOTHER)), []);
    assert_eq!(told.tell(Input::Stop(CONSOLE)), [Output::Stop]);
}

#[test]
fn what_was_prepared_is_given_back_when_its_session_is_lost_or_nothing_comes() {
    let mut told = Told::prepared();
    assert_eq!(stages(&told.tell(Input::NetworkLost)), [Stage::Undoing { prepared: true }]);
    let mut told = Told::prepared();
    let until = told.0.deadline().unwrap();
    assert_eq!(told.0.handle(until.saturating_sub(Duration::from_secs(1)), Input::Tick), []);
    assert_eq!(stages(&told.0.handle(until, Input::Tick)), [Stage::Undoing { prepared: true }]);
    assert_eq!(told.0.deadline(), None);
    let out = told.tell(passed());
    assert_eq!(out, [Output::ConsolesChanged, Output::GivenUp], "the session does not wait for it any more");
    assert_eq!(told.0.phase(), Phase::Ready);
}

#[test]
fn the_session_is_not_waited_for_when_it_is_lost_in_the_middle() {
    let mut told = Told::new();
    told.ask(CONSOLE, prepare());
    assert_eq!(told.tell(Input::NetworkLost), [], "what runs, runs to its end");
    let out = told.tell(passed());
    assert!(!out.iter().any(|output| matches!(output, Output::Answer(..))), "nobody hears the answer");
    assert_eq!(stages(&out), [Stage::Undoing { prepared: true }], "and nobody could go on from there");
}

#[test]
fn a_migration_of_others_is_followed_up() {
    let mut told = Told::new();
    let (from, to) = (Some(machine("7800001")), Some(machine("7800002")));
    let out = told.tell(Input::MovedByOthers { from, to });
    assert!(matches!(&out[..2], [Output::Migrated(record), Output::Resumed(..)] if record.migration.is_none()));
    assert_eq!(stages(&out), [Stage::Resuming]);
    let again = told.tell(Input::MovedByOthers { from: None, to: None });
    assert_eq!(again, [], "the kernel's further lines are about the same migration");
}

#[test]
fn what_is_under_way_is_answered_before_a_migration_of_others_is_followed_up() {
    let moved = || Input::MovedByOthers { from: Some(machine("7800001")), to: Some(machine("7800002")) };
    for request in [resize(false), shutdown()] {
        let mut told = Told::new();
        told.ask(CONSOLE, request);
        assert_eq!(told.tell(moved()), [], "drmgr has the lock that it waits for");
        let out = told.tell(Input::Answered(Answer::Done {}));
        assert!(matches!(&out[..2], [Output::Answer(CONSOLE, _), Output::Migrated(_)]), "{out:?}");
        assert_eq!(stages(&out), [Stage::Resuming]);
    }
    let mut told = Told::new();
    told.ask(CONSOLE, check());
    assert_eq!(told.tell(moved()), []);
    assert_eq!(stages(&told.tell(passed())), [Stage::Resuming], "nor is one forgotten that came during a check");
}

/// An agent in a phase. Greeting and observer are phases of a session: the agent below it is in none of them.
fn in_phase(phase: Phase) -> Told {
    let mut told = match phase {
        Phase::Prepared | Phase::Suspended | Phase::Resuming => Told::prepared(),
        _ => Told::new(),
    };
    match phase {
        Phase::Changing => drop(told.ask(CONSOLE, resize(false))),
        Phase::Checking | Phase::Undoing => drop(told.ask(CONSOLE, check())),
        Phase::Preparing => drop(told.ask(CONSOLE, prepare())),
        Phase::Suspended | Phase::Resuming => drop(told.ask(CONSOLE, suspend(7))),
        Phase::Leaving => drop(told.ask(CONSOLE, shutdown())),
        _ => {}
    }
    match phase {
        Phase::Undoing => drop(told.tell(vetoed())),
        Phase::Resuming => drop(told.tell(passed())),
        _ => {}
    }
    assert_eq!(told.0.phase(), phase);
    told
}

/// What comes of each request in each phase: it is begun or answered, `later` it may be asked again, or it is out of place.
#[rustfmt::skip]
const TABLE: &str = "
           ready  changing  checking  preparing  prepared  undoing  suspended  resuming  leaving
inventory  yes    yes       yes       yes        yes       yes      no         yes       yes
plan       yes    later     yes       yes        yes       yes      no         later     no
resize     yes    later     later     later      no        later    no         later     no
check      yes    later     later     later      no        later    no         later     no
prepare    yes    later     later     later      no        later    no         later     no
suspend    no     no        no        later      yes       no       no         no        no
abort      yes    yes       yes       yes        yes       yes      no         no        no
undo       yes    later     later     later      yes       later    no         later     no
identity   yes    later     later     later      no        later    no         yes       no
shutdown   yes    later     later     later      no        later    no         later     no
";

fn phase_called(name: &str) -> Phase {
    *PHASES.iter().find(|phase| format!("{phase:?}").to_lowercase() == name).unwrap()
}

fn request(name: &str) -> Request {
    match name {
        "inventory" => Request::Inventory {},
        "plan" => resize(true),
        "resize" => resize(false),
        "check" => check(),
        "prepare" => prepare(),
        "suspend" => suspend(7),
        "abort" => Request::MigrationAbort {},
        "undo" => Request::MigrationUndo {},
        "identity" => Request::Identity(NewIdentity { machine: machine("7800002"), id: 5 }),
        "shutdown" => shutdown(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_request_in_every_phase() {
    let mut lines = TABLE.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let phases: Vec<Phase> = lines.next().unwrap().iter().map(|name| phase_called(name)).collect();
    assert_eq!(phases.len() + 2, PHASES.len(), "all but greeting and observer");
    for line in lines {
        for (phase, expected) in phases.iter().zip(&line[1..]) {
            for origin in [ANOTHER, Origin::Control(crate::control::connection_id(1))] {
                let out = in_phase(*phase).ask(origin, request(line[0]));
                let found = match refusal(&out) {
                    None => "yes",
                    Some(RefusalReason::Busy) => "later",
                    Some(RefusalReason::Phase) => "no",
                    Some(other) => panic!("{other:?}"),
                };
                assert_eq!(found, *expected, "{} while {phase}", line[0]);
                assert!(!out.is_empty(), "{} while {phase}: whoever asks hears of it", line[0]);
            }
        }
    }
}

#[test]
fn what_was_checked_and_is_not_gone_on_with_is_given_back() {
    let mut told = Told::new();
    told.ask(CONSOLE, check());
    told.tell(passed());
    let until = told.0.deadline().unwrap();
    assert_eq!(stages(&told.0.handle(until, Input::Tick)), [Stage::Undoing { prepared: false }]);
}

#[test]
fn a_partition_that_is_to_end_and_is_still_there_takes_requests_again() {
    let mut told = Told::new();
    told.ask(CONSOLE, shutdown());
    let out = told.tell(Input::Answered(Answer::Done {}));
    assert_eq!(out, [Output::Answer(CONSOLE, Answer::Done {})]);
    assert_eq!((told.0.phase(), told.0.deadline()), (Phase::Leaving, Some(NOW + PATIENCE_LEAVING)));
    assert_eq!(refusal(&told.ask(ANOTHER, prepare())), Some(RefusalReason::Phase));
    let now = NOW + PATIENCE_LEAVING;
    assert_eq!(told.0.handle(now, Input::Tick), [Output::Stayed]);
    assert_eq!((told.0.phase(), told.0.deadline()), (Phase::Ready, None));
    assert_eq!(told.0.handle(now, Input::Tick), []);
    told.ask(CONSOLE, shutdown());
    let failed = Answer::Failed(Failed { text: "no".into(), errno: None, firmware: None });
    told.tell(Input::Answered(failed));
    assert_eq!(told.0.phase(), Phase::Ready, "what failed does not come");
}

#[test]
fn nothing_wakes_for_a_patience_that_ends_while_something_else_is_under_way() {
    let mut told = Told::new();
    told.ask(CONSOLE, check());
    told.tell(passed());
    let until = told.0.deadline().unwrap();
    let change = Change::Cpu { action: Direction::Add, target: CpuTarget::Count(NonZeroU32::MIN) };
    told.ask(CONSOLE, Request::Resize(Resize { change, deadline_ms: 1, allow_partial: false, dry_run: false }));
    assert_eq!(told.0.handle(until, Input::Tick), []);
    assert_eq!(told.0.deadline(), None);
    let failed = Answer::Failed(Failed { text: "no".into(), errno: None, firmware: None });
    let out = told.0.handle(until, Input::Answered(failed));
    assert_eq!(stages(&out), [Stage::Undoing { prepared: false }], "{out:?}");
}
