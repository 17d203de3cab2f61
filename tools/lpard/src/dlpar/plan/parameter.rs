//! To which value. The kernel takes absolute ones only, and a difference is to the value that was read.

use super::Refusal;
use crate::dlpar::inventory::Inventory;
use crate::dlpar::request::{Parameter, Target};
use crate::dlpar::step::Step;

pub(super) fn step(parameter: Parameter, target: Target, inventory: &Inventory) -> Result<Step, Refusal> {
    let key = parameter.key();
    let now = *inventory.parameters.get(&parameter).ok_or(Refusal::NoParameter(key))?;
    let (to, by) = match target {
        Target::Set(value) => (Some(value), value),
        Target::Raise(by) => (now.checked_add(by), by),
        Target::Lower(by) => (now.checked_sub(by), by),
    };
    let to = to.filter(|to| *to <= parameter.maximum()).ok_or(Refusal::OutOfRange { key, now, by })?;
    Ok(Step::Parameter { parameter, from: now, to })
}
