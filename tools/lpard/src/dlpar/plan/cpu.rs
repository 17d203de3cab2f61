//! Which processors: those that firmware lists first are added first, those that it lists last are removed first.

use platform::cpu::Core;

use super::{Offer, Refusal, count_of, expect};
use crate::dlpar::inventory::Inventory;
use crate::dlpar::request::{Change, CpuChoice};
use crate::dlpar::step::Step;

const WHAT: &str = "processor";

pub(super) fn offer(change: Change, which: &CpuChoice, inventory: &Inventory) -> Result<Offer, Refusal> {
    if !inventory.interface.cpu {
        return Err(Refusal::Unsupported("processors"));
    }
    if inventory.cores.is_empty() {
        return Err(Refusal::NothingListed("processors"));
    }
    match which {
        CpuChoice::Count(count) => Ok(any(change, count.get(), &inventory.cores)),
        CpuChoice::Index(index) => {
            let core = inventory.cores.iter().find(|core| core.index == *index);
            one(change, core, &index.to_string(), &inventory.cores)
        }
        CpuChoice::Name(name) => {
            let core = inventory.cores.iter().find(|core| core.name == *name);
            one(change, core, name, &inventory.cores)
        }
    }
}

fn one(change: Change, core: Option<&Core>, name: &str, all: &[Core]) -> Result<Offer, Refusal> {
    let core = core.ok_or_else(|| Refusal::Unknown { what: WHAT, name: name.to_owned() })?;
    expect(change, core.present.is_some(), WHAT, name)?;
    let others_run = all.iter().any(|other| other.index != core.index && other.is_online());
    if change == Change::Remove && !others_run {
        return Err(Refusal::LastProcessor);
    }
    Ok(Offer::exactly(step(change, core)))
}

fn any(change: Change, asked: u32, cores: &[Core]) -> Offer {
    let candidates: Vec<&Core> = match change {
        Change::Add => cores.iter().filter(|core| core.present.is_none()).collect(),
        Change::Remove => cores.iter().rev().filter(|core| core.is_online()).collect(),
    };
    let found = count_of(&candidates);
    let (available, shortage) = match change {
        Change::Add => (found, Refusal::NotEnough { what: "processors", asked, available: found }),
        Change::Remove => (found.saturating_sub(1), Refusal::LastProcessor),
    };
    let attempts = candidates.into_iter().map(|core| step(change, core)).collect();
    Offer { asked, available, shortage, attempts }
}

fn step(change: Change, core: &Core) -> Step {
    Step::Cpu { change, index: core.index, name: core.name.clone() }
}
