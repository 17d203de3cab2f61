//! One change of the partition at a time, whoever makes it: the lock file of Debian's drmgr and lsslot.

use std::time::Duration;

use sysroot::{Guard, Sysroot};

/// The file that is locked.
pub const PATH: &str = "var/lock/dr_config_lock";

/// Takes the lock; waits as long as `patience` for who has it, and names them when that was too short.
pub fn take(sysroot: &Sysroot, patience: Duration, purpose: &str) -> sysroot::Result<Guard> {
    sysroot.lock_exclusive(PATH, patience, purpose)
}
