//! The running kernel: every step is one write to one of its files, or one call of the firmware through it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use platform::drc::DrcIndex;
use platform::rtas::status::Call;
use platform::slot::KERNEL_SLOTS;
use sysroot::Sysroot;

use super::{Kernel, StepError, firmware, tree};
use crate::dlpar::effect::was_done;
use crate::dlpar::inventory::{Inventory, ObserveError, devices_of};
use crate::dlpar::ofdt;
use crate::dlpar::request::{Change, Request};
use crate::dlpar::step::{Deed, PCI_DEVICES, Step};

/// How long a busy hypervisor is asked again. There is no event for its being ready.
const BUSY_PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions.
const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// How long a driver has to let a device go: Debian's drmgr waits as long.
const DEVICE_PATIENCE: Duration = Duration::from_secs(60);
const DEVICE_PAUSE: Duration = Duration::from_millis(50);

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
        if let Step::Place { change: Change::Remove, index, .. } = step {
            // The kernel does not let go of a bridge with devices, not even of one that was added a moment ago.
            self.let_go(step, *index)?;
        }
        match step.deed() {
            Deed::Write { path, text } => {
                self.write(step, &path, &text).or_else(|refusal| self.excuse(step, refusal))?;
            }
            Deed::Firmware { call, inputs, outputs } => self.call(step, call, &inputs, outputs)?,
            Deed::LetGo { index } => return self.let_go(step, index),
            Deed::Nodes { change, index } => ofdt::change(change, index, &mut tree::Running::new(self.sysroot, step))?,
        }
        self.verify(step).map_err(|errno| StepError::of(step, errno))
    }
}

impl Live<'_> {
    /// A refusal of what has come about is none: firmware that sends a hotplug event (QEMU does) lets the kernel do the same at
    /// the same time, and the one that comes second is refused.
    fn excuse(self, step: &Step, refusal: StepError) -> Result<(), StepError> {
        if !matches!(step, Step::Cpu { .. } | Step::Block { .. }) {
            return Err(refusal);
        }
        match was_done(step, &self) {
            Ok(Some(true)) => Ok(()),
            _ => Err(refusal),
        }
    }

    fn write(self, step: &Step, path: &str, text: &str) -> Result<(), StepError> {
        let began = Instant::now();
        loop {
            let Err(error) = self.sysroot.write_attribute(path, text.as_bytes()) else { return Ok(()) };
            // A write that the kernel took only a part of has no error number: it did not understand the request.
            let errno = error.errno().unwrap_or(Errno::EINVAL);
            if errno != Errno::EBUSY || !may_be_busy(step) || began.elapsed() >= BUSY_PATIENCE {
                return Err(StepError::of(step, errno));
            }
            sleep(BUSY_PAUSE);
        }
    }

    fn call(self, step: &Step, call: Call, inputs: &[u32], outputs: usize) -> Result<(), StepError> {
        let may_be_in_use = firmware::isolates(call, inputs);
        let answer = firmware::ask(may_be_in_use, || self.sysroot.rtas(call.name(), inputs, outputs), sleep)
            .map_err(|error| StepError::of(step, error.errno().unwrap_or(Errno::ENOSYS)))?;
        match firmware::status(&answer) {
            0 => Ok(()),
            status => Err(StepError::Firmware { call, status }),
        }
    }

    fn let_go(self, step: &Step, index: DrcIndex) -> Result<(), StepError> {
        for name in devices_of(self.sysroot, index).map_err(|_| StepError::of(step, Errno::EIO))? {
            Self::new(self.sysroot).perform(&Step::Device { change: Change::Remove, name })?;
        }
        Ok(())
    }

    /// What the kernel says that it did and sometimes did not, or not yet.
    fn verify(self, step: &Step) -> Result<(), Errno> {
        match step {
            // A recorded device stays.
            Step::Device { change: Change::Remove, name } if self.sysroot.is_live() => {
                until(|| !self.sysroot.exists(format!("{PCI_DEVICES}/{name}")))
            }
            Step::Devices { change: Change::Add, index } => {
                let found = devices_of(self.sysroot, *index).is_ok_and(|devices| !devices.is_empty());
                if found { Ok(()) } else { Err(Errno::ENODEV) }
            }
            Step::Card { change, slot } if self.sysroot.is_live() => {
                let configured = has_configured_card(self.sysroot, slot).map_err(|_| Errno::EIO)?;
                if configured == (*change == Change::Add) { Ok(()) } else { Err(Errno::ENXIO) }
            }
            _ => Ok(()),
        }
    }
}

fn until(come_true: impl Fn() -> bool) -> Result<(), Errno> {
    let began = Instant::now();
    while !come_true() {
        if began.elapsed() >= DEVICE_PATIENCE {
            return Err(Errno::ETIMEDOUT);
        }
        sleep(DEVICE_PAUSE);
    }
    Ok(())
}

/// What the driver of a slot says of its card: 0 there is none, 1 it is in use, 2 it is not.
fn has_configured_card(sysroot: &Sysroot, slot: &str) -> sysroot::Result<bool> {
    Ok(sysroot.read_text(format!("{KERNEL_SLOTS}/{slot}/adapter"))?.trim() == "1")
}

/// Whether EBUSY means "later" (`H_BUSY`, a slot that is being looked at); for memory it means "never".
fn may_be_busy(step: &Step) -> bool {
    matches!(step, Step::Parameter { .. } | Step::Place { .. })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]

    use std::fs;
    use std::path::Path;

    use super::*;

    const MEMORY: &str = "proc/device-tree/ibm,dynamic-reconfiguration-memory";

    /// A recorded partition's memory, and a kernel that has no file for requests: each is refused.
    fn machine() -> (tempfile::TempDir, Sysroot) {
        let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines/qemu-debian-12").join(MEMORY);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(MEMORY)).unwrap();
        for file in fs::read_dir(recorded).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), dir.path().join(MEMORY).join(file.file_name())).unwrap();
        }
        let sysroot = Sysroot::at(dir.path()).unwrap();
        (dir, sysroot)
    }

    #[test]
    fn a_refusal_of_what_is_so_already_is_none() {
        let (_dir, sysroot) = machine();
        let perform = |change, index| Live::new(&sysroot).perform(&Step::Block { change, index });
        let (absent, unknown) = (DrcIndex(0x8000_0007), DrcIndex(0x8000_ffff));
        assert_eq!(perform(Change::Remove, absent), Ok(()));
        assert!(perform(Change::Add, absent).is_err());
        assert!(perform(Change::Remove, unknown).is_err());
    }
}
