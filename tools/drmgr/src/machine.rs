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
        // Of a machine that somebody recorded there may be less than that.
        Ok(None) if is_pseries(sysroot) => Ok(()),
        _ => Err(NotAPartition { platform: "Unknown" }),
    }
}

/// As the kernel says: `platform : pSeries`.
fn is_pseries(sysroot: &Sysroot) -> bool {
    let text = sysroot.read_text_if_present("proc/cpuinfo").ok().flatten().unwrap_or_default();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name.trim(), value.trim())).any(|field| field == ("platform", "pSeries"))
}
