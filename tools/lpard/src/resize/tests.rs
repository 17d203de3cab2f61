//! A console's wish in the engine's words, and the engine's account of it in the session's.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::num::NonZeroU32;

use platform::drc::DrcIndex;
use wire::hex;
use wire::message::dlpar::{
    Adjust, Change, CpuTarget, Direction, MemoryTarget, Pool, Quantity, Shortfall, SlotAction, SlotTarget, Verdict,
};

use super::*;
use crate::config::HookSettings;
use crate::dlpar::outcome::{self, Failure, Outcome};
use crate::dlpar::plan::Refusal;
use crate::dlpar::request::{self, CpuChoice, MemoryChoice, Parameter, Target};
use crate::dlpar::step;

mod hooked;

fn two() -> NonZeroU32 {
    NonZeroU32::new(2).unwrap()
}

fn add_two_cpus() -> Change {
    Change::Cpu { action: Direction::Add, target: CpuTarget::Count(two()) }
}

#[test]
fn every_change_that_the_engine_has_is_translated_word_by_word() {
    let index = hex::DrcIndex(0x1000_0002);
    let cases = [
        (add_two_cpus(), Request::Cpu { change: request::Change::Add, which: CpuChoice::Count(two()) }),
        (
            Change::Cpu { action: Direction::Remove, target: CpuTarget::Index(index) },
            Request::Cpu { change: request::Change::Remove, which: CpuChoice::Index(DrcIndex(0x1000_0002)) },
        ),
        (
            Change::Memory { action: Direction::Remove, target: MemoryTarget::IndexedCount { count: two(), index } },
            Request::Memory {
                change: request::Change::Remove,
                which: MemoryChoice::Run { first: DrcIndex(0x1000_0002), count: two() },
            },
        ),
        (
            Change::Entitlement { of: Pool::Processor, quantity: Quantity::Weight, adjust: Adjust::Subtract(3) },
            Request::Parameter { parameter: Parameter::CpuWeight, target: Target::Lower(3) },
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(translate::task(&change), Ok(Task::Change(expected)));
    }
    let slot = |action| Change::Slot { action, target: SlotTarget::Name("x".into()) };
    let which = PlaceChoice::Name("x".into());
    assert_eq!(translate::task(&slot(SlotAction::Query)), Ok(Task::Query(PlaceKind::Slot, which)));
    let which = PlaceChoice::Name("x".into());
    let say = Some(platform::rtas::connector::Light::Identify);
    assert_eq!(translate::task(&slot(SlotAction::Identify)), Ok(Task::Change(Request::Light { which, say })));
    assert!(translate::task(&slot(SlotAction::Replace)).is_err());
}

fn step(name: &str) -> step::Step {
    step::Step::Cpu { change: request::Change::Add, index: DrcIndex(0x1000_0001), name: name.into() }
}

fn failure(name: &str) -> Failure {
    let step = step(name);
    Failure { error: crate::dlpar::kernel::StepError::of(&step, Errno::EINVAL), step }
}

#[test]
fn the_account_of_the_engine_becomes_a_verdict_with_its_reason() {
    let nothing = || Outcome { asked: 2, done: vec![], failed: vec![], shortfall: None, undone: vec![], stuck: vec![] };
    let refused = || Some(outcome::Shortfall::Refused);
    let cases = [
        (Outcome { done: vec![step("CPU 1"), step("CPU 2")], ..nothing() }, Verdict::Complete, 2, None),
        (
            Outcome { done: vec![step("CPU 1")], failed: vec![failure("CPU 2")], shortfall: refused(), ..nothing() },
            Verdict::Partial,
            1,
            Some((Cause::Kernel, Some(22))),
        ),
        (
            Outcome { undone: vec![step("CPU 1")], failed: vec![failure("CPU 2")], shortfall: refused(), ..nothing() },
            Verdict::Unchanged,
            0,
            Some((Cause::Kernel, Some(22))),
        ),
        (
            Outcome { done: vec![step("CPU 1")], stuck: vec![failure("CPU 1")], shortfall: refused(), ..nothing() },
            Verdict::Stuck,
            1,
            Some((Cause::Kernel, None)),
        ),
        (
            Outcome { shortfall: Some(outcome::Shortfall::Deadline), ..nothing() },
            Verdict::Unchanged,
            0,
            Some((Cause::Deadline, None)),
        ),
        (
            Outcome { shortfall: Some(outcome::Shortfall::Limit(Refusal::LastProcessor)), ..nothing() },
            Verdict::Unchanged,
            0,
            Some((Cause::InUse, None)),
        ),
    ];
    for (outcome, verdict, done, why) in cases {
        let answer = report::outcome(&Ask::of(&add_two_cpus()), &outcome);
        assert_eq!((answer.verdict, answer.asked, answer.done), (verdict, 2, done), "{outcome:?}");
        let found = answer.shortfall.map(|Shortfall { cause, errno, .. }| (cause, errno));
        assert_eq!(found, why, "{outcome:?}");
    }
}

#[test]
fn a_slot_is_one_thing_however_many_steps_it_takes() {
    let target = SlotTarget::Name("x".into());
    let ask = Ask::of(&Change::Slot { action: SlotAction::Remove, target });
    let (index, change) = (DrcIndex(0x3000_0001), request::Change::Remove);
    let steps = [step::Step::Node { change, index, by: step::NodesBy::Ofdt }, step::Step::Isolation { change, index }];
    let nothing = || Outcome { asked: 2, done: vec![], failed: vec![], shortfall: None, undone: vec![], stuck: vec![] };
    let complete = report::outcome(&ask, &Outcome { done: steps.to_vec(), ..nothing() });
    assert_eq!((complete.verdict, complete.asked, complete.done), (Verdict::Complete, 1, 1));
    let error =
        crate::dlpar::kernel::StepError::Firmware { call: platform::rtas::status::Call::SetIndicator, status: -9001 };
    let failed = vec![Failure { step: steps[1].clone(), error }];
    let refused = Some(outcome::Shortfall::Refused);
    let answer =
        report::outcome(&ask, &Outcome { undone: vec![steps[0].clone()], failed, shortfall: refused, ..nothing() });
    let shortfall = answer.shortfall.unwrap();
    assert_eq!((answer.verdict, answer.done), (Verdict::Unchanged, 0));
    assert_eq!((shortfall.cause, shortfall.firmware, shortfall.errno), (Cause::Firmware, Some(-9001), None));
    assert!(shortfall.text.contains("still in use"), "{}", shortfall.text);
}

#[test]
fn a_machine_that_cannot_is_told_apart_from_one_that_will_not() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("var/lock")).unwrap();
    fs::create_dir_all(directory.path().join("sys/kernel")).unwrap();
    let sysroot = Sysroot::at(directory.path()).unwrap();
    let (settings, log) = (HookSettings::default(), Log::to_stderr());
    let hooks = Runner { sysroot: &sysroot, settings: &settings, log: &log };
    let change = Change::Entitlement { of: Pool::Memory, quantity: Quantity::Weight, adjust: Adjust::Set(3) };
    let mut asked = Resize { change, deadline_ms: 0, allow_partial: false, dry_run: true };
    let answer = resize(&hooks, &asked, &mut |_| ());
    assert_eq!((answer.verdict, answer.asked), (Verdict::Unchanged, 1));
    assert_eq!(answer.shortfall.unwrap().cause, Cause::Incapable);

    asked.dry_run = false;
    let _held = lock::take(&sysroot, Duration::ZERO, "somebody else").unwrap();
    let answer = resize(&hooks, &asked, &mut |_| ());
    let shortfall = answer.shortfall.unwrap();
    assert_eq!(shortfall.cause, Cause::Locked);
    assert!(shortfall.text.contains("somebody else"), "{}", shortfall.text);
}
