//! What a partition tells of itself.

use serde::{Deserialize, Serialize};

use super::migration::MigrationRecord;
use crate::hex::{Capabilities, DrcIndex};
use crate::phase::Phase;

/// A managed system: machine type and model, serial number. It stands in the hello too, so receivers pass over fields that they
/// do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Such as `9009-42A`.
    pub type_model: String,
    /// Such as `7812345`.
    pub serial: String,
}

impl std::fmt::Display for Machine {
    /// The form of `lspartition`: `9009-42A*7812345`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}*{}", self.type_model, self.serial)
    }
}

/// Who a partition is. It stands in the hello too, so receivers pass over fields that they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its number on its managed system; 0 where firmware does not tell it.
    pub id: u32,
    /// Its name on the console, where firmware tells it.
    pub name: Option<String>,
    /// Stays with it when it migrates, where firmware tells it.
    pub uuid: Option<String>,
    /// Where it runs.
    pub machine: Machine,
}

/// All that a console shows of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Who it is.
    pub identity: Identity,
    /// What it is doing.
    pub phase: Phase,
    /// `uname -n`.
    pub host_name: String,
    /// What runs in it.
    pub system: OperatingSystem,
    /// Its processors.
    pub processors: Processors,
    /// Its memory.
    pub memory: Memory,
    /// Its slots for adapters.
    pub slots: Vec<Slot>,
    /// DCaps: what can be done to it while it runs.
    pub dlpar_capabilities: Capabilities,
    /// CmdCaps, both words.
    pub command_capabilities: [Capabilities; 2],
    /// Memory that can never be moved.
    pub pinned_memory_mib: u64,
    /// Since its kernel started.
    pub uptime_ms: u64,
    /// The last migration that this run of the agent knows of.
    pub last_migration: Option<MigrationRecord>,
    /// How it is.
    pub health: Health,
}

/// The three words of `lspartition`'s `OS:<...>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingSystem {
    /// Such as `Linux/Debian`.
    pub name: String,
    /// Such as `13`.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
}

/// Processors of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processors {
    /// Processors that firmware gave: what DLPAR counts.
    pub virtual_processors: u32,
    /// Hardware threads that the kernel uses.
    pub threads_online: u32,
    /// Hundredths of a processor that a partition in a shared pool is entitled to.
    pub entitled_hundredths: Option<u32>,
    /// Its weight in the pool.
    pub weight: Option<u32>,
}

/// Memory of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// What firmware gave.
    pub total_mib: u64,
    /// Size of a logical memory block, the unit of DLPAR.
    pub block_mib: u64,
    /// Blocks that are assigned and that DLPAR can take away again.
    pub removable_blocks: u32,
}

/// A slot for an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Firmware's name of it.
    pub name: String,
    /// Firmware's index of it.
    pub index: DrcIndex,
    /// What fits in.
    pub kind: SlotKind,
    /// What is in it, as Linux calls it: `l-lan@30000004`, `0001:00:00.0`.
    pub device: Option<String>,
}

/// What fits into a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A virtual adapter.
    Virtual,
    /// A PCI adapter.
    Pci,
    /// A PCI host bridge.
    Phb,
}

/// How a partition is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The worst of the findings.
    pub state: HealthState,
    /// What is not as it should be.
    pub findings: Vec<String>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Nothing found.
    Ok,
    /// Works, but should be looked at.
    Warning,
    /// Something does not work.
    Failed,
}
