//! The running kernel: every step is one write to one of its files.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use sysroot::Sysroot;

use super::{Kernel, StepError};
use crate::dlpar::inventory::{Inventory, ObserveError};
use crate::dlpar::request::Request;
use crate::dlpar::step::{Deed, Step};

/// How long a busy hypervisor is asked again. There is no event for its being ready.
const BUSY_PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// The kernel behind a [`Sysroot`].
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    sysroot: &'a Sysroot,
}

impl<'a> Live<'a> {
    /// The kernel that this door leads to.
    pub fn new(sysroot: &'a Sysroot) -> Self {
        Self { sysroot }
    }
}

impl Kernel for Live<'_> {
    fn observe(&self, request: &Request) -> Result<Inventory, ObserveError> {
        Inventory::read(self.sysroot, request)
    }

    fn perform(&mut self, step: &Step) -> Result<(), StepError> {
        let Deed::Write { path, text } = step.deed() else { return Err(StepError::of(step, Errno::ENOSYS)) };
        let began = Instant::now();
        loop {
            let Err(error) = self.sysroot.write_attribute(&path, text.as_bytes()) else { return Ok(()) };
            // A write that the kernel took only a part of has no error number: it did not understand the request.
            let errno = error.errno().unwrap_or(Errno::EINVAL);
            if errno != Errno::EBUSY || !may_be_busy(step) || began.elapsed() >= BUSY_PATIENCE {
                return Err(StepError::of(step, errno));
            }
            sleep(BUSY_PAUSE);
        }
    }
}

/// Whether EBUSY means "later" (`H_BUSY`, a slot that is being looked at); for memory it means "never".
fn may_be_busy(step: &Step) -> bool {
    matches!(step, Step::Parameter { .. } | Step::Place { .. })
}
