//! The slots whose cards the kernel can take into use and let go: those of buses that a hotplug driver has.

use std::collections::BTreeMap;

use sysroot::Sysroot;

/// Where they are.
pub const KERNEL_SLOTS: &str = "sys/bus/pci/slots";

/// Their directories, by location code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelSlots(BTreeMap<String, String>);

impl KernelSlots {
    /// Reads what each says of its location; one that says nothing is called by it.
    pub fn read(sysroot: &Sysroot) -> sysroot::Result<Self> {
        let mut slots = BTreeMap::new();
        for directory in sysroot.list_if_present(KERNEL_SLOTS)? {
            if sysroot.exists(format!("{KERNEL_SLOTS}/{directory}/power")) {
                let location = sysroot.read_text_if_present(format!("{KERNEL_SLOTS}/{directory}/phy_location"))?;
                let name = location.map_or_else(|| directory.clone(), |location| location.trim_end().to_owned());
                slots.insert(name, directory);
            }
        }
        Ok(Self(slots))
    }

    /// The directory of a slot, `0001:00:01.0`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
