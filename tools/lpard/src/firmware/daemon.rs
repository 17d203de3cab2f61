//! `rtas_errd`, which reads the kernel's events on a system with ppc64-diag.

use std::os::fd::{AsFd as _, BorrowedFd};

use sysroot::Sysroot;

use crate::processes::{self, Found};

const NAME: &str = "rtas_errd";

/// One that runs.
#[derive(Debug)]
pub(super) struct Daemon(Found);

impl Daemon {
    /// Looks for one. Of several it is enough to know one: when it ends, the next one is found. The one that an administrator
    /// starts ends at once, when its child is the daemon.
    pub(super) fn find(sysroot: &Sysroot) -> Option<Self> {
        // Who cannot look at processes sees none.
        processes::find(sysroot, NAME).ok().flatten().map(Self)
    }

    /// Whether it has certainly not ended, so that nobody has to look for it again.
    pub(super) fn surely_runs(&self) -> bool {
        matches!(&self.0, Found::Held(process) if !process.has_ended())
    }

    /// Is ready when it has ended.
    pub(super) fn end(&self) -> Option<BorrowedFd<'_>> {
        match &self.0 {
            Found::Held(process) => Some(process.as_fd()),
            Found::Seen => None,
        }
    }
}
