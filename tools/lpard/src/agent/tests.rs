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
        Self(Agent::new())
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
}

#[test]
fn the_session_is_not_waited_for_when_it_is_lost_in_the_middle() {
    let mut told = Told::new();
    told.ask(CONSOLE, prepare());
    assert_eq!(told.tell(Input::NetworkLost), [], "what runs, runs to its end");
    let out = told.tell(passed());
    assert_eq!(out, [Output::ConsolesChanged], "nobody hears the answer");
    assert_eq!(told.0.phase(), Phase::Prepared, "and the clock gives it back");
    assert!(told.0.deadline().is_some());
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
fn whatever_is_asked_in_whatever_phase_is_begun_answered_or_refused() {
    let requests = || [Request::Inventory {}, resize(true), resize(false), check(), prepare(), suspend(7)];
    let more = || [Request::MigrationAbort {}, Request::MigrationUndo {}];
    let mut phases = Vec::new();
    for make in [Told::new, Told::prepared] {
        for first in requests() {
            for second in requests().into_iter().chain(more()) {
                let mut told = make();
                told.ask(CONSOLE, first.clone());
                phases.push(told.0.phase());
                let out = told.ask(ANOTHER, second.clone());
                assert!(!out.is_empty(), "{second:?} while {first:?} is under way");
            }
        }
    }
    assert!(phases.iter().all(|phase| PHASES.contains(phase)));
}
