//! Slots and host bridges, and what keeps them from being given back.

use platform::devicetree;
use platform::slot::{self, HostBridge, Kind, LinuxNames, Slot};
use sysroot::Sysroot;

use super::cards::{occupied_below, sense};
use super::{Needed, ObserveError, Place, Sense};
use crate::dlpar::request::{PlaceChoice, PlaceKind};

/// All slots or bridges; firmware is asked about the one that is meant.
pub(super) fn read(sysroot: &Sysroot, kind: PlaceKind, which: &PlaceChoice) -> Result<Vec<Place>, ObserveError> {
    let mut places = match kind {
        PlaceKind::Slot => {
            let slots = slot::logical_slots(sysroot)?;
            let names = LinuxNames::read(sysroot)?;
            slots.iter().map(|slot| of_slot(sysroot, slot, &names)).collect::<Result<_, _>>()?
        }
        PlaceKind::Bridge => bridges(sysroot)?,
    };
    for place in places.iter_mut().filter(|place| which.means(place)) {
        place.sense = sense(sysroot, place.index);
    }
    Ok(places)
}

fn of_slot(sysroot: &Sysroot, slot: &Slot, names: &LinuxNames) -> Result<Place, ObserveError> {
    let mut cards = Vec::new();
    if slot.kind == Kind::Logical {
        for node in &slot.nodes {
            cards.extend(occupied_below(sysroot, &node.path, names)?.0);
        }
    }
    Ok(Place {
        index: slot.connector.index,
        name: slot.connector.name.clone(),
        owned: slot.is_owned(),
        devices: Vec::new(),
        needed: is_display(slot).then_some(Needed::Display),
        cards,
        sense: Sense::Unknown,
    })
}

/// The bridges of the partition, and the connectors of those it may get.
fn bridges(sysroot: &Sysroot) -> Result<Vec<Place>, ObserveError> {
    let owned = slot::host_bridges(sysroot)?;
    let names = LinuxNames::read(sysroot)?;
    let mut places = Vec::new();
    for bridge in &owned {
        places.push(of_bridge(sysroot, bridge, &names)?);
    }
    let connectors = platform::drc::read(&devicetree::root(sysroot))?.unwrap_or_default();
    for connector in connectors.into_iter().filter(|connector| connector.kind == "PHB") {
        if !places.iter().any(|place| place.index == connector.index) {
            let (index, name) = (connector.index, connector.name);
            places.push(Place {
                index,
                name,
                owned: false,
                devices: Vec::new(),
                needed: None,
                cards: Vec::new(),
                sense: Sense::Unknown,
            });
        }
    }
    Ok(places)
}

fn of_bridge(sysroot: &Sysroot, bridge: &HostBridge, names: &LinuxNames) -> Result<Place, ObserveError> {
    let needed = if bridge.slots.iter().any(is_display) {
        Some(Needed::Display)
    } else {
        let of_partition = |slot: &Slot| slot.kind == Kind::Logical && slot.is_owned();
        bridge.slots.iter().any(of_partition).then_some(Needed::Slot)
    };
    let (cards, devices) = occupied_below(sysroot, &bridge.path, names)?;
    Ok(Place {
        index: bridge.connector.index,
        name: bridge.connector.name.clone(),
        owned: true,
        devices,
        needed,
        cards,
        sense: Sense::Unknown,
    })
}

fn is_display(slot: &Slot) -> bool {
    slot.connector.kind.starts_with("display")
}
