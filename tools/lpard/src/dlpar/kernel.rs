//! The kernel as the engine needs it: something to look at and something that does one step.

mod firmware;
mod live;
mod tree;

use nix::errno::Errno;
use platform::rtas::description::Problem;
use platform::rtas::status::{Call, meaning};

use super::inventory::{Inventory, ObserveError};
use super::request::{Change, Request};
use super::step::Step;

pub use live::Live;

/// Asks the firmware, and again while it is busy; its status, and the whole answer.
pub(super) fn ask_patiently<E>(ask: impl FnMut() -> Result<Vec<u32>, E>) -> Result<(i32, Vec<u32>), E> {
    let answer = firmware::ask(false, ask, std::thread::sleep)?;
    Ok((firmware::status(&answer), answer))
}

/// A kernel, the running one or a simulated one.
pub trait Kernel {
    /// What there is of what the request is about.
    fn observe(&self, request: &Request) -> Result<Inventory, ObserveError>;

    /// Does one step; comes back when the kernel is done with it.
    fn perform(&mut self, step: &Step) -> Result<(), StepError>;
}

/// The refusal of a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The kernel's.
    #[error("{reason} ({errno})")]
    Kernel {
        /// Its error number.
        errno: Errno,
        /// What it means for this step.
        reason: &'static str,
    },
    /// The firmware's.
    #[error("{} ({}: {status})", meaning(*call, *status), call.name())]
    Firmware {
        /// What it was asked.
        call: Call,
        /// What it answered.
        status: i32,
    },
    /// What it needs could not be read, or had in time.
    #[error("{0}")]
    Unable(String),
    /// What firmware describes of a connector cannot be a part of the device tree.
    #[error("what firmware describes of the connector cannot be used: {0}")]
    Description(Problem),
    /// A step of several parts was stopped by this, and what had been done of it could not be undone.
    #[error("{error}; these nodes could not be put back: {}", left.join(", "))]
    Halfway {
        /// What stopped it.
        error: Box<StepError>,
        /// The paths of the nodes that are there and were not, or the other way round.
        left: Vec<String>,
    },
}

impl StepError {
    /// With what the number means for this step.
    pub fn of(step: &Step, errno: Errno) -> Self {
        Self::Kernel { errno, reason: reason(step, errno) }
    }

    /// The kernel's error number.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Kernel { errno, .. } => Some(*errno),
            Self::Firmware { .. } | Self::Unable(_) | Self::Description(_) => None,
            Self::Halfway { error, .. } => error.errno(),
        }
    }

    /// The firmware's status.
    pub fn status(&self) -> Option<i32> {
        match self {
            Self::Kernel { .. } | Self::Unable(_) | Self::Description(_) => None,
            Self::Firmware { status, .. } => Some(*status),
            Self::Halfway { error, .. } => error.status(),
        }
    }
}

/// What an error number of the kernel means (Linux 6.1 to 6.12, `arch/powerpc/platforms/pseries`).
fn reason(step: &Step, errno: Errno) -> &'static str {
    use Change::{Add, Remove};
    match (step, errno) {
        // dlpar_acquire_drc says -1 when firmware keeps the connector, and -1 is EPERM.
        (Step::Cpu { .. } | Step::Block { .. } | Step::Blocks { .. } | Step::Run { .. }, Errno::EPERM) => {
            "firmware does not give it or keeps it, or this process may not change the partition (root?)"
        }
        (_, Errno::EPERM | Errno::EACCES) => {
            "the kernel does not let this process change the partition (root? lockdown?)"
        }
        (_, Errno::EOPNOTSUPP) => "this kernel was built without it (CONFIG_MEMORY_HOTREMOVE?)",
        (_, Errno::ENOMEM) => "the kernel lacks memory for it",
        (_, Errno::EINTR) => "the kernel was interrupted",
        (Step::Cpu { change: Add, .. }, Errno::ENOSPC) => "the kernel has no CPU number left for it",
        (Step::Cpu { change: Add, .. }, Errno::EINVAL) => {
            "firmware does not give the processor, or it is there already"
        }
        (Step::Cpu { change: Remove, .. }, Errno::EINVAL) => {
            "the processor cannot be taken out of use; is it the last one?"
        }
        (Step::Cpu { change: Remove, .. }, Errno::EBUSY) => "the processor is in use",
        (Step::Cpu { .. }, Errno::ENODEV) => "the kernel knows no such processor",
        (Step::Block { change: Add, .. }, Errno::EINVAL) => {
            "firmware does not give the memory block, or it is there already"
        }
        (Step::Block { change: Remove, .. }, Errno::EINVAL) => "the memory block is not there, or firmware keeps it",
        (Step::Block { change: Remove, .. }, Errno::EBUSY) => "the memory block holds pages that cannot be moved",
        (Step::Blocks { change: Add, .. } | Step::Run { change: Add, .. }, Errno::EINVAL) => {
            "firmware does not give that much memory; the kernel gave back what it had got"
        }
        (Step::Blocks { change: Remove, .. } | Step::Run { change: Remove, .. }, Errno::EINVAL) => {
            "not that much memory can be taken out of use; the kernel took back what it had removed"
        }
        (Step::Allocation { .. } | Step::Isolation { .. } | Step::Power { .. } | Step::Light { .. }, _) => {
            "the kernel does not let this process call the firmware"
        }
        (Step::Device { .. } | Step::Devices { .. }, Errno::ETIMEDOUT) => "a driver does not let the device go",
        (Step::Devices { change: Add, .. }, Errno::ENODEV) => "the kernel finds no device on the bus",
        (Step::Card { change: Add, .. }, Errno::ENXIO) => "no driver could be configured for the card",
        (Step::Card { change: Remove, .. }, Errno::ENXIO) => "a driver does not let the card go",
        (Step::Node { change: Add, .. }, Errno::EINVAL) => "the node is there already",
        (Step::Node { .. }, Errno::EIO) => "firmware does not describe the connector",
        (Step::Node { change: Add, .. }, Errno::ENODEV) => "no node of the device tree has the connector",
        (Step::Node { change: Remove, .. }, Errno::EBUSY) => "something was added below the node meanwhile",
        (Step::Place { .. }, Errno::ENODEV) => "the kernel knows no slot of that name",
        (Step::Place { change: Add, .. }, Errno::EINVAL) => "the slot is there already",
        (Step::Place { change: Remove, .. }, Errno::EINVAL) => "the slot is gone already",
        (Step::Parameter { .. }, Errno::EINVAL) => {
            "the hypervisor refuses this value (is it outside of the profile's limits?)"
        }
        (Step::Parameter { .. }, Errno::EBUSY) => "the hypervisor is busy",
        (Step::Parameter { .. }, Errno::EIO) => "the hypervisor failed",
        _ => "the kernel refused",
    }
}
