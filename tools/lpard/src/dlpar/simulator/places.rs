//! Slots and host bridges: a node in the device tree, a slot that drivers see, PCI devices below it. Firmware's part of them is
//! a call of its own, which the kernel does not make.

use nix::errno::Errno;
use platform::drc::DrcIndex;

use super::Faults;
use super::firmware::Firmware;
use crate::dlpar::inventory;
use crate::dlpar::request::{Change, PlaceKind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places(Vec<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    kind: PlaceKind,
    index: DrcIndex,
    name: String,
    node: bool,
    registered: bool,
    /// Whether its one PCI device has a driver; a virtual slot has none.
    device: Option<bool>,
}

impl Place {
    fn device_name(&self) -> String {
        format!("{:04x}:00:00.0", self.index.0 & 0xffff)
    }
}

impl Places {
    /// Two slots and two bridges, of which the partition has the first.
    pub(super) fn new() -> Self {
        let place = |kind, class: u32, n: u32, name: &str| Place {
            kind,
            index: DrcIndex(class + n),
            name: format!("{name}{n}"),
            node: n == 0,
            registered: n == 0,
            device: (kind == PlaceKind::Bridge).then_some(n == 0),
        };
        let slots = (0..2).map(|n| place(PlaceKind::Slot, 0x3000_0000, n, "U1-V1-C"));
        let bridges = (0..2).map(|n| place(PlaceKind::Bridge, 0x2000_0000, n, "PHB "));
        Self(slots.chain(bridges).collect())
    }

    /// The connectors, and whether the partition has them.
    pub(super) fn connectors(&self) -> impl Iterator<Item = (DrcIndex, bool)> {
        self.0.iter().map(|place| (place.index, place.node))
    }

    /// Whether every place is there as a whole or not at all.
    pub(super) fn are_settled(&self, firmware: &Firmware) -> bool {
        let whole =
            |place: &Place| place.registered == place.node && place.device.is_none_or(|bound| bound == place.node);
        self.0.iter().all(|place| whole(place) && firmware.is_settled(place.index, place.node))
    }

    pub(super) fn observed(&self, kind: PlaceKind) -> Vec<inventory::Place> {
        let of_kind = self.0.iter().filter(|place| place.kind == kind);
        of_kind
            .map(|place| inventory::Place {
                index: place.index,
                name: place.name.clone(),
                owned: place.node,
                devices: place.device.filter(|bound| *bound).map(|_| place.device_name()).into_iter().collect(),
                needed: None,
            })
            .collect()
    }

    /// `dt add|remove index`: to add needs a connector that firmware has given.
    pub(super) fn change_node(
        &mut self,
        change: Change,
        index: DrcIndex,
        firmware: &Firmware,
        faults: &mut Faults,
    ) -> Result<(), Errno> {
        let place = self.0.iter_mut().find(|place| place.index == index).ok_or(Errno::EIO)?;
        if change == Change::Add && place.node {
            return Err(Errno::EINVAL);
        }
        if faults.strikes() || (change == Change::Add && !firmware.is_settled(index, true)) {
            return Err(Errno::EIO);
        }
        place.node = change == Change::Add;
        Ok(())
    }

    /// A write to `add_slot` or `remove_slot`.
    pub(super) fn register(&mut self, change: Change, name: &str, faults: &mut Faults) -> Result<(), Errno> {
        let place = self.0.iter_mut().find(|place| place.name == name && place.node).ok_or(Errno::ENODEV)?;
        let registered = change == Change::Add;
        if place.registered == registered {
            return Err(Errno::EINVAL);
        }
        if faults.strikes() || (!registered && place.device == Some(true)) {
            return Err(Errno::EIO);
        }
        place.registered = registered;
        // A bridge's devices come with it.
        place.device = place.device.map(|_| registered);
        Ok(())
    }

    /// A write to a device's `remove`.
    pub(super) fn remove_device(&mut self, name: &str, faults: &mut Faults) -> Result<(), Errno> {
        let device = self.0.iter_mut().find(|place| place.device == Some(true) && place.device_name() == name);
        let place = device.ok_or(Errno::ENOENT)?;
        if faults.strikes() {
            return Err(Errno::EIO);
        }
        place.device = Some(false);
        Ok(())
    }

    /// A write to the bus's `rescan`.
    pub(super) fn rescan(&mut self, faults: &mut Faults) -> Result<(), Errno> {
        if faults.strikes() {
            return Err(Errno::EIO);
        }
        for place in self.0.iter_mut().filter(|place| place.registered) {
            place.device = place.device.map(|_| true);
        }
        Ok(())
    }
}
