//! Slots and host bridges: a node in the device tree, a slot that drivers see, PCI devices and cards below it. Firmware's part of
//! them is a call of its own, which the kernel does not make.

use nix::errno::Errno;
use platform::drc::DrcIndex;
use platform::rtas::description::Node;

use super::Faults;
use super::cards::Cards;
use super::firmware::Firmware;
use super::grammar::NodeRequest;
use super::nodes::Nodes;
use crate::dlpar::inventory;
use crate::dlpar::request::{Change, PlaceKind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    places: Vec<Place>,
    pub(super) cards: Cards,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    kind: PlaceKind,
    index: DrcIndex,
    name: String,
    nodes: Nodes,
    registered: bool,
    /// Whether its one PCI device that is in no slot has a driver; a virtual slot has none.
    device: Option<bool>,
}

/// Where a bridge is in the device tree.
pub(super) fn bridge_path(n: u32) -> String {
    format!("/pci@80000002000000{n}")
}

/// A bridge with a node below it and its interrupt controller beside it; an adapter is one node.
fn nodes_of(kind: PlaceKind, index: DrcIndex, n: u32) -> Nodes {
    let present = n == 0;
    match kind {
        PlaceKind::Slot => Nodes::new(index, "/vdevice", &[format!("/l-lan@{:x}", index.0)], present),
        PlaceKind::Bridge => {
            let bridge = bridge_path(n);
            let paths = [bridge.clone(), format!("{bridge}/isa@0"), format!("/interrupt-controller@{n}")];
            Nodes::new(index, "", &paths, present)
        }
    }
}

impl Place {
    fn device_name(&self) -> String {
        format!("{:04x}:00:00.0", self.index.0 & 0xffff)
    }
}

impl Places {
    /// Two slots and two bridges, of which the partition has the first; both bridges have physical slots.
    pub(super) fn new() -> Self {
        let place = |kind, class: u32, n: u32, name: &str| Place {
            kind,
            index: DrcIndex(class + n),
            name: format!("{name}{n}"),
            nodes: nodes_of(kind, DrcIndex(class + n), n),
            registered: n == 0,
            device: (kind == PlaceKind::Bridge).then_some(n == 0),
        };
        let slots = (0..2).map(|n| place(PlaceKind::Slot, 0x3000_0000, n, "U1-V1-C"));
        let bridges = (0..2).map(|n| place(PlaceKind::Bridge, 0x2000_0000, n, "PHB "));
        Self { places: slots.chain(bridges).collect(), cards: Cards::new() }
    }

    /// The connectors, and whether the partition has them.
    pub(super) fn connectors(&self) -> impl Iterator<Item = (DrcIndex, bool)> {
        self.places.iter().map(|place| (place.index, place.nodes.are_there()))
    }

    /// Whether every place is there as a whole or not at all.
    pub(super) fn are_settled(&self, firmware: &Firmware) -> bool {
        let settled = |place: &Place| {
            let owned = place.nodes.are_there();
            let whole = place.registered == owned && place.device.is_none_or(|bound| bound == owned);
            whole && place.nodes.are_settled() && firmware.is_settled(place.index, owned)
        };
        self.places.iter().all(settled) && self.cards.are_settled(firmware)
    }

    /// Whether the kernel uses what is at a connector.
    pub(super) fn uses(&self, index: DrcIndex) -> bool {
        self.places.iter().any(|place| place.index == index && place.registered) || self.cards.uses(index)
    }

    /// Whether the kernel's slots below a bridge are there.
    fn has_slots(&self, bridge: DrcIndex) -> bool {
        self.places.iter().any(|place| place.index == bridge && place.registered)
    }

    pub(super) fn observed(&self, kind: PlaceKind, firmware: &Firmware) -> Vec<inventory::Place> {
        let of_kind = self.places.iter().filter(|place| place.kind == kind);
        of_kind
            .map(|place| inventory::Place {
                index: place.index,
                name: place.name.clone(),
                owned: place.nodes.are_there(),
                devices: place.device.filter(|bound| *bound).map(|_| place.device_name()).into_iter().collect(),
                needed: None,
                cards: self.cards_below(place.index, firmware).into_iter().filter(|card| card.occupied).collect(),
                sense: firmware.sense(place.index),
            })
            .collect()
    }

    /// The cards below a bridge whose node is there.
    pub(super) fn cards_below(&self, bridge: DrcIndex, firmware: &Firmware) -> Vec<inventory::Card> {
        let known = self.places.iter().any(|place| place.index == bridge && place.nodes.are_there());
        if known { self.cards.observed(bridge, firmware) } else { Vec::new() }
    }

    /// The cards below all bridges.
    pub(super) fn all_cards(&self, firmware: &Firmware) -> Vec<inventory::Card> {
        self.places.iter().flat_map(|place| self.cards_below(place.index, firmware)).collect()
    }

    /// `dt add|remove index`: to add needs a connector that firmware has given.
    pub(super) fn change_node(
        &mut self,
        change: Change,
        index: DrcIndex,
        firmware: &Firmware,
        faults: &mut Faults,
    ) -> Result<(), Errno> {
        if self.cards.has(index) {
            return self.cards.change_node(change, index, firmware, faults);
        }
        let has_cards = self.cards.are_below(index);
        let place = self.places.iter_mut().find(|place| place.index == index).ok_or(Errno::EIO)?;
        if change == Change::Add && place.nodes.are_there() {
            return Err(Errno::EINVAL);
        }
        if faults.strikes() || (change == Change::Add && !firmware.is_settled(index, true)) || has_cards {
            return Err(Errno::EIO);
        }
        place.nodes.set_all(change == Change::Add);
        Ok(())
    }

    fn all_nodes(&self) -> impl Iterator<Item = &Nodes> {
        self.places.iter().map(|place| &place.nodes).chain(self.cards.nodes())
    }

    /// The nodes of a connector.
    pub(super) fn nodes(&self, index: DrcIndex) -> Option<&Nodes> {
        self.all_nodes().find(|nodes| nodes.index() == index)
    }

    /// Those of them that are in the tree, and all below them, parents first.
    pub(super) fn present(&self, index: DrcIndex) -> Vec<Node> {
        let own: Vec<Node> = self.nodes(index).into_iter().flat_map(Nodes::present).collect();
        let is_below = |node: &Node| own.iter().any(|other| node.path.starts_with(&format!("{}/", other.path)));
        let others = self.all_nodes().filter(|nodes| nodes.index() != index);
        let below: Vec<Node> = others.flat_map(Nodes::present).filter(is_below).collect();
        own.into_iter().chain(below).collect()
    }

    /// Whether a node is in the tree.
    pub(super) fn has_node(&self, path: &str) -> bool {
        self.all_nodes().any(|nodes| nodes.get(path) == Some(true))
    }

    /// Puts a node into the tree, or takes it out, whoever wants it.
    pub(super) fn set_node(&mut self, path: &str, present: bool) {
        let of_places = self.places.iter_mut().map(|place| &mut place.nodes);
        of_places.chain(self.cards.nodes_mut()).for_each(|nodes| nodes.set(path, present));
    }

    /// Whether a node may be there: who forgets a parent forgets its children.
    pub(super) fn may_have_node(&self, path: &str) -> bool {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        ["", "/vdevice"].contains(&parent) || self.has_node(parent)
    }

    /// A write to ofdt. The kernel asks nobody whether a node is in use; an engine that removes one that is has made a mistake.
    pub(super) fn take_request(&mut self, request: &NodeRequest, faults: &mut Faults) -> Result<(), Errno> {
        let NodeRequest { change, path, properties } = request;
        let of_connector = self.all_nodes().find(|nodes| nodes.get(path).is_some()).ok_or(Errno::ENODEV)?;
        let index = of_connector.index();
        let is_told = of_connector.described().iter().all(|node| node.properties == *properties);
        if faults.strikes() {
            return Err(Errno::ENOMEM);
        }
        match (change, self.has_node(path)) {
            (Change::Add, true) | (Change::Remove, false) => return Err(Errno::EINVAL),
            (Change::Add, false) if !self.may_have_node(path) || !is_told => return Err(Errno::EINVAL),
            (Change::Remove, true) if self.uses(index) => return Err(Errno::EIO),
            (Change::Remove, true) if self.has_children(path) => return Err(Errno::EBUSY),
            _ => {}
        }
        self.set_node(path, *change == Change::Add);
        Ok(())
    }

    fn has_children(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.all_nodes().flat_map(Nodes::present).any(|node| node.path.starts_with(&below))
    }

    /// A write to `add_slot` or `remove_slot`.
    pub(super) fn register(&mut self, change: Change, name: &str, faults: &mut Faults) -> Result<(), Errno> {
        let place =
            self.places.iter_mut().find(|place| place.name == name && place.nodes.are_there()).ok_or(Errno::ENODEV)?;
        let registered = change == Change::Add;
        if place.registered == registered {
            return Err(Errno::EINVAL);
        }
        if faults.strikes() || (!registered && (place.device == Some(true) || self.cards.are_used_below(place.index))) {
            return Err(Errno::EIO);
        }
        place.registered = registered;
        // A bridge's devices come with it.
        place.device = place.device.map(|_| registered);
        Ok(())
    }

    /// A write to the `power` of a physical slot.
    pub(super) fn use_card(&mut self, slot: &str, power: &str, faults: &mut Faults) -> Result<(), Errno> {
        let bridge = self.cards.bridge_of(slot).filter(|bridge| self.has_slots(*bridge)).ok_or(Errno::ENOENT)?;
        self.cards.switch(bridge, slot, power == "1", faults)
    }

    /// A write to a device's `remove`.
    pub(super) fn remove_device(&mut self, name: &str, faults: &mut Faults) -> Result<(), Errno> {
        if let Some(index) = self.cards.of_device(name) {
            return self.cards.let_go(index, faults);
        }
        let device = self.places.iter_mut().find(|place| place.device == Some(true) && place.device_name() == name);
        let place = device.ok_or(Errno::ENOENT)?;
        if faults.strikes() {
            return Err(Errno::EIO);
        }
        place.device = Some(false);
        Ok(())
    }

    /// Lets go of the devices at a connector, or below the bridge of one.
    pub(super) fn let_go(&mut self, index: DrcIndex, faults: &mut Faults) -> Result<(), Errno> {
        self.cards.let_go(index, faults)?;
        let bound = |place: &&mut Place| place.index == index && place.device == Some(true);
        for place in self.places.iter_mut().filter(bound) {
            if faults.strikes() {
                return Err(Errno::ETIMEDOUT);
            }
            place.device = Some(false);
        }
        Ok(())
    }

    /// A write to the bus's `rescan`.
    pub(super) fn rescan(&mut self, firmware: &Firmware, faults: &mut Faults) -> Result<(), Errno> {
        if faults.strikes() {
            return Err(Errno::EIO);
        }
        for place in self.places.iter_mut().filter(|place| place.registered) {
            place.device = place.device.map(|_| true);
        }
        self.cards.rescan(firmware);
        Ok(())
    }
}
