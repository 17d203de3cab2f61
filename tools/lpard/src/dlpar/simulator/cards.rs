//! Physical slots and their cards: firmware has them powered and open or not, the kernel has a node and a driver for them or not.

use nix::errno::Errno;
use platform::drc::DrcIndex;

use super::Faults;
use super::firmware::Firmware;
use super::nodes::Nodes;
use super::places::bridge_path;
use crate::dlpar::inventory;
use crate::dlpar::request::Change;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cards(Vec<Card>);

#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is so or not, as a fault leaves it
struct Card {
    index: DrcIndex,
    bridge: DrcIndex,
    name: String,
    /// Whether somebody has put one in.
    inserted: bool,
    nodes: Nodes,
    /// Whether its device has a driver.
    bound: bool,
    /// Whether the kernel has a driver for the slot itself.
    hotplug: bool,
}

impl Cards {
    /// Below the first bridge one card in use, one that was put in, an empty slot, and one in use in a slot without a driver;
    /// below the second a card and an empty slot.
    pub(super) fn new() -> Self {
        let slots = [(0, true, true, true), (0, true, false, true), (0, false, false, true), (0, true, true, false)];
        let others = [(1, true, false, true), (1, false, false, true)];
        let card = |(n, (bridge, inserted, used, hotplug)): (u32, (u32, bool, bool, bool))| Card {
            index: DrcIndex(0x4000_0000 + n),
            bridge: DrcIndex(0x2000_0000 + bridge),
            name: format!("U1-P1-C{n}"),
            inserted,
            nodes: nodes_of(n, bridge, used),
            bound: used,
            hotplug,
        };
        Self((0..).zip(slots.into_iter().chain(others)).map(card).collect())
    }

    /// The slots: whether a card is in each, and whether it is used.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (DrcIndex, bool, bool)> {
        self.0.iter().map(|card| (card.index, card.inserted, card.nodes.are_there()))
    }

    pub(super) fn are_settled(&self, firmware: &Firmware) -> bool {
        let settled = |card: &Card| {
            let used = card.nodes.are_there();
            card.nodes.are_settled() && card.bound == used && firmware.is_socket_settled(card.index, used)
        };
        self.0.iter().all(settled)
    }

    pub(super) fn has(&self, index: DrcIndex) -> bool {
        self.0.iter().any(|card| card.index == index)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = &Nodes> {
        self.0.iter().map(|card| &card.nodes)
    }

    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Nodes> {
        self.0.iter_mut().map(|card| &mut card.nodes)
    }

    pub(super) fn uses(&self, index: DrcIndex) -> bool {
        self.0.iter().any(|card| card.index == index && card.bound)
    }

    pub(super) fn are_below(&self, bridge: DrcIndex) -> bool {
        self.0.iter().any(|card| card.bridge == bridge && card.nodes.are_there())
    }

    pub(super) fn are_used_below(&self, bridge: DrcIndex) -> bool {
        self.0.iter().any(|card| card.bridge == bridge && card.bound)
    }

    pub(super) fn bridge_of(&self, slot: &str) -> Option<DrcIndex> {
        self.0.iter().find(|card| card.name == slot && card.hotplug).map(|card| card.bridge)
    }

    pub(super) fn of_device(&self, name: &str) -> Option<DrcIndex> {
        self.0.iter().find(|card| card.bound && card.device_name() == name).map(|card| card.index)
    }

    pub(super) fn observed(&self, bridge: DrcIndex, firmware: &Firmware) -> Vec<inventory::Card> {
        self.0.iter().filter(|card| card.bridge == bridge).map(|card| card.observed(firmware)).collect()
    }

    pub(super) fn change_node(
        &mut self,
        change: Change,
        index: DrcIndex,
        firmware: &Firmware,
        faults: &mut Faults,
    ) -> Result<(), Errno> {
        let card = self.0.iter_mut().find(|card| card.index == index).ok_or(Errno::EIO)?;
        let add = change == Change::Add;
        if add && card.nodes.are_there() {
            return Err(Errno::EINVAL);
        }
        // The real kernel would prune the node of a card in use; an engine that asks for it has made a mistake.
        if faults.strikes() || (add && !firmware.is_open(index)) || (!add && card.bound) {
            return Err(Errno::EIO);
        }
        card.nodes.set_all(add);
        Ok(())
    }

    pub(super) fn switch(&mut self, bridge: DrcIndex, slot: &str, on: bool, faults: &mut Faults) -> Result<(), Errno> {
        let card = self.0.iter_mut().find(|card| card.bridge == bridge && card.name == slot).ok_or(Errno::ENOENT)?;
        if faults.strikes() || (on && !card.nodes.are_there()) {
            return Err(Errno::EIO);
        }
        card.bound = on;
        Ok(())
    }

    /// Lets go of a card, or of all cards below a bridge.
    pub(super) fn let_go(&mut self, index: DrcIndex, faults: &mut Faults) -> Result<(), Errno> {
        let meant = |card: &&mut Card| card.bound && [card.index, card.bridge].contains(&index);
        for card in self.0.iter_mut().filter(meant) {
            if faults.strikes() {
                return Err(Errno::ETIMEDOUT);
            }
            card.bound = false;
        }
        Ok(())
    }

    pub(super) fn rescan(&mut self, firmware: &Firmware) {
        self.0
            .iter_mut()
            .filter(|card| card.nodes.are_there() && firmware.is_open(card.index))
            .for_each(|card| card.bound = true);
    }
}

/// A card with two ports.
fn nodes_of(n: u32, bridge: u32, used: bool) -> Nodes {
    let top = format!("/ethernet@{n}");
    let paths = [top.clone(), format!("{top}/port@0"), format!("{top}/port@1")];
    Nodes::new(DrcIndex(0x4000_0000 + n), &bridge_path(bridge), &paths, used)
}

impl Card {
    fn device_name(&self) -> String {
        format!("{:04x}:01:00.0", self.index.0 & 0xffff)
    }

    fn observed(&self, firmware: &Firmware) -> inventory::Card {
        inventory::Card {
            index: self.index,
            name: self.name.clone(),
            power_domain: self.index.0,
            occupied: self.nodes.are_there(),
            contradicted: false,
            display: false,
            driver: self.hotplug.then(|| self.name.clone()),
            devices: self.bound.then(|| self.device_name()).into_iter().collect(),
            partner: None,
            sense: firmware.sense(self.index),
        }
    }
}
