//! In which order a slot or a host bridge comes and goes.
//!
//! Firmware's connector, the node in the device tree and the slot that drivers see are built up in this order. A slot is
//! taken down from the top. A bridge loses its node before its connector: the kernel still needs the bridge to forget it.

use super::{Refusal, expect};
use crate::dlpar::inventory::Inventory;
use crate::dlpar::request::{Change, PlaceChoice, PlaceKind};
use crate::dlpar::step::Step;

pub(super) fn steps(
    change: Change,
    kind: PlaceKind,
    which: &PlaceChoice,
    inventory: &Inventory,
) -> Result<Vec<Step>, Refusal> {
    let (what, name) = (kind.name(), which.to_string());
    let place = inventory.places.iter().find(|place| which.means(place));
    let place = place.ok_or_else(|| Refusal::Unknown { what, name: name.clone() })?;
    expect(change, place.owned, what, &name)?;
    if let (Change::Remove, Some(needed)) = (change, place.needed) {
        return Err(Refusal::InUse { what, name, needed });
    }
    if !inventory.interface.device_tree {
        return Err(Refusal::Unsupported("slots"));
    }
    if !inventory.interface.firmware {
        return Err(Refusal::NoFirmware);
    }
    let connector = Step::Connector { change, index: place.index };
    let node = Step::Node { change, index: place.index };
    let slot = Step::Place { change, name: place.name.clone() };
    let devices = place.devices.iter().map(|name| Step::Device { change, name: name.clone() });
    Ok(match (change, kind) {
        (Change::Add, _) => vec![connector, node, slot],
        (Change::Remove, PlaceKind::Slot) => vec![slot, connector, node],
        (Change::Remove, PlaceKind::Bridge) => devices.chain([slot, node, connector]).collect(),
    })
}
