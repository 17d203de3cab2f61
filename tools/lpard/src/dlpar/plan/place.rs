//! In which order a slot or a host bridge comes and goes.
//!
//! Firmware's connector, the node in the device tree and the slot that drivers see are built up in this order, and taken down in
//! reverse, so that every step can be taken back: firmware describes a node only to who has its connector. Cards below go
//! first, and come last: before their bridge is there, nobody knows of them.

use platform::rtas::connector::Entity;

use super::{Refusal, card, expect, nodes_by};
use crate::dlpar::inventory::{Inventory, Place, Sense};
use crate::dlpar::request::{CardWay, Change, PlaceChoice, PlaceKind, Request};
use crate::dlpar::step::{NodesBy, Step};

/// The steps, and what has to be planned when they are done.
pub(super) fn steps(
    change: Change,
    kind: PlaceKind,
    which: &PlaceChoice,
    inventory: &Inventory,
) -> Result<(Vec<Step>, Option<Request>), Refusal> {
    let (what, name) = (kind.name(), which.to_string());
    let place = inventory.places.iter().find(|place| which.means(place));
    let place = place.ok_or_else(|| Refusal::Unknown { what, name: name.clone() })?;
    expect(change, place.owned, what, &name)?;
    if let (Change::Remove, Some(needed)) = (change, place.needed) {
        return Err(Refusal::InUse { what, name, needed });
    }
    let by = nodes_by(change, inventory.interface)?;
    if !inventory.interface.firmware {
        return Err(Refusal::NoFirmware);
    }
    if change == Change::Add && place.sense != Sense::Entity(Entity::Unusable) {
        return Err(Refusal::NotReady { what, name, sense: place.sense });
    }
    let then = Request::CardsBelow { above: place.index, name: place.name.clone() };
    Ok(match change {
        Change::Add => (comes(place, by), Some(then)),
        Change::Remove => (goes(place, by), None),
    })
}

fn comes(place: &Place, by: NodesBy) -> Vec<Step> {
    let change = Change::Add;
    let [allocation, isolation] = connector(change, place);
    vec![allocation, isolation, node(change, place, by), slot(change, place)]
}

fn goes(place: &Place, by: NodesBy) -> Vec<Step> {
    let change = Change::Remove;
    let [allocation, isolation] = connector(change, place);
    let devices = place.devices.iter().map(|name| Step::Device { change, name: name.clone() });
    let cards = place.cards.iter().flat_map(|card| card::goes(card, CardWay::default(), by));
    cards.chain(devices).chain([slot(change, place), node(change, place, by), isolation, allocation]).collect()
}

fn connector(change: Change, place: &Place) -> [Step; 2] {
    let index = place.index;
    [Step::Allocation { change, index }, Step::Isolation { change, index }]
}

fn node(change: Change, place: &Place, by: NodesBy) -> Step {
    Step::Node { change, index: place.index, by }
}

fn slot(change: Change, place: &Place) -> Step {
    Step::Place { change, index: place.index, name: place.name.clone() }
}
