//! Slots and host bridges, and what keeps them from being given back.

use platform::devicetree;
use platform::slot::{self, HostBridge, Kind, LinuxNames, Slot};
use sysroot::Sysroot;

use super::{Needed, ObserveError, Place};
use crate::dlpar::request::PlaceKind;

pub(super) fn read(sysroot: &Sysroot, kind: PlaceKind) -> Result<Vec<Place>, ObserveError> {
    match kind {
        PlaceKind::Slot => Ok(slot::logical_slots(sysroot)?.iter().map(of_slot).collect()),
        PlaceKind::Bridge => bridges(sysroot),
    }
}

fn of_slot(slot: &Slot) -> Place {
    Place {
        index: slot.connector.index,
        name: slot.connector.name.clone(),
        owned: slot.is_owned(),
        devices: Vec::new(),
        needed: is_display(slot).then_some(Needed::Display),
    }
}

/// The bridges of the partition, and the connectors of those it may get.
fn bridges(sysroot: &Sysroot) -> Result<Vec<Place>, ObserveError> {
    let owned = slot::host_bridges(sysroot)?;
    let names = LinuxNames::read(sysroot)?;
    let mut places: Vec<Place> = owned.iter().map(|bridge| of_bridge(bridge, &names)).collect();
    let connectors = platform::drc::read(&devicetree::root(sysroot))?.unwrap_or_default();
    for connector in connectors.into_iter().filter(|connector| connector.kind == "PHB") {
        if !places.iter().any(|place| place.index == connector.index) {
            let (index, name) = (connector.index, connector.name);
            places.push(Place { index, name, owned: false, devices: Vec::new(), needed: None });
        }
    }
    Ok(places)
}

fn of_bridge(bridge: &HostBridge, names: &LinuxNames) -> Place {
    let needed = if bridge.slots.iter().any(is_display) {
        Some(Needed::Display)
    } else {
        let of_partition = |slot: &Slot| slot.kind == Kind::Logical && slot.is_owned();
        bridge.slots.iter().any(of_partition).then_some(Needed::Slot)
    };
    Place {
        index: bridge.connector.index,
        name: bridge.connector.name.clone(),
        owned: true,
        devices: names.below(&bridge.path).map(str::to_owned).collect(),
        needed,
    }
}

fn is_display(slot: &Slot) -> bool {
    slot.connector.kind.starts_with("display")
}
