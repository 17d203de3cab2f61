//! The effect of a step, as far as it can be seen in what there is.

use platform::drc::DrcIndex;

use super::inventory::{Inventory, ObserveError};
use super::kernel::Kernel;
use super::request::{Change, CpuChoice, MemoryChoice, PlaceChoice, PlaceKind, Request, Target};
use super::step::Step;

/// Whether a step was done, as far as what there is can tell.
pub(super) fn was_done(step: &Step, kernel: &dyn Kernel) -> Result<Option<bool>, ObserveError> {
    let inventory = about(step).map(|request| kernel.observe(&request)).transpose()?;
    Ok(inventory.and_then(|inventory| shows(&inventory, step)))
}

/// The removal of the devices that the kernel found when it got a slot or bridge.
pub(super) fn devices_that_came_with(step: &Step, kernel: &dyn Kernel) -> Vec<Step> {
    let Step::Place { change: Change::Add, index, .. } = step else { return Vec::new() };
    devices_at(*index, kernel).into_iter().map(|name| Step::Device { change: Change::Remove, name }).collect()
}

/// Whether a device that was removed came back with its slot or bridge, which was removed after it and given back before.
pub(super) fn came_back(step: &Step, given_back: &[Step], kernel: &dyn Kernel) -> bool {
    let Step::Device { change: Change::Remove, name } = step else { return false };
    given_back.iter().any(|place| match place {
        Step::Place { change: Change::Remove, index, .. } => devices_at(*index, kernel).contains(name),
        _ => false,
    })
}

/// The devices of a slot or bridge and of the cards below it, by their Linux names.
fn devices_at(index: DrcIndex, kernel: &dyn Kernel) -> Vec<String> {
    let places = [PlaceKind::Slot, PlaceKind::Bridge].into_iter().flat_map(|kind| {
        let request = Request::Place { change: Change::Remove, kind, which: PlaceChoice::Index(index) };
        kernel.observe(&request).map(|inventory| inventory.places).unwrap_or_default()
    });
    let place = places.into_iter().filter(|place| place.index == index);
    place.flat_map(|place| place.cards.into_iter().flat_map(|card| card.devices).chain(place.devices)).collect()
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
