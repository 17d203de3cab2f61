//! Whether this is a partition at all.

use platform::devicetree;
use sysroot::Sysroot;

/// Why there is nothing here to reconfigure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAPartition {
    /// As it is named to people.
    pub(crate) platform: &'static str,
}

/// A partition, under PowerVM or KVM, has a device tree of type `chrp` and is not bare metal.
pub(crate) fn check(sysroot: &Sysroot) -> Result<(), NotAPartition> {
    let root = devicetree::root(sysroot);
    let compatible = root.property("compatible").ok().flatten().unwrap_or_default();
    if compatible.texts().is_some_and(|names| names.contains(&"ibm,powernv")) {
        return Err(NotAPartition { platform: "PowerNV" });
    }
    match root.text("device_type") {
        Ok(Some(kind)) if kind == "chrp" => Ok(()),
        _ => Err(NotAPartition { platform: "Unknown" }),
    }
}
