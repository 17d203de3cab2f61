//! In which order the card of a physical slot comes and goes.
//!
//! What comes is powered, opened, described and taken into use; what goes does so in reverse. Its light is on meanwhile.

use platform::drc::DrcIndex;
use platform::rtas::connector::{Entity, Light};

use super::{Refusal, expect, nodes_by};
use crate::dlpar::inventory::{Card, Inventory, Needed, Sense};
use crate::dlpar::request::{CardTask, CardWay, Change, PlaceChoice, Request};
use crate::dlpar::step::{NodesBy, Step};

const WHAT: &str = "card in the slot";

pub(super) fn steps(
    task: CardTask,
    which: &PlaceChoice,
    way: CardWay,
    inventory: &Inventory,
) -> Result<Vec<Step>, Refusal> {
    let card = chosen(which, inventory)?;
    let name = &card.name;
    if card.display {
        return Err(Refusal::InUse { what: WHAT, name: name.clone(), needed: Needed::Display });
    }
    // What is made ready for a card is made ready for its nodes.
    let change = if task == CardTask::Remove { Change::Remove } else { Change::Add };
    let by = nodes_by(change, inventory.interface)?;
    match task {
        CardTask::Remove => {
            expect(Change::Remove, card.occupied, WHAT, name)?;
            let lit = Step::Light { index: card.index, to: Light::On, back: Light::On };
            // A card with a second way is not to be taken out before that is given up too.
            let second = partner(card, inventory).filter(|other| other.occupied);
            let second = second.into_iter().flat_map(|other| goes(other, way, by));
            Ok(std::iter::once(lit).chain(goes(card, way, by)).chain(second).collect())
        }
        CardTask::Add | CardTask::Ready if card.occupied => Err(Refusal::Occupied(name.clone())),
        CardTask::Ready => Ok(vec![isolation(card, Change::Remove), power(card, Change::Remove)]),
        CardTask::Add => {
            check_presence(card)?;
            let lit = Step::Light { index: card.index, to: Light::On, back: Light::Off };
            Ok(std::iter::once(lit).chain(comes(card, way, by)).collect())
        }
    }
}

/// What a card that was added shows only then.
pub(super) fn then(task: CardTask, which: &PlaceChoice, inventory: &Inventory) -> Option<Request> {
    let card = inventory.cards.iter().find(|card| which.means_card(card)).filter(|_| task == CardTask::Add)?;
    Some(Request::Partner { of: card.index })
}

/// The second way to a card, where there is one that is not in use yet.
pub(super) fn partner_steps(of: DrcIndex, inventory: &Inventory) -> Result<Vec<Step>, Refusal> {
    let card = inventory.cards.iter().find(|card| card.index == of);
    let other = card.and_then(|card| partner(card, inventory)).filter(|other| !other.occupied);
    all_come(other, inventory)
}

fn partner<'a>(card: &Card, inventory: &'a Inventory) -> Option<&'a Card> {
    inventory.cards.iter().find(|other| Some(other.index) == card.partner && other.index != card.index)
}

/// The cards that are in the slots below a bridge that was just added and that came without having been asked for.
pub(super) fn steps_below(inventory: &Inventory) -> Result<Vec<Step>, Refusal> {
    let ready = |card: &&Card| !card.occupied && !card.contradicted && check_presence(card).is_ok();
    all_come(inventory.cards.iter().filter(ready), inventory)
}

/// Cards that come without having been asked for. Where there is none it does not matter what the kernel can.
fn all_come<'a>(cards: impl IntoIterator<Item = &'a Card>, inventory: &Inventory) -> Result<Vec<Step>, Refusal> {
    let mut steps = Vec::new();
    for card in cards {
        steps.extend(comes(card, CardWay::default(), nodes_by(Change::Add, inventory.interface)?));
    }
    Ok(steps)
}

pub(super) fn light(which: &PlaceChoice, say: Option<Light>, inventory: &Inventory) -> Result<Step, Refusal> {
    let card = chosen(which, inventory)?;
    let back = if card.occupied { Light::On } else { Light::Off };
    Ok(Step::Light { index: card.index, to: say.unwrap_or(back), back })
}

fn chosen<'a>(which: &PlaceChoice, inventory: &'a Inventory) -> Result<&'a Card, Refusal> {
    let card = inventory.cards.iter().find(|card| which.means_card(card));
    let card = card.ok_or_else(|| Refusal::Unknown { what: "PCI slot", name: which.to_string() })?;
    if card.contradicted {
        return Err(Refusal::Contradicted(card.name.clone()));
    }
    if !inventory.interface.firmware {
        return Err(Refusal::NoFirmware);
    }
    Ok(card)
}

fn check_presence(card: &Card) -> Result<(), Refusal> {
    match card.sense {
        // Or a card that has to be powered, or powered and opened, before it can be looked at.
        Sense::Entity(Entity::Present) | Sense::Status(-9000 | -9001) => Ok(()),
        Sense::Entity(Entity::Empty) => Err(Refusal::NoCard(card.name.clone())),
        sense => Err(Refusal::NotReady { what: WHAT, name: card.name.clone(), sense }),
    }
}

/// A card that was put in.
fn comes(card: &Card, way: CardWay, by: NodesBy) -> impl Iterator<Item = Step> {
    let node = Step::Node { change: Change::Add, index: card.index, by };
    let used = match card.driver.as_ref().filter(|_| !way.scan) {
        Some(slot) => Step::Card { change: Change::Add, slot: slot.clone() },
        None => Step::Devices { change: Change::Add, index: card.index },
    };
    [power(card, Change::Add), isolation(card, Change::Add), node, used].into_iter()
}

/// A card that shall be taken out.
pub(super) fn goes(card: &Card, way: CardWay, by: NodesBy) -> Vec<Step> {
    let mut steps: Vec<Step> = if let Some(slot) = card.driver.as_ref().filter(|_| !way.scan) {
        vec![Step::Card { change: Change::Remove, slot: slot.clone() }]
    } else {
        let device = |name: &String| Step::Device { change: Change::Remove, name: name.clone() };
        card.devices.iter().map(device).collect()
    };
    steps.push(Step::Node { change: Change::Remove, index: card.index, by });
    if !way.keep_firmware {
        let dark = Step::Light { index: card.index, to: Light::Off, back: Light::On };
        steps.extend([isolation(card, Change::Remove), power(card, Change::Remove), dark]);
    }
    steps
}

fn power(card: &Card, change: Change) -> Step {
    Step::Power { change, domain: card.power_domain }
}

fn isolation(card: &Card, change: Change) -> Step {
    Step::Isolation { change, index: card.index }
}
