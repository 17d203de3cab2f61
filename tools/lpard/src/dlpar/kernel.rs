//! The kernel as the engine needs it: something to look at and something that does one step.

mod live;

use nix::errno::Errno;

use super::inventory::{Inventory, ObserveError};
use super::request::{Change, Request};
use super::step::Step;

pub use live::Live;

/// A kernel, the running one or a simulated one.
pub trait Kernel {
    /// What there is of what the request is about.
    fn observe(&self, request: &Request) -> Result<Inventory, ObserveError>;

    /// Does one step; comes back when the kernel is done with it.
    fn perform(&mut self, step: &Step) -> Result<(), StepError>;
}

/// The kernel's refusal of a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({errno})")]
pub struct StepError {
    /// The kernel's error number.
    pub errno: Errno,
    /// What it means for this step.
    pub reason: &'static str,
}

impl StepError {
    /// With what the number means for this step.
    pub fn of(step: &Step, errno: Errno) -> Self {
        Self { errno, reason: reason(step, errno) }
    }
}

/// What an error number of the kernel means (Linux 6.1 to 6.12, `arch/powerpc/platforms/pseries`).
fn reason(step: &Step, errno: Errno) -> &'static str {
    use Change::{Add, Remove};
    match (step, errno) {
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
        (Step::Connector { .. }, Errno::ENOSYS) => "this program makes no calls to firmware",
        (Step::Connector { .. }, _) => "firmware does not give or take the connector",
        (Step::Node { change: Add, .. }, Errno::EINVAL) => "the node is there already",
        (Step::Node { .. }, Errno::EIO) => "firmware does not describe the connector",
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
