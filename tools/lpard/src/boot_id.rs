//! Which run of the machine this is.

use sysroot::Sysroot;

const PATH: &str = "proc/sys/kernel/random/boot_id";

/// The kernel draws it at every boot. Empty where it cannot be read: then nothing is known to be of an earlier run.
pub(crate) fn boot_id(sysroot: &Sysroot) -> String {
    sysroot.read_text(PATH).map(|id| id.trim().to_owned()).unwrap_or_default()
}
