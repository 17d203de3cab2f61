//! Places for adapters: physical PCI slots, logical PCI slots, virtual I/O slots, and the host bridges they hang from.
//!
//! A bus of the device tree (`/vdevice`, every `/pci@…`) lists the connectors of its slots. What is plugged in is a node below
//! the bus with the connector's number in `ibm,my-drc-index`. Logical and virtual slots have the type `SLOT`; a physical slot's
//! type is a number that says what fits in. Host bridges are nodes below the root, their connectors are the root's.

mod description;
mod linux_name;
mod location;

use sysroot::Sysroot;

use crate::drc::{self, Connector, DrcIndex};
use crate::property::{self, DEVICE_TREE, PropertyError};

pub use description::description;
pub use linux_name::LinuxNames;
pub use location::by_location;

const VDEVICE: &str = "proc/device-tree/vdevice";
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
pub fn logical_slots(sysroot: &Sysroot) -> Result<Vec<Slot>, PropertyError> {
    let mut slots = bus_slots(sysroot, VDEVICE, |kind| (kind == LOGICAL_TYPE).then_some(Kind::Virtual))?;
    for bridge in bridges(sysroot, DEVICE_TREE)? {
        slots.extend(bus_slots(sysroot, &bridge, |kind| (kind == LOGICAL_TYPE).then_some(Kind::Logical))?);
    }
    Ok(slots)
}

/// The physical slots of all bridges, in firmware's order bridge by bridge.
pub fn physical_slots(sysroot: &Sysroot) -> Result<Vec<Slot>, PropertyError> {
    let mut slots = Vec::new();
    collect_physical(sysroot, DEVICE_TREE, MAX_DEPTH, &mut slots)?;
    Ok(slots)
}

fn collect_physical(sysroot: &Sysroot, node: &str, depth: usize, slots: &mut Vec<Slot>) -> Result<(), PropertyError> {
    for bridge in bridges(sysroot, node)? {
        slots.extend(bus_slots(sysroot, &bridge, |kind| is_physical_type(kind).then_some(Kind::Physical))?);
        if depth > 0 {
            collect_physical(sysroot, &bridge, depth - 1, slots)?;
        }
    }
    Ok(())
}

/// The host bridges that the partition has and may give back.
pub fn host_bridges(sysroot: &Sysroot) -> Result<Vec<HostBridge>, PropertyError> {
    let connectors = drc::read(sysroot, DEVICE_TREE)?.unwrap_or_default();
    let mut found = Vec::new();
    for node in bridges(sysroot, DEVICE_TREE)? {
        let Some(index) = property::cell(sysroot, &node, "ibm,my-drc-index")? else { continue };
        let Some(connector) = connectors.iter().find(|connector| connector.index == DrcIndex(index)) else { continue };
        let kind = |kind: &str| Some(if kind == LOGICAL_TYPE { Kind::Logical } else { Kind::Physical });
        let slots = bus_slots(sysroot, &node, kind)?;
        found.push(HostBridge { connector: connector.clone(), path: tree_path(&node), slots });
    }
    Ok(found)
}

/// Every connector of host bridges, whether or not the partition has the bridge.
pub fn bridge_connectors(sysroot: &Sysroot) -> Result<Vec<Connector>, PropertyError> {
    let mut connectors = drc::read(sysroot, DEVICE_TREE)?.unwrap_or_default();
    connectors.retain(|connector| connector.kind == "PHB");
    Ok(connectors)
}

fn is_physical_type(kind: &str) -> bool {
    let digits = kind.find(|c: char| !c.is_ascii_digit()).unwrap_or(kind.len());
    kind[..digits].parse::<u32>().is_ok_and(|number| number > 0)
}

fn bridges(sysroot: &Sysroot, node: &str) -> Result<Vec<String>, PropertyError> {
    let children = property::children(sysroot, node)?.into_iter();
    Ok(children.filter(|name| name.starts_with(PCI_PREFIX)).map(|name| format!("{node}/{name}")).collect())
}

/// The slots of one bus: every connector that `kind_of` its type wants.
fn bus_slots(sysroot: &Sysroot, bus: &str, kind_of: impl Fn(&str) -> Option<Kind>) -> Result<Vec<Slot>, PropertyError> {
    let Some(connectors) = drc::read(sysroot, bus)? else { return Ok(Vec::new()) };
    let plugged = plugged(sysroot, bus)?;
    let mut slots = Vec::new();
    for connector in connectors {
        let Some(kind) = kind_of(&connector.kind) else { continue };
        let mut slot = Slot { connector, kind, nodes: Vec::new(), contradicted: false };
        let index = slot.connector.index;
        for (_, path) in plugged.iter().filter(|(sits_in, _)| *sits_in == index) {
            slot.plug(sysroot, path)?;
        }
        slots.push(slot);
    }
    Ok(slots)
}

/// The children of a bus that sit in connectors.
fn plugged(sysroot: &Sysroot, bus: &str) -> Result<Vec<(DrcIndex, String)>, PropertyError> {
    let mut found = Vec::new();
    for name in property::children(sysroot, bus)? {
        let path = format!("{bus}/{name}");
        if let Some(index) = property::cell(sysroot, &path, "ibm,my-drc-index")? {
            found.push((DrcIndex(index), path));
        }
    }
    Ok(found)
}

impl Slot {
    fn plug(&mut self, sysroot: &Sysroot, path: &str) -> Result<(), PropertyError> {
        let name = match self.kind {
            Kind::Physical => {
                let Some(location) = property::text(sysroot, path, "ibm,loc-code")? else { return Ok(()) };
                match location::is_of_card(&location, &self.connector.name) {
                    Some(true) => property::text(sysroot, path, "name")?,
                    Some(false) => {
                        self.contradicted = true;
                        return Ok(());
                    }
                    None => return Ok(()),
                }
            }
            Kind::Logical | Kind::Virtual => located_name(sysroot, path, &self.connector.name, MAX_DEPTH)?,
        };
        self.nodes.push(Node { path: tree_path(path), name });
        Ok(())
    }
}

/// The `name` of the first node, from `path` down, whose location code is that of the slot or of something in it.
fn located_name(sysroot: &Sysroot, path: &str, slot: &str, depth: usize) -> Result<Option<String>, PropertyError> {
    let location = property::text(sysroot, path, "ibm,loc-code")?;
    if location.is_some_and(|location| location.contains(slot)) {
        if let Some(name) = property::text(sysroot, path, "name")? {
            return Ok(Some(name));
        }
    }
    if depth > 0 {
        for child in property::children(sysroot, path)? {
            if let Some(name) = located_name(sysroot, &format!("{path}/{child}"), slot, depth - 1)? {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

/// From a path below the root directory to one from the root of the device tree.
fn tree_path(path: &str) -> String {
    path.strip_prefix(DEVICE_TREE).unwrap_or(path).to_owned()
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
