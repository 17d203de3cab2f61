//! Requests to add or remove a resource. Only QEMU sends them; PowerVM asks through the management console.
//! (LoPAR 2.9: 10.3 "Hotplug Section"; Linux, asm/rtas-types.h)
//!
//! The kernel does processors and memory itself and hands slots, host bridges and PCI devices to programs.

use std::fmt;

use serde::Serialize;

use super::fields::Fields;

/// As long as the longest DRC name that rpadlpar_io takes (Linux, rpadlpar_sysfs.c, MAX_DRC_NAME_LEN).
const NAME_LIMIT_BYTES: usize = 64;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hotplug {
    /// What kind of thing.
    pub resource: Resource,
    /// What to do with it.
    pub action: Action,
    /// Which one, or how many.
    pub which: Which,
    /// Whether the request is done as a whole or not at all.
    pub transactional: bool,
    /// With which the requester knows its request again.
    pub token: Option<u32>,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A processor core.
    Cpu,
    /// Memory, in LMBs.
    Memory,
    /// A slot.
    Slot,
    /// A PCI host bridge.
    Phb,
    /// A PCI device.
    Pci,
    /// Persistent memory (Linux).
    PersistentMemory,
    /// A node of the device tree (Linux).
    DeviceTree,
    /// Not defined.
    Other(u8),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Add it.
    Add,
    /// Remove it.
    Remove,
    /// Not defined.
    Other(u8),
}

/// Which one, or how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one with this DRC name.
    Name(String),
    /// The one with this DRC index.
    Index(u32),
    /// So many.
    Count(u32),
    /// So many, from this DRC index on.
    IndexedCount {
        /// How many.
        count: u32,
        /// The first.
        index: u32,
    },
    /// Not defined.
    Other(u8),
}

impl Hotplug {
    /// From the section behind its header.
    pub(super) fn decode(section: Fields<'_>) -> Option<Self> {
        let capabilities = section.byte(3)?;
        let token_at = section.len().checked_sub(4).filter(|at| *at >= 4);
        Some(Self {
            resource: Resource::from_byte(section.byte(0)?),
            action: Action::from_byte(section.byte(1)?),
            which: Which::decode(section.byte(2)?, section.from(4))?,
            transactional: capabilities & 0x40 == 0,
            token: token_at.filter(|_| capabilities & 0x80 != 0).and_then(|at| section.word(at)),
        })
    }
}

impl Resource {
    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Cpu,
            2 => Self::Memory,
            3 => Self::Slot,
            4 => Self::Phb,
            5 => Self::Pci,
            6 => Self::PersistentMemory,
            7 => Self::DeviceTree,
            other => Self::Other(other),
        }
    }
}

impl Action {
    fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Add,
            2 => Self::Remove,
            other => Self::Other(other),
        }
    }
}

impl Which {
    fn decode(kind: u8, fields: Fields<'_>) -> Option<Self> {
        Some(match kind {
            1 => Self::Name(fields.text(0, fields.len().min(NAME_LIMIT_BYTES))?),
            2 => Self::Index(fields.word(0)?),
            3 => Self::Count(fields.word(0)?),
            4 => Self::IndexedCount { count: fields.word(0)?, index: fields.word(4)? },
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("processor"),
            Self::Memory => f.write_str("memory"),
            Self::Slot => f.write_str("slot"),
            Self::Phb => f.write_str("PCI host bridge"),
            Self::Pci => f.write_str("PCI device"),
            Self::PersistentMemory => f.write_str("persistent memory"),
            Self::DeviceTree => f.write_str("device-tree node"),
            Self::Other(code) => write!(f, "resource of type {code}"),
        }
    }
}

/// One sentence, without a full stop.
impl fmt::Display for Hotplug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action {
            Action::Add => f.write_str("add ")?,
            Action::Remove => f.write_str("remove ")?,
            Action::Other(code) => write!(f, "action {code}, which LoPAR does not define, on ")?,
        }
        let resource = self.resource;
        match &self.which {
            Which::Name(name) => write!(f, "{resource} {name}"),
            Which::Index(index) => write!(f, "{resource} with DRC index {index:#x}"),
            Which::Count(count) => write!(f, "{resource}: {count}"),
            Which::IndexedCount { count, index } => write!(f, "{resource}: {count} from DRC index {index:#x} on"),
            Which::Other(code) => write!(f, "{resource}, named in a way ({code}) that LoPAR does not define"),
        }
    }
}
