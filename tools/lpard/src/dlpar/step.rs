//! One step of a plan: all numbers in it, one deed of the kernel or of firmware.

use std::fmt;

use platform::drc::DrcIndex;
use platform::lparcfg::Setting;
use serde::{Deserialize, Serialize};

use super::inventory::DLPAR;
use super::request::{Change, Parameter, plural};

const SLOT_CONTROL: &str = "sys/bus/pci/slots/control";
const PCI_BUS: &str = "sys/bus/pci";

/// Something that is either done or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A core.
    Cpu {
        /// More or less.
        change: Change,
        /// Its connector.
        index: DrcIndex,
        /// Its connector's name.
        name: String,
    },
    /// One memory block.
    Block {
        /// More or less.
        change: Change,
        /// Its connector.
        index: DrcIndex,
    },
    /// So many memory blocks of the kernel's choice, all or none of them.
    Blocks {
        /// More or less.
        change: Change,
        /// How many.
        count: u32,
    },
    /// Neighbouring memory blocks, all or none of them.
    Run {
        /// More or less.
        change: Change,
        /// The first.
        first: DrcIndex,
        /// How many.
        count: u32,
    },
    /// A connector of a slot or a bridge: firmware gives it, or takes it back.
    Connector {
        /// More or less.
        change: Change,
        /// Which.
        index: DrcIndex,
    },
    /// What firmware says of a connector, in the kernel's device tree.
    Node {
        /// More or less.
        change: Change,
        /// Of which connector.
        index: DrcIndex,
    },
    /// A slot or a bridge, among those that drivers can use.
    Place {
        /// More or less.
        change: Change,
        /// Its connector's name.
        name: String,
    },
    /// A PCI device, which its driver has to let go.
    Device {
        /// More or less; to add is to look for devices anew.
        change: Change,
        /// Its Linux name, `0001:00:00.0`.
        name: String,
    },
    /// A parameter of lparcfg.
    Parameter {
        /// Which.
        parameter: Parameter,
        /// What it was.
        from: u64,
        /// What it shall be.
        to: u64,
    },
}

/// How a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// By one `write(2)` to a file of the kernel.
    Write {
        /// Where, relative to the root.
        path: String,
        /// What.
        text: String,
    },
    /// By calls to firmware (`get-sensor-state`, `set-indicator`).
    Firmware {
        /// More or less.
        change: Change,
        /// Which connector.
        index: DrcIndex,
    },
}

impl Deed {
    fn write(path: impl Into<String>, text: String) -> Self {
        Self::Write { path: path.into(), text }
    }
}

/// As a dry run shows it.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, text } => write!(f, "write '{}' to /{path}", text.trim_end()),
            Self::Firmware { change: Change::Add, index } => {
                write!(f, "firmware: sense {index}, allocate and unisolate it")
            }
            Self::Firmware { change: Change::Remove, index } => {
                write!(f, "firmware: isolate {index} and deallocate it")
            }
        }
    }
}

impl Step {
    /// How it is done.
    pub fn deed(&self) -> Deed {
        match self {
            Self::Cpu { change, index, .. } => Deed::write(DLPAR, format!("cpu {change} index {index}")),
            Self::Block { change, index } => Deed::write(DLPAR, format!("memory {change} index {index}")),
            Self::Blocks { change, count } => Deed::write(DLPAR, format!("memory {change} count {count}")),
            Self::Run { change, first, count } => {
                Deed::write(DLPAR, format!("memory {change} indexed-count {count} {first}"))
            }
            Self::Connector { change, index } => Deed::Firmware { change: *change, index: *index },
            Self::Node { change, index } => Deed::write(DLPAR, format!("dt {change} index {index}")),
            Self::Place { change, name } => Deed::write(format!("{SLOT_CONTROL}/{change}_slot"), name.clone()),
            Self::Device { change: Change::Add, .. } => Deed::write(format!("{PCI_BUS}/rescan"), "1".to_owned()),
            Self::Device { change: Change::Remove, name } => {
                Deed::write(format!("{PCI_BUS}/devices/{name}/remove"), "1".to_owned())
            }
            Self::Parameter { parameter, to, .. } => Deed::write(Setting::PATH, format!("{}={to}\n", parameter.key())),
        }
    }

    /// The step that takes this one back.
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::Cpu { change, index, name } => Self::Cpu { change: change.opposite(), index, name },
            Self::Block { change, index } => Self::Block { change: change.opposite(), index },
            Self::Blocks { change, count } => Self::Blocks { change: change.opposite(), count },
            Self::Run { change, first, count } => Self::Run { change: change.opposite(), first, count },
            Self::Connector { change, index } => Self::Connector { change: change.opposite(), index },
            Self::Node { change, index } => Self::Node { change: change.opposite(), index },
            Self::Place { change, name } => Self::Place { change: change.opposite(), name },
            Self::Device { change, name } => Self::Device { change: change.opposite(), name },
            Self::Parameter { parameter, from, to } => Self::Parameter { parameter, from: to, to: from },
        }
    }

    /// How much of the request it fulfils.
    pub fn amount(&self) -> u32 {
        match self {
            Self::Blocks { count, .. } | Self::Run { count, .. } => *count,
            _ => 1,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { change, index, name } => write!(f, "{change} the processor '{name}' ({index})"),
            Self::Block { change, index } => write!(f, "{change} the memory block {index}"),
            Self::Blocks { change, count } => write!(f, "{change} {count} memory block{}", plural(*count)),
            Self::Run { change, first, count } => {
                write!(f, "{change} {count} memory block{} from {first} on", plural(*count))
            }
            Self::Connector { change: Change::Add, index } => write!(f, "take the connector {index} from firmware"),
            Self::Connector { change: Change::Remove, index } => write!(f, "give the connector {index} to firmware"),
            Self::Node { change, index } => write!(f, "{change} the device-tree node of {index}"),
            Self::Place { change, name } => write!(f, "{change} the slot '{name}'"),
            Self::Device { change, name } => write!(f, "{change} the PCI device {name}"),
            Self::Parameter { parameter, from, to } => write!(f, "change {} from {from} to {to}", parameter.key()),
        }
    }
}
