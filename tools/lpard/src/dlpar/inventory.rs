//! What there is: the part of the partition that a request is about, as the kernel and firmware show it now.

mod cards;
mod places;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use nix::errno::Errno;
use platform::capability::is_locked_down;
use platform::cpu::{self, Core};
use platform::drc::DrcIndex;
use platform::lparcfg::{self, Lparcfg};
use platform::memory::{self, Blocks};
use platform::rtas::connector::Entity;
use platform::rtas::status::{Call, meaning};
use sysroot::Sysroot;

use super::ofdt::OFDT;
use super::request::{Parameter, Request};

pub(super) use cards::devices_of;

/// Where the kernel takes requests.
pub(crate) const DLPAR: &str = "sys/kernel/dlpar";
const NODES: &str = "sys/devices/system/node";

/// What a request is planned from. Parts that the request is not about are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// What the kernel itself can do.
    pub interface: Interface,
    /// Every core the partition has or may get, in firmware's order.
    pub cores: Vec<Core>,
    /// Its memory, where firmware gives it in blocks.
    pub memory: Option<Memory>,
    /// The slots or host bridges of the kind that the request is about.
    pub places: Vec<Place>,
    /// The physical slots that the request is about.
    pub cards: Vec<Card>,
    /// The parameters that lparcfg shows.
    pub parameters: BTreeMap<Parameter, u64>,
}

/// The resources that `/sys/kernel/dlpar` says it handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools)] // each is there or not, independently
pub struct Interface {
    /// Processors.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
    /// Nodes of the device tree.
    pub device_tree: DeviceTree,
    /// Whether connectors can be asked of firmware and given back: calls that the kernel does not make for slots.
    pub firmware: bool,
}

/// How the nodes of a connector can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceTree {
    /// Not at all.
    #[default]
    Fixed,
    /// The kernel does it (Linux 6.12).
    Kernel,
    /// Node by node, through ofdt.
    Ofdt {
        /// Whether firmware's buffer can be reached, without which it cannot tell what is to be added.
        work_area: bool,
    },
    /// It could be through ofdt, but lockdown forbids that.
    LockedDown,
}

/// A slot or a host bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its connector.
    pub index: DrcIndex,
    /// Its connector's name.
    pub name: String,
    /// Whether the partition has it.
    pub owned: bool,
    /// The PCI devices that have to go before it, by their Linux names.
    pub devices: Vec<String>,
    /// Why it cannot be given back.
    pub needed: Option<Needed>,
    /// The physical slots below it that have a card.
    pub cards: Vec<Card>,
    /// What firmware says is there, where it was asked.
    pub sense: Sense,
}

/// A physical slot and the card in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The slot's connector.
    pub index: DrcIndex,
    /// The slot's location code.
    pub name: String,
    /// What its power is switched by.
    pub power_domain: u32,
    /// Whether the partition knows of a card in it.
    pub occupied: bool,
    /// Whether firmware contradicts itself about it.
    pub contradicted: bool,
    /// Whether it is a display adapter.
    pub display: bool,
    /// The kernel's directory for it; none where the bus has no hotplug driver.
    pub driver: Option<String>,
    /// The card's PCI devices, by their Linux names.
    pub devices: Vec<String>,
    /// The slot in which the same card is on its second way.
    pub partner: Option<DrcIndex>,
    /// What firmware says is there, where it was asked.
    pub sense: Sense,
}

/// What firmware's sensor says of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sense {
    /// It was not asked, or cannot be.
    #[default]
    Unknown,
    /// This is there.
    Entity(Entity),
    /// It cannot tell, with its status.
    Status(i32),
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("firmware was not asked"),
            Self::Entity(entity) => write!(f, "{entity}"),
            Self::Status(status) => f.write_str(&meaning(Call::GetSensorState, *status)),
        }
    }
}

/// Why a place cannot be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// A display adapter is in it, which the kernel cannot let go.
    Display,
    /// A slot below the bridge is the partition's, and goes first.
    Slot,
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Display => "a display adapter cannot be let go",
            Self::Slot => "a slot below it is the partition's",
        })
    }
}

/// The partition's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// How large each block is.
    pub lmb_size_bytes: u64,
    /// Every block the partition has or may get, in firmware's order.
    pub blocks: Vec<Block>,
    /// How many CPUs each NUMA node has that has memory.
    pub node_cpus: BTreeMap<u32, u32>,
}

/// One memory block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Its connector.
    pub index: DrcIndex,
    /// Whether the partition has it.
    pub assigned: bool,
    /// Whether nobody may have it.
    pub reserved: bool,
    /// Its NUMA node, where firmware tells.
    pub node: Option<u32>,
}

/// What could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// A file of the kernel.
    #[error(transparent)]
    Os(#[from] sysroot::Error),
    /// What the kernel and firmware show.
    #[error(transparent)]
    Platform(#[from] platform::Error),
}

impl Inventory {
    /// Reads what `request` is about, and no more.
    pub fn read(sysroot: &Sysroot, request: &Request) -> Result<Self, ObserveError> {
        let mut inventory = Self::default();
        match request {
            Request::Cpu { .. } => {
                inventory.interface = Interface::read(sysroot)?;
                inventory.cores = cpu::cores(sysroot)?;
            }
            Request::Memory { .. } => {
                inventory.interface = Interface::read(sysroot)?;
                inventory.memory = Memory::read(sysroot)?;
            }
            Request::Place { kind, which, .. } => {
                inventory.interface = Interface::with_tree(sysroot)?;
                inventory.places = places::read(sysroot, *kind, which)?;
            }
            Request::Card { which, .. } | Request::Light { which, .. } => {
                inventory.interface = Interface::with_tree(sysroot)?;
                inventory.cards = cards::read(sysroot, which)?;
            }
            Request::Partner { of } => {
                inventory.interface = Interface::with_tree(sysroot)?;
                inventory.cards = cards::with_partner(sysroot, *of)?;
            }
            Request::CardsBelow { above, .. } => {
                inventory.interface = Interface::with_tree(sysroot)?;
                inventory.cards = cards::below(sysroot, *above)?;
            }
            Request::Parameter { .. } => {
                inventory.parameters = parameters(&lparcfg::read(sysroot)?.unwrap_or_default());
            }
        }
        Ok(inventory)
    }
}

impl Interface {
    /// What the kernel says. A file that is there and cannot be read belongs to a kernel that knew memory only.
    pub fn read(sysroot: &Sysroot) -> sysroot::Result<Self> {
        let firmware = sysroot.has_rtas();
        Ok(match sysroot.read_text_if_present(DLPAR) {
            Ok(Some(words)) => Self { firmware, ..Self::parse(&words) },
            Ok(None) => Self { firmware, ..Self::default() },
            Err(_) => Self { firmware, memory: true, ..Self::default() },
        })
    }

    /// The same, with how the device tree is changed where the kernel does not do it.
    fn with_tree(sysroot: &Sysroot) -> sysroot::Result<Self> {
        let mut interface = Self::read(sysroot)?;
        if interface.device_tree == DeviceTree::Fixed && sysroot.exists(OFDT) {
            interface.device_tree = DeviceTree::through_ofdt(sysroot)?;
        }
        Ok(interface)
    }

    /// From `memory,cpu,dt`.
    pub fn parse(words: &str) -> Self {
        let has = |word| words.trim().split(',').any(|found| found == word);
        let device_tree = if has("dt") { DeviceTree::Kernel } else { DeviceTree::Fixed };
        Self { cpu: has("cpu"), memory: has("memory"), device_tree, firmware: false }
    }
}

impl DeviceTree {
    /// Lockdown closes ofdt and firmware's buffer. Where it does not say so itself, EPERM does: root that may open anything else.
    fn through_ofdt(sysroot: &Sysroot) -> sysroot::Result<Self> {
        if is_locked_down(sysroot)? {
            return Ok(Self::LockedDown);
        }
        Ok(match sysroot.reach_work_area() {
            Ok(()) => Self::Ofdt { work_area: true },
            Err(error) if error.errno() == Some(Errno::EPERM) => Self::LockedDown,
            Err(_) => Self::Ofdt { work_area: false },
        })
    }
}

impl Memory {
    fn read(sysroot: &Sysroot) -> Result<Option<Self>, ObserveError> {
        let Some(blocks) = memory::blocks(sysroot)? else { return Ok(None) };
        let nodes = NodeOfRow::read(sysroot)?;
        let blocks_with_nodes = with_nodes(&blocks, &nodes);
        let mut node_cpus = BTreeMap::new();
        for node in blocks_with_nodes.iter().filter_map(|block| block.node) {
            if let Entry::Vacant(unknown) = node_cpus.entry(node) {
                let list = sysroot.read_text_if_present(format!("{NODES}/node{node}/cpulist"))?;
                unknown.insert(cpu_list_length(&list.unwrap_or_default()));
            }
        }
        Ok(Some(Self { lmb_size_bytes: blocks.lmb_size_bytes, blocks: blocks_with_nodes, node_cpus }))
    }

    /// How many blocks the partition has.
    pub fn assigned(&self) -> usize {
        self.blocks.iter().filter(|block| block.assigned).count()
    }
}

/// How to get from a block's associativity to its NUMA node, where firmware says how.
struct NodeOfRow(Option<(memory::Associativity, u32)>);

impl NodeOfRow {
    fn read(sysroot: &Sysroot) -> Result<Self, platform::Error> {
        let Some(depth) = memory::numa_depth(sysroot)? else { return Ok(Self(None)) };
        Ok(Self(memory::associativity(sysroot)?.map(|table| (table, depth))))
    }

    fn node(&self, row: Option<u32>) -> Option<u32> {
        let (table, depth) = self.0.as_ref()?;
        table.node(row?, *depth)
    }
}

fn with_nodes(blocks: &Blocks, nodes: &NodeOfRow) -> Vec<Block> {
    let block = |lmb: memory::Lmb| Block {
        index: lmb.index,
        assigned: lmb.flags.assigned(),
        reserved: lmb.flags.reserved(),
        node: nodes.node(lmb.associativity),
    };
    blocks.iter().map(block).collect()
}

/// How many CPUs a list like `0-7,16` names.
fn cpu_list_length(ranges: &str) -> u32 {
    let length = |range: &str| -> Option<u32> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)
    };
    ranges.trim().split(',').filter_map(length).fold(0, u32::saturating_add)
}

/// The parameters that lparcfg has.
fn parameters(lparcfg: &Lparcfg) -> BTreeMap<Parameter, u64> {
    let value = |parameter| match parameter {
        Parameter::CpuEntitlement => lparcfg.partition_entitled_capacity,
        Parameter::CpuWeight => lparcfg.capacity_weight.map(u64::from),
        Parameter::MemoryEntitlement => lparcfg.entitled_memory,
        Parameter::MemoryWeight => lparcfg.entitled_memory_weight.map(u64::from),
    };
    Parameter::ALL.into_iter().filter_map(|parameter| Some((parameter, value(parameter)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_kernel_are_whole_words() {
        assert_eq!(Interface::parse("memory,cpu\n"), Interface { cpu: true, memory: true, ..Interface::default() });
        assert_eq!(Interface::parse("memory,cpu,dt\n").device_tree, DeviceTree::Kernel);
        assert_eq!(Interface::parse("cpuset"), Interface::default());
    }

    #[test]
    fn cpus_of_a_node_are_counted() {
        for (list, expected) in [("0-7\n", 8), ("0-7,16,24-25\n", 11), ("\n", 0), ("3\n", 1), ("7-3", 0)] {
            assert_eq!(cpu_list_length(list), expected, "{list:?}");
        }
    }
}
