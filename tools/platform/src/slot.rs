//! Places for adapters: physical PCI slots, logical PCI slots, virtual I/O slots, and the host bridges they hang from.
//!
//! A bus of the device tree (`/vdevice`, every `/pci@…`) lists the connectors of its slots. What is plugged in is a node below
//! the bus with the connector's number in `ibm,my-drc-index`. Logical and virtual slots have the type `SLOT`; a physical slot's
//! type is a number that says what fits in. Host bridges are nodes below the root, their connectors are the root's.

mod description;
mod kernel_slots;
mod linux_name;
mod location;
mod nodes;

use sysroot::Sysroot;

use crate::devicetree::{self, Node as TreeNode};
use crate::drc::{self, Connector, DrcIndex};
use crate::error::Result;

pub use description::description;
pub use kernel_slots::{KERNEL_SLOTS, KernelSlots};
pub use linux_name::LinuxNames;
pub use location::by_location;
pub use nodes::{home_of, nodes_of};

const VDEVICE: &str = "vdevice";
const MY_INDEX: &str = "ibm,my-drc-index";
const PARTNER: &str = "ibm,multipath-partner-drc";
const LOCATION: &str = "ibm,loc-code";
const PCI_PREFIX: &str = "pci@";
const LOGICAL_TYPE: &str = "SLOT";
/// Bridges below bridges; real trees have three levels.
const MAX_DEPTH: usize = 16;

/// What kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A socket for a card.
    Physical,
    /// A PCI function that the hypervisor gives.
    Logical,
    /// An adapter that exists in the hypervisor only.
    Virtual,
}

/// A place for an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its connector; the name is the location code.
    pub connector: Connector,
    /// What kind of place.
    pub kind: Kind,
    /// The nodes plugged in. A logical or virtual slot has at most one, and none when the partition does not own it.
    pub nodes: Vec<Node>,
    /// A node below says that it sits in another place: firmware contradicts itself, and the slot is not to be used.
    pub contradicted: bool,
}

/// A node in a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its path from the root of the device tree, `/vdevice/l-lan@30000002`.
    pub path: String,
    /// Its `name`, `l-lan`.
    pub name: Option<String>,
    /// The connector by which the same card is reached on another way.
    pub partner: Option<DrcIndex>,
}

/// A PCI host bridge that the partition has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBridge {
    /// Its connector.
    pub connector: Connector,
    /// Its path from the root of the device tree.
    pub path: String,
    /// The slots below it.
    pub slots: Vec<Slot>,
}

impl Slot {
    /// Whether it is the partition's. Physical slots below a bridge of the partition always are.
    pub fn is_owned(&self) -> bool {
        self.kind == Kind::Physical || !self.nodes.is_empty()
    }
}

/// The logical and virtual slots, in firmware's order bus by bus.
pub fn logical_slots(sysroot: &Sysroot) -> Result<Vec<Slot>> {
    let root = devicetree::root(sysroot);
    let vdevice = root.at(VDEVICE);
    let mut slots = Vec::new();
    if vdevice.exists() {
        slots = bus_slots(&vdevice, |kind| (kind == LOGICAL_TYPE).then_some(Kind::Virtual))?;
    }
    for bridge in bridges(&root)? {
        slots.extend(bus_slots(&bridge, |kind| (kind == LOGICAL_TYPE).then_some(Kind::Logical))?);
    }
    Ok(slots)
}

/// The physical slots of all bridges, in firmware's order bridge by bridge.
pub fn physical_slots(sysroot: &Sysroot) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    collect_physical(&devicetree::root(sysroot), MAX_DEPTH, &mut slots)?;
    Ok(slots)
}

/// The physical slots of a bridge and of the bridges below it; `path` is the bridge's, from the root of the device tree.
pub fn physical_slots_below(sysroot: &Sysroot, path: &str) -> Result<Vec<Slot>> {
    let bridge = devicetree::root(sysroot).at(path.trim_start_matches('/'));
    let mut slots = bus_slots(&bridge, physical)?;
    collect_physical(&bridge, MAX_DEPTH, &mut slots)?;
    Ok(slots)
}

fn physical(kind: &str) -> Option<Kind> {
    is_physical_type(kind).then_some(Kind::Physical)
}

fn collect_physical(node: &TreeNode<'_>, depth: usize, slots: &mut Vec<Slot>) -> Result<()> {
    for bridge in bridges(node)? {
        slots.extend(bus_slots(&bridge, physical)?);
        if depth > 0 {
            collect_physical(&bridge, depth - 1, slots)?;
        }
    }
    Ok(())
}

/// The host bridges that the partition has and may give back.
pub fn host_bridges(sysroot: &Sysroot) -> Result<Vec<HostBridge>> {
    let root = devicetree::root(sysroot);
    let connectors = drc::read(&root)?.unwrap_or_default();
    let mut found = Vec::new();
    for node in bridges(&root)? {
        let Some(index) = node.cell(MY_INDEX)? else { continue };
        let Some(connector) = connectors.iter().find(|connector| connector.index == DrcIndex(index)) else { continue };
        let kind = |kind: &str| Some(if kind == LOGICAL_TYPE { Kind::Logical } else { Kind::Physical });
        let slots = bus_slots(&node, kind)?;
        found.push(HostBridge { connector: connector.clone(), path: node.tree_path().to_owned(), slots });
    }
    Ok(found)
}

fn is_physical_type(kind: &str) -> bool {
    leading_number(kind) > 0
}

/// The number that a text begins with; 0 when it begins with none.
fn leading_number(text: &str) -> u32 {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().unwrap_or(0)
}

fn bridges<'a>(node: &TreeNode<'a>) -> Result<Vec<TreeNode<'a>>> {
    let mut children = node.addressed_children()?;
    children.retain(|child| child.name().starts_with(PCI_PREFIX));
    Ok(children)
}

/// The slots of one bus: every connector that `kind_of` its type wants.
fn bus_slots(bus: &TreeNode<'_>, kind_of: impl Fn(&str) -> Option<Kind>) -> Result<Vec<Slot>> {
    let Some(connectors) = drc::read(bus)? else { return Ok(Vec::new()) };
    let plugged = plugged(bus)?;
    let mut slots = Vec::new();
    for connector in connectors {
        let Some(kind) = kind_of(&connector.kind) else { continue };
        let index = connector.index;
        let mut slot = Slot { connector, kind, nodes: Vec::new(), contradicted: false };
        for (_, node) in plugged.iter().filter(|(sits_in, _)| *sits_in == index) {
            slot.plug(node)?;
        }
        slots.push(slot);
    }
    Ok(slots)
}

/// The children of a bus that sit in connectors.
fn plugged<'a>(bus: &TreeNode<'a>) -> Result<Vec<(DrcIndex, TreeNode<'a>)>> {
    let mut found = Vec::new();
    for node in bus.addressed_children()? {
        if let Some(index) = node.cell(MY_INDEX)? {
            found.push((DrcIndex(index), node));
        }
    }
    Ok(found)
}

impl Slot {
    fn plug(&mut self, node: &TreeNode<'_>) -> Result<()> {
        let name = match self.kind {
            Kind::Physical => {
                let Some(location) = node.text(LOCATION)? else { return Ok(()) };
                match location::is_of_card(&location, &self.connector.name) {
                    Some(true) => node.text("name")?,
                    Some(false) => {
                        self.contradicted = true;
                        return Ok(());
                    }
                    None => return Ok(()),
                }
            }
            Kind::Logical | Kind::Virtual => located_name(node, &self.connector.name, MAX_DEPTH)?,
        };
        let partner = node.cell(PARTNER)?.filter(|index| *index != 0).map(DrcIndex);
        self.nodes.push(Node { path: node.tree_path().to_owned(), name, partner });
        Ok(())
    }
}

/// The `name` of the first node, from `node` down, whose location code is that of the slot or of something in it.
fn located_name(node: &TreeNode<'_>, slot: &str, depth: usize) -> Result<Option<String>> {
    if node.text(LOCATION)?.is_some_and(|location| location.contains(slot)) {
        if let Some(name) = node.text("name")? {
            return Ok(Some(name));
        }
    }
    if depth > 0 {
        for child in node.addressed_children()? {
            if let Some(name) = located_name(&child, slot, depth - 1)? {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::is_physical_type;

    #[test]
    fn a_physical_type_begins_with_a_number() {
        assert!(is_physical_type("28"));
        assert!(is_physical_type("28 and more"));
        for kind in ["SLOT", "", "0", "PHB"] {
            assert!(!is_physical_type(kind), "{kind}");
        }
    }
}
