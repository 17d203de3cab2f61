//! Whether the effect of a step can be seen in what there is.

use super::inventory::{Inventory, ObserveError};
use super::kernel::Kernel;
use super::request::{Change, CpuChoice, MemoryChoice, Request, Target};
use super::step::Step;

/// Whether a step was done, as far as what there is can tell.
pub(super) fn was_done(step: &Step, kernel: &dyn Kernel) -> Result<Option<bool>, ObserveError> {
    let inventory = about(step).map(|request| kernel.observe(&request)).transpose()?;
    Ok(inventory.and_then(|inventory| shows(&inventory, step)))
}

/// A request that makes the kernel show what the step is about. Neither the kernel's choice of blocks nor what firmware has
/// done with a connector can be seen.
fn about(step: &Step) -> Option<Request> {
    match step {
        Step::Cpu { change, index, .. } => Some(Request::Cpu { change: *change, which: CpuChoice::Index(*index) }),
        Step::Block { change, index } | Step::Run { change, first: index, .. } => {
            Some(Request::Memory { change: *change, which: MemoryChoice::Index(*index) })
        }
        Step::Parameter { parameter, to, .. } => {
            Some(Request::Parameter { parameter: *parameter, target: Target::Set(*to) })
        }
        _ => None,
    }
}

fn shows(inventory: &Inventory, step: &Step) -> Option<bool> {
    let blocks = || inventory.memory.as_ref().map(|memory| memory.blocks.as_slice()).unwrap_or_default();
    match step {
        Step::Cpu { change, index, .. } => {
            let core = inventory.cores.iter().find(|core| core.index == *index)?;
            Some(core.present.is_some() == (*change == Change::Add))
        }
        Step::Block { change, index } | Step::Run { change, first: index, .. } => {
            let block = blocks().iter().find(|block| block.index == *index)?;
            Some(block.assigned == (*change == Change::Add))
        }
        Step::Parameter { parameter, to, .. } => Some(inventory.parameters.get(parameter) == Some(to)),
        _ => None,
    }
}
