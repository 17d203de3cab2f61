//! From the engine's account to the session's: asked, done, why not more.

use std::fmt::Display;

use wire::hex;
use wire::message::dlpar::{
    Cause, Change, CpuTarget, Direction, MemoryTarget, ResizeOutcome, Shortfall, SlotAction, Verdict,
};

use super::number;
use crate::dlpar::act::Progress;
use crate::dlpar::inventory::{Card, Place};
use crate::dlpar::outcome::{self, Failure, Outcome};
use crate::dlpar::plan::{Plan, Refusal};
use crate::dlpar::request::Request;
use crate::dlpar::step::Step;
use crate::hooks::{Fact, Occasion, Point};

/// What was asked, as far as every answer says it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    units: u64,
    /// All steps together are one unit.
    whole: bool,
    /// For hooks.
    resource: &'static str,
    /// For hooks; none where the partition has afterwards what it had before.
    action: Option<&'static str>,
}

impl Ask {
    pub(super) fn of(change: &Change) -> Self {
        let (resource, action, units) = match change {
            Change::Cpu { action, target } => ("cpu", Some(direction(*action)), cpu_units(target)),
            Change::Memory { action, target } => ("memory", Some(direction(*action)), memory_units(target)),
            Change::Slot { action, .. } => ("slot", slot(*action), 1),
            Change::Phb { action, .. } => ("phb", slot(*action), 1),
            Change::Entitlement { .. } => ("entitlement", Some("set"), 1),
        };
        let whole = matches!(change, Change::Slot { .. } | Change::Phb { .. });
        Self { units: units.into(), whole, resource, action }
    }

    /// What hooks are told of it; none where there is nothing to be told, and no hook runs.
    pub(super) fn occasion(&self, point: Point, request: &Request) -> Option<Occasion> {
        let occasion = Occasion::new(point).with(Fact::Resource, self.resource).with(Fact::Action, self.action?);
        Some(occasion.with(Fact::Request, request))
    }

    /// Nothing was done.
    pub(super) fn refused(&self, shortfall: Shortfall) -> ResizeOutcome {
        let (verdict, items) = (Verdict::Unchanged, Vec::new());
        ResizeOutcome { verdict, asked: self.units, done: 0, items, shortfall: Some(shortfall) }
    }
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Add => "add",
        Direction::Remove => "remove",
    }
}

fn slot(action: SlotAction) -> Option<&'static str> {
    match action {
        SlotAction::Add => Some("add"),
        SlotAction::Remove => Some("remove"),
        // To look, or to let a light blink, is no change; to replace is refused, and its two halves are changes of their own.
        SlotAction::Query | SlotAction::Identify | SlotAction::Replace => None,
    }
}

fn cpu_units(target: &CpuTarget) -> u32 {
    if let CpuTarget::Count(count) = target { count.get() } else { 1 }
}

fn memory_units(target: &MemoryTarget) -> u32 {
    match target {
        MemoryTarget::Count(count) | MemoryTarget::IndexedCount { count, .. } => count.get(),
        MemoryTarget::Index(_) => 1,
    }
}

/// A reason without numbers.
pub(super) fn short(cause: Cause, text: impl Display) -> Shortfall {
    Shortfall { cause, text: text.to_string(), errno: None, firmware: None, index: None }
}

/// Why nothing can be planned.
pub(super) fn refusal(refusal: &Refusal) -> Shortfall {
    let cause = match refusal {
        Refusal::Unsupported(_)
        | Refusal::NothingListed(_)
        | Refusal::NoParameter(_)
        | Refusal::NoFirmware
        | Refusal::FixedTree
        | Refusal::LockedDown
        | Refusal::NoWorkArea
        | Refusal::Contradicted(_) => Cause::Incapable,
        Refusal::Unknown { .. } | Refusal::Absent { .. } | Refusal::NoCard(_) => Cause::Absent,
        Refusal::Present { .. } | Refusal::Occupied(_) => Cause::AlreadyDone,
        Refusal::NotReady { .. } => Cause::Firmware,
        Refusal::Reserved(_) | Refusal::LastProcessor | Refusal::InUse { .. } => Cause::InUse,
        Refusal::NotEnough { .. } | Refusal::OutOfRange { .. } => Cause::TooFew,
    };
    short(cause, refusal)
}

/// A dry run.
pub(super) fn planned(ask: &Ask, plan: &Plan) -> ResizeOutcome {
    ResizeOutcome {
        verdict: Verdict::Planned,
        asked: ask.units,
        done: 0,
        items: plan.attempts.iter().map(ToString::to_string).collect(),
        shortfall: plan.limit.as_ref().map(refusal),
    }
}

/// What is in a slot.
pub(super) fn found(ask: &Ask, place: Option<&Place>) -> ResizeOutcome {
    match place {
        None => ask.refused(short(Cause::Absent, "there is no such place in this partition")),
        Some(place) if !place.owned => ask.refused(short(Cause::Absent, "the partition does not have it")),
        Some(Place { name, needed, .. }) => ResizeOutcome {
            verdict: Verdict::Complete,
            asked: ask.units,
            done: 0,
            items: std::iter::once(name.clone()).chain(needed.iter().map(ToString::to_string)).collect(),
            shortfall: None,
        },
    }
}

/// What is in a physical slot: its name, and the devices of its card.
pub(super) fn found_card(ask: &Ask, card: &Card) -> ResizeOutcome {
    if !card.occupied {
        return ask.refused(short(Cause::Absent, "the slot is empty, or its card is not in use"));
    }
    let items = std::iter::once(&card.name).chain(&card.devices).cloned().collect();
    ResizeOutcome { verdict: Verdict::Complete, asked: ask.units, done: 0, items, shortfall: None }
}

/// What came of it.
pub(super) fn outcome(ask: &Ask, outcome: &Outcome) -> ResizeOutcome {
    let done = if ask.whole { u32::from(outcome.is_complete()) } else { outcome.amount() };
    let verdict = match (outcome.is_complete(), outcome.stuck.is_empty(), done) {
        (true, ..) => Verdict::Complete,
        (false, false, _) => Verdict::Stuck,
        (false, true, 0) => Verdict::Unchanged,
        (false, true, _) => Verdict::Partial,
    };
    ResizeOutcome {
        verdict,
        asked: ask.units,
        done: done.into(),
        items: outcome.done.iter().map(item).collect(),
        shortfall: outcome.shortfall.as_ref().map(|why| shortfall(why, outcome)),
    }
}

fn shortfall(why: &outcome::Shortfall, outcome: &Outcome) -> Shortfall {
    match why {
        outcome::Shortfall::Limit(limit) => refusal(limit),
        outcome::Shortfall::Deadline => short(Cause::Deadline, with_failures(why, outcome)),
        outcome::Shortfall::Journal(_) | outcome::Shortfall::Blind(_) => short(Cause::Kernel, why),
        outcome::Shortfall::Refused => refused(why, outcome),
    }
}

fn refused(why: &outcome::Shortfall, outcome: &Outcome) -> Shortfall {
    let last = outcome.failed.last();
    let status = last.and_then(|failure| failure.error.status());
    Shortfall {
        errno: last.and_then(|failure| failure.error.errno()).map(number),
        firmware: status,
        index: last.and_then(|failure| index(&failure.step)),
        ..short(if status.is_some() { Cause::Firmware } else { Cause::Kernel }, with_failures(why, outcome))
    }
}

/// The reason, and the last refusal of the kernel for those who want to do something about it.
fn with_failures(why: &outcome::Shortfall, outcome: &Outcome) -> String {
    match outcome.failed.as_slice() {
        [] => why.to_string(),
        [.., last] => format!("{why}: {last}"),
    }
}

/// Firmware's name of what changed, where the step has one.
fn item(step: &Step) -> String {
    match step {
        Step::Cpu { name, .. } | Step::Place { name, .. } | Step::Device { name, .. } => name.clone(),
        Step::Card { slot, .. } => slot.clone(),
        Step::Block { index, .. }
        | Step::Allocation { index, .. }
        | Step::Isolation { index, .. }
        | Step::Light { index, .. }
        | Step::Devices { index, .. }
        | Step::Node { index, .. } => index.to_string(),
        other => other.to_string(),
    }
}

fn index(step: &Step) -> Option<hex::DrcIndex> {
    match step {
        Step::Cpu { index, .. }
        | Step::Block { index, .. }
        | Step::Run { first: index, .. }
        | Step::Allocation { index, .. }
        | Step::Isolation { index, .. }
        | Step::Light { index, .. }
        | Step::Devices { index, .. }
        | Step::Node { index, .. } => Some(hex::DrcIndex(index.0)),
        Step::Blocks { .. }
        | Step::Place { .. }
        | Step::Power { .. }
        | Step::Card { .. }
        | Step::Device { .. }
        | Step::Parameter { .. } => None,
    }
}

/// How far it is, in words.
pub(super) fn progress(progress: &Progress<'_>) -> String {
    match progress {
        Progress::Begin(step) => step.to_string(),
        Progress::Done(step) => format!("{step}: done"),
        Progress::Failed(step, error) => Failure { step: (*step).clone(), error: (*error).clone() }.to_string(),
        Progress::Undone(step) => format!("{step}: taken back"),
    }
}

/// A verdict for hooks.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Complete => "complete",
        Verdict::Partial => "partial",
        Verdict::Unchanged => "unchanged",
        Verdict::Stuck => "stuck",
        Verdict::Planned => "planned",
    }
}
