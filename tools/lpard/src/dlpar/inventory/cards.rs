//! Physical slots, what is in them, and what firmware says of them.

use platform::drc::DrcIndex;
use platform::rtas::connector::{ENTITY_SENSE, Entity};
use platform::rtas::status::Call;
use platform::slot::{self, KernelSlots, Kind, LinuxNames, Slot};
use sysroot::Sysroot;

use super::{Card, ObserveError, Sense};
use crate::dlpar::kernel::ask_patiently;
use crate::dlpar::request::PlaceChoice;

/// All physical slots; firmware is asked about the one that is meant.
pub(super) fn read(sysroot: &Sysroot, which: &PlaceChoice) -> Result<Vec<Card>, ObserveError> {
    let mut cards = of_slots(sysroot, &slot::physical_slots(sysroot)?)?;
    for card in cards.iter_mut().filter(|card| which.means_card(card)) {
        card.sense = sense(sysroot, card.index);
    }
    Ok(cards)
}

/// All physical slots; firmware is asked about the second way of a card that was just added.
pub(super) fn with_partner(sysroot: &Sysroot, of: DrcIndex) -> Result<Vec<Card>, ObserveError> {
    let mut cards = of_slots(sysroot, &slot::physical_slots(sysroot)?)?;
    let partner = cards.iter().find(|card| card.index == of).and_then(|card| card.partner);
    for card in cards.iter_mut().filter(|card| partner == Some(card.index)) {
        card.sense = sense(sysroot, card.index);
    }
    Ok(cards)
}

/// The slots below a bridge that was just added, with what firmware says of each.
pub(super) fn below(sysroot: &Sysroot, above: DrcIndex) -> Result<Vec<Card>, ObserveError> {
    let mut cards = Vec::new();
    for path in paths_of(sysroot, above)? {
        cards.extend(of_slots(sysroot, &slot::physical_slots_below(sysroot, &path)?)?);
    }
    for card in cards.iter_mut().filter(|card| !card.occupied) {
        card.sense = sense(sysroot, card.index);
    }
    Ok(cards)
}

/// Where the nodes of a bridge or of a logical slot are.
fn paths_of(sysroot: &Sysroot, index: DrcIndex) -> Result<Vec<String>, ObserveError> {
    let bridges = slot::host_bridges(sysroot)?.into_iter().map(|bridge| (bridge.connector.index, bridge.path));
    let slots = slot::logical_slots(sysroot)?.into_iter().filter(|slot| slot.kind == Kind::Logical);
    let in_slots = slots.flat_map(|slot| slot.nodes.into_iter().map(move |node| (slot.connector.index, node.path)));
    Ok(bridges.chain(in_slots).filter(|(other, _)| *other == index).map(|(_, path)| path).collect())
}

/// The cards below a path, and the PCI devices there that are in no slot.
pub(super) fn occupied_below(
    sysroot: &Sysroot,
    path: &str,
    names: &LinuxNames,
) -> Result<(Vec<Card>, Vec<String>), ObserveError> {
    let mut slots = slot::physical_slots_below(sysroot, path)?;
    slots.retain(|slot| !slot.nodes.is_empty());
    let nodes = || slots.iter().flat_map(|slot| &slot.nodes);
    let in_a_card = |name: &&str| {
        nodes().any(|node| names.get(&node.path) == Some(name) || names.below(&node.path).any(|other| other == *name))
    };
    let others = names.below(path).filter(|name| !in_a_card(name)).map(str::to_owned).collect();
    Ok((of_slots(sysroot, &slots)?, others))
}

fn of_slots(sysroot: &Sysroot, slots: &[Slot]) -> Result<Vec<Card>, ObserveError> {
    let (names, kernel) = (LinuxNames::read(sysroot)?, KernelSlots::read(sysroot)?);
    Ok(slots.iter().map(|slot| of_slot(slot, &names, &kernel)).collect())
}

fn of_slot(slot: &Slot, names: &LinuxNames, kernel: &KernelSlots) -> Card {
    Card {
        index: slot.connector.index,
        name: slot.connector.name.clone(),
        power_domain: slot.connector.power_domain,
        occupied: !slot.nodes.is_empty(),
        contradicted: slot.contradicted,
        display: slot.nodes.iter().any(|node| node.name.as_deref() == Some(DISPLAY)),
        driver: kernel.get(&slot.connector.name).map(str::to_owned),
        devices: slot.nodes.iter().filter_map(|node| names.get(&node.path)).map(str::to_owned).collect(),
        partner: slot.nodes.iter().find_map(|node| node.partner),
        sense: Sense::Unknown,
    }
}

/// The `name` of a display adapter's node.
const DISPLAY: &str = "display";

/// What firmware says of a connector; what cannot be asked is unknown.
pub(super) fn sense(sysroot: &Sysroot, index: DrcIndex) -> Sense {
    let ask = || sysroot.rtas(Call::GetSensorState.name(), &[ENTITY_SENSE, index.0], 2);
    let Ok((status, answer)) = ask_patiently(ask) else { return Sense::Unknown };
    match answer.get(1).copied().and_then(Entity::parse) {
        Some(entity) if status == 0 => Sense::Entity(entity),
        _ => Sense::Status(status),
    }
}

/// The PCI devices of the nodes that sit in a connector, or below the bridge of one.
pub(in crate::dlpar) fn devices_of(sysroot: &Sysroot, index: DrcIndex) -> Result<Vec<String>, ObserveError> {
    let names = LinuxNames::read(sysroot)?;
    let slots = slot::physical_slots(sysroot)?;
    let nodes = slots.iter().filter(|slot| slot.connector.index == index).flat_map(|slot| &slot.nodes);
    let mut devices: Vec<String> = nodes.filter_map(|node| names.get(&node.path)).map(str::to_owned).collect();
    for path in paths_of(sysroot, index)? {
        devices.extend(names.below(&path).map(str::to_owned));
    }
    Ok(devices)
}
