//! From the session's words to the engine's. Nothing is widened: what the engine does not have is refused.

use platform::drc::DrcIndex;
use wire::message::dlpar::{Adjust, Change, CpuTarget, Direction, MemoryTarget, Pool, Quantity};

use crate::dlpar::request::{self, CpuChoice, MemoryChoice, Parameter, Request, Target};

/// The engine's request.
pub(super) fn request(change: &Change) -> Result<Request, &'static str> {
    Ok(match change {
        Change::Cpu { action, target } => Request::Cpu { change: direction(*action), which: cpu(target) },
        Change::Memory { action, target } => Request::Memory { change: direction(*action), which: memory(target) },
        Change::Entitlement { of, quantity, adjust } => {
            Request::Parameter { parameter: parameter(*of, *quantity), target: target(adjust) }
        }
        Change::Slot { .. } => return Err("adapters cannot be added or removed through the agent yet; use drmgr -c slot"),
        Change::Phb { .. } => return Err("host bridges cannot be added or removed through the agent yet; use drmgr -c phb"),
    })
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
        MemoryTarget::IndexedCount { count, index } => {
            MemoryChoice::Run { first: DrcIndex(index.0), count: *count }
        }
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
