//! From a request and what there is to the steps that do it. Pure: nothing is read, nothing is done.
//!
//! A plan has a quota and attempts in the order in which they are made. An attempt that fails leaves the quota to those after
//! it; what is more than the quota is never attempted. Who acts on a plan has nothing to choose.

mod card;
mod cpu;
mod memory;
mod parameter;
mod place;

use std::fmt;

use platform::drc::DrcIndex;

use super::inventory::{DeviceTree, Interface, Inventory, Needed, Sense};
use super::request::{CardTask, Change, Request, Terms};
use super::step::{NodesBy, Step};

/// What will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What was asked.
    pub request: Request,
    /// What was agreed to.
    pub terms: Terms,
    /// How much was asked.
    pub asked: u32,
    /// How much of it is to be had: less than `asked` only where the terms allow a part.
    pub quota: u32,
    /// Why the quota is less than what was asked.
    pub limit: Option<Refusal>,
    /// Made in this order, until the quota is reached.
    pub attempts: Vec<Step>,
    /// Whether each attempt needs those before it: then the first that fails is the last.
    pub in_order: bool,
    /// What can only be planned when all of this is done, because only then there is something to see. It belongs to the
    /// request: when it fails, all is undone.
    pub then: Option<Request>,
}

/// Why a request cannot be fulfilled, found before anything was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The kernel has no such interface.
    #[error("this kernel cannot change the {0} of a running partition (see /sys/kernel/dlpar)")]
    Unsupported(&'static str),
    /// Firmware does not list such resources.
    #[error("firmware lists no {0} that can be changed in this partition")]
    NothingListed(&'static str),
    /// No connector is called that.
    #[error("there is no {what} '{name}' in this partition")]
    Unknown {
        /// Kind of resource.
        what: &'static str,
        /// What was given.
        name: String,
    },
    /// It is there already.
    #[error("the {what} '{name}' is already present")]
    Present {
        /// Kind of resource.
        what: &'static str,
        /// What was given.
        name: String,
    },
    /// It is not there.
    #[error("the {what} '{name}' is not present")]
    Absent {
        /// Kind of resource.
        what: &'static str,
        /// What was given.
        name: String,
    },
    /// Firmware keeps it.
    #[error("the memory block {0} is reserved")]
    Reserved(DrcIndex),
    /// There are not that many.
    #[error("{asked} {what} asked for, {available} to be had")]
    NotEnough {
        /// Kind of resource.
        what: &'static str,
        /// How many were asked for.
        asked: u32,
        /// How many there are.
        available: u32,
    },
    /// One processor has to stay.
    #[error("the last processor cannot be removed")]
    LastProcessor,
    /// Something has to go first.
    #[error("the {what} '{name}' is in use: {needed}")]
    InUse {
        /// Kind of resource.
        what: &'static str,
        /// What was given.
        name: String,
        /// By what.
        needed: Needed,
    },
    /// The kernel has neither way to change the device tree.
    #[error(
        "this kernel cannot change its device tree: /sys/kernel/dlpar takes no 'dt' requests (Linux 6.12 does), and there is no \
         /proc/ppc64/ofdt"
    )]
    FixedTree,
    /// The kernel keeps its device tree and firmware's buffer closed.
    #[error(
        "this kernel changes slots through /dev/mem and /proc/ppc64/ofdt, which lockdown closes, as does a lack of CAP_SYS_RAWIO \
         (Linux 6.12 needs neither file)"
    )]
    LockedDown,
    /// Firmware could not tell what is in a slot.
    #[error(
        "this kernel needs /dev/mem to hear what firmware describes, and that cannot be opened: is this root? has the kernel \
         CONFIG_DEVMEM? (Linux 6.12 does not need it)"
    )]
    NoWorkArea,
    /// Firmware cannot be asked.
    #[error("slots need calls to firmware, which cannot be made here (rtas(2))")]
    NoFirmware,
    /// Firmware says that it is not in the state for that.
    #[error("the {what} '{name}' cannot be had: firmware senses: {sense}")]
    NotReady {
        /// Kind of resource.
        what: &'static str,
        /// What was given.
        name: String,
        /// Firmware's answer.
        sense: Sense,
    },
    /// There is no card in the slot.
    #[error("no card was detected in the slot '{0}'")]
    NoCard(String),
    /// There is a card in the slot.
    #[error("the slot '{0}' is occupied")]
    Occupied(String),
    /// Firmware contradicts itself about what is in the slot.
    #[error("firmware names another place for what is in the slot '{0}'")]
    Contradicted(String),
    /// The partition does not have this parameter.
    #[error("{0} is not among this partition's parameters (/proc/ppc64/lparcfg)")]
    NoParameter(&'static str),
    /// It would become negative, or larger than it can be.
    #[error("{key} is {now}: it cannot be changed by {by}")]
    OutOfRange {
        /// The parameter.
        key: &'static str,
        /// Its value.
        now: u64,
        /// By how much it should change.
        by: u64,
    },
}

/// Plans a request.
pub fn plan(request: &Request, terms: Terms, inventory: &Inventory) -> Result<Plan, Refusal> {
    match request {
        Request::Cpu { change, which } => {
            let offer = cpu::offer(*change, which, inventory)?;
            offer.plan(request, terms)
        }
        Request::Memory { change, which } => {
            let offer = memory::offer(*change, *which, terms, inventory)?;
            offer.plan(request, terms)
        }
        Request::Place { change, kind, which } => {
            let (steps, then) = place::steps(*change, *kind, which, inventory)?;
            Ok(Plan { then, ..Plan::in_order(request, steps) })
        }
        Request::Card { task, which, way } => {
            let steps = card::steps(*task, which, *way, inventory)?;
            // What was made safe for hands stays safe.
            let terms = Terms { partial: *task == CardTask::Ready };
            let then = card::then(*task, which, inventory);
            Ok(Plan { terms, then, ..Plan::in_order(request, steps) })
        }
        Request::Partner { of } => Ok(Plan::in_order(request, card::partner_steps(*of, inventory)?)),
        Request::CardsBelow { .. } => Ok(Plan::in_order(request, card::steps_below(inventory)?)),
        Request::Light { which, say } => Ok(Plan::in_order(request, vec![card::light(which, *say, inventory)?])),
        Request::Parameter { parameter, target } => {
            let step = parameter::step(*parameter, *target, inventory)?;
            Offer::exactly(step).plan(request, terms)
        }
    }
}

impl Plan {
    /// Steps that only make sense together.
    fn in_order(request: &Request, attempts: Vec<Step>) -> Self {
        let asked = count_of(&attempts);
        let terms = Terms { partial: false };
        Self { request: request.clone(), terms, asked, quota: asked, limit: None, attempts, in_order: true, then: None }
    }
}

/// What could be done for a request.
struct Offer {
    asked: u32,
    available: u32,
    /// Said when there is less than was asked for.
    shortage: Refusal,
    attempts: Vec<Step>,
}

impl Offer {
    /// One step that is the whole request.
    fn exactly(step: Step) -> Self {
        let asked = step.amount();
        let shortage = Refusal::NotEnough { what: "steps", asked, available: 0 };
        Self { asked, available: asked, shortage, attempts: vec![step] }
    }

    fn plan(self, request: &Request, terms: Terms) -> Result<Plan, Refusal> {
        let short = self.available < self.asked;
        if short && (!terms.partial || self.available == 0) {
            return Err(self.shortage);
        }
        Ok(Plan {
            request: request.clone(),
            terms,
            asked: self.asked,
            quota: self.asked.min(self.available),
            limit: short.then_some(self.shortage),
            attempts: self.attempts,
            in_order: false,
            then: None,
        })
    }
}

/// Whether a named resource is there or not, as the change needs it.
fn expect(change: Change, is_present: bool, what: &'static str, name: &str) -> Result<(), Refusal> {
    let name = name.to_owned();
    match (change, is_present) {
        (Change::Add, true) => Err(Refusal::Present { what, name }),
        (Change::Remove, false) => Err(Refusal::Absent { what, name }),
        _ => Ok(()),
    }
}

/// Who changes the device tree on this kernel. To add, firmware has to be heard.
fn nodes_by(change: Change, interface: Interface) -> Result<NodesBy, Refusal> {
    match interface.device_tree {
        DeviceTree::Fixed => Err(Refusal::FixedTree),
        DeviceTree::Kernel => Ok(NodesBy::Kernel),
        DeviceTree::LockedDown => Err(Refusal::LockedDown),
        DeviceTree::Ofdt { work_area: false } if change == Change::Add => Err(Refusal::NoWorkArea),
        DeviceTree::Ofdt { .. } => Ok(NodesBy::Ofdt),
    }
}

/// A count for messages: more than fit are "at least so many".
fn count_of<T>(things: &[T]) -> u32 {
    u32::try_from(things.len()).unwrap_or(u32::MAX)
}

/// What a dry run prints.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request: {}", self.request)?;
        if let Some(limit) = &self.limit {
            writeln!(f, "limit: {limit}; {} of {} will be done", self.quota, self.asked)?;
        }
        if self.attempts.len() > 1 && !self.in_order {
            writeln!(f, "until {} of these succeeded, in this order:", self.quota)?;
        }
        for step in &self.attempts {
            writeln!(f, "- {step}: {}", step.deed())?;
        }
        if let Some(then) = &self.then {
            writeln!(f, "- {then}: planned when they can be seen")?;
        }
        let then = if self.terms.partial { "stays" } else { "is undone" };
        writeln!(f, "if not all of it can be done: what was done {then}")
    }
}

#[cfg(test)]
mod tests;
