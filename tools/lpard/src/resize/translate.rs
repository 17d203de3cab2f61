//! From the session's words to the engine's. Nothing is widened: what the engine does not have is refused.

use platform::drc::DrcIndex;
use platform::rtas::connector::Light;
use wire::message::dlpar::{
    Adjust, Change, CpuTarget, Direction, MemoryTarget, Pool, Quantity, SlotAction, SlotTarget,
};

use crate::dlpar::request::{self, CpuChoice, MemoryChoice, Parameter, PlaceChoice, PlaceKind, Request, Target};

/// What the engine is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// Change something.
    Change(Request),
    /// Look what is there: the inventory of this request.
    Query(PlaceKind, PlaceChoice),
}

/// The engine's task.
pub(super) fn task(change: &Change) -> Result<Task, &'static str> {
    Ok(Task::Change(match change {
        Change::Cpu { action, target } => Request::Cpu { change: direction(*action), which: cpu(target) },
        Change::Memory { action, target } => Request::Memory { change: direction(*action), which: memory(target) },
        Change::Entitlement { of, quantity, adjust } => {
            Request::Parameter { parameter: parameter(*of, *quantity), target: target(adjust) }
        }
        Change::Slot { action, target } => return place(PlaceKind::Slot, *action, target),
        Change::Phb { action, target } => return place(PlaceKind::Bridge, *action, target),
    }))
}

fn place(kind: PlaceKind, action: SlotAction, target: &SlotTarget) -> Result<Task, &'static str> {
    let which = match target {
        SlotTarget::Index(index) => PlaceChoice::Index(DrcIndex(index.0)),
        SlotTarget::Name(name) => PlaceChoice::Name(name.clone()),
    };
    let change = match action {
        SlotAction::Query => return Ok(Task::Query(kind, which)),
        SlotAction::Add => request::Change::Add,
        SlotAction::Remove => request::Change::Remove,
        SlotAction::Replace => {
            return Err("an adapter is replaced with somebody beside its slot: remove it, and add the new one");
        }
        SlotAction::Identify => return Ok(Task::Change(Request::Light { which, say: Some(Light::Identify) })),
    };
    Ok(Task::Change(Request::Place { change, kind, which }))
}

fn direction(direction: Direction) -> request::Change {
    match direction {
        Direction::Add => request::Change::Add,
        Direction::Remove => request::Change::Remove,
    }
}

fn cpu(target: &CpuTarget) -> CpuChoice {
    match target {
        CpuTarget::Count(count) => CpuChoice::Count(*count),
        CpuTarget::Index(index) => CpuChoice::Index(DrcIndex(index.0)),
        CpuTarget::Name(name) => CpuChoice::Name(name.clone()),
    }
}

fn memory(target: &MemoryTarget) -> MemoryChoice {
    match target {
        MemoryTarget::Count(count) => MemoryChoice::Count(*count),
        MemoryTarget::Index(index) => MemoryChoice::Index(DrcIndex(index.0)),
        MemoryTarget::IndexedCount { count, index } => MemoryChoice::Run { first: DrcIndex(index.0), count: *count },
    }
}

fn parameter(pool: Pool, quantity: Quantity) -> Parameter {
    match (pool, quantity) {
        (Pool::Processor, Quantity::Capacity) => Parameter::CpuEntitlement,
        (Pool::Processor, Quantity::Weight) => Parameter::CpuWeight,
        (Pool::Memory, Quantity::Capacity) => Parameter::MemoryEntitlement,
        (Pool::Memory, Quantity::Weight) => Parameter::MemoryWeight,
    }
}

fn target(adjust: &Adjust) -> Target {
    match adjust {
        Adjust::Set(value) => Target::Set(*value),
        Adjust::Add(by) => Target::Raise(*by),
        Adjust::Subtract(by) => Target::Lower(*by),
    }
}
