//! The slots whose cards the kernel can take into use and let go: those that a hotplug driver has to themselves.
//!
//! A driver's `power` means all that is on the slot's bus. On PowerVM every slot has a bus of its own; on QEMU all slots of a bridge
//! share one, and to remove one card so would take them all. And when such a bridge goes, rpaphp forgets one of its slots and
//! keeps the others, whose files then lead into memory that the kernel has freed (both seen with Linux 6.12).

use std::collections::BTreeMap;

use sysroot::Sysroot;

/// Where they are.
pub const KERNEL_SLOTS: &str = "sys/bus/pci/slots";
const BUSES: &str = "sys/class/pci_bus";

/// Their directories, by location code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelSlots(BTreeMap<String, String>);

impl KernelSlots {
    /// Reads what each says of its location and its bus; one that does not say where it is has the name of its location.
    pub fn read(sysroot: &Sysroot) -> sysroot::Result<Self> {
        let mut on_bus: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
        for directory in sysroot.list_if_present(KERNEL_SLOTS)? {
            if sysroot.exists(format!("{KERNEL_SLOTS}/{directory}/power")) {
                let address = sysroot.read_text_if_present(format!("{KERNEL_SLOTS}/{directory}/address"))?;
                on_bus.entry(address.as_deref().map(bus)).or_default().push(directory);
            }
        }
        let mut slots = BTreeMap::new();
        for (bus, directories) in on_bus {
            let [directory] = directories.as_slice() else { continue };
            if bus.is_none_or(|bus| sysroot.exists(format!("{BUSES}/{bus}"))) {
                let location = sysroot.read_text_if_present(format!("{KERNEL_SLOTS}/{directory}/phy_location"))?;
                let name = location.map_or_else(|| directory.clone(), |location| location.trim_end().to_owned());
                slots.insert(name, directory.clone());
            }
        }
        Ok(Self(slots))
    }

    /// The directory of a slot, `0001:00:01.0`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// The bus of an address, `0001:00:01` or `0001:00`.
fn bus(address: &str) -> String {
    address.trim_end().split(':').take(2).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::machine;

    #[test]
    fn a_slot_has_a_bus_that_is_there_and_no_other_slot_is_on() {
        let files: [(&str, &[u8]); 10] = [
            ("sys/class/pci_bus/0001:00/uevent", b""),
            ("sys/class/pci_bus/0002:00/uevent", b""),
            ("sys/bus/pci/slots/alone/power", b""),
            ("sys/bus/pci/slots/alone/address", b"0001:00\n"),
            ("sys/bus/pci/slots/alone/phy_location", b"U1-P1-C1\n"),
            ("sys/bus/pci/slots/C1/power", b""),
            ("sys/bus/pci/slots/C1/address", b"0002:00:01\n"),
            ("sys/bus/pci/slots/C2/power", b""),
            ("sys/bus/pci/slots/C2/address", b"0002:00:02\n"),
            ("sys/bus/pci/slots/control/add_slot", b""),
        ];
        let (_dir, sysroot) = machine(files);
        let slots = KernelSlots::read(&sysroot).unwrap();
        assert_eq!(slots.get("U1-P1-C1"), Some("alone"));
        assert_eq!([slots.get("C1"), slots.get("C2"), slots.get("control")], [None; 3]);

        let (_dir, sysroot) = machine([
            ("sys/bus/pci/slots/C3/power", b"".as_slice()),
            ("sys/bus/pci/slots/C3/address", b"0000:00:03\n"),
        ]);
        assert_eq!(KernelSlots::read(&sysroot).unwrap().get("C3"), None, "its bus is gone");
    }
}
