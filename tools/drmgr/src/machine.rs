//! Whether this is a partition at all.

use platform::property;
use sysroot::Sysroot;

/// Why there is nothing here to reconfigure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPartition {
    /// As it is named to people.
    pub(crate) platform: &'static str,
}

/// A partition, under PowerVM or KVM, has a device tree of type `chrp` and is not bare metal.
pub(crate) fn check(sysroot: &Sysroot) -> Result<(), NotAPartition> {
    let root = property::DEVICE_TREE;
    let text = |property| property::text(sysroot, root, property).ok().flatten();
    if text("compatible").is_some_and(|compatible| compatible.starts_with("ibm,powernv")) {
        return Err(NotAPartition { platform: "PowerNV" });
    }
    if text("device_type").as_deref() == Some("chrp") {
        return Ok(());
    }
    Err(NotAPartition { platform: "Unknown" })
}
