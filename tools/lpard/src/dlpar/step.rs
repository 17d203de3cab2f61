//! One step of a plan: all numbers in it, one deed of the kernel or of firmware.

use std::fmt;

use platform::drc::DrcIndex;
use platform::lparcfg::Setting;
use platform::rtas::connector::{Indicator, Light, POWER_ON_PERCENT};
use platform::rtas::status::Call;
use platform::slot::KERNEL_SLOTS;
use serde::{Deserialize, Serialize};

use super::inventory::DLPAR;
use super::ofdt::OFDT;
use super::request::{Change, Parameter, plural};

const SLOT_CONTROL: &str = "sys/bus/pci/slots/control";
const RESCAN: &str = "sys/bus/pci/rescan";
pub(crate) const PCI_DEVICES: &str = "sys/bus/pci/devices";

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
    /// A connector of a slot or a bridge: the platform gives it to the partition, or takes it back.
    Allocation {
        /// More or less.
        change: Change,
        /// Which.
        index: DrcIndex,
    },
    /// What is at a connector: the partition may reach it, or not.
    Isolation {
        /// More or less.
        change: Change,
        /// At which.
        index: DrcIndex,
    },
    /// The power of a physical slot.
    Power {
        /// More or less.
        change: Change,
        /// Its power domain.
        domain: u32,
    },
    /// The light beside a physical slot.
    Light {
        /// The slot's connector.
        index: DrcIndex,
        /// What it shall say.
        to: Light,
        /// What it says when this is taken back.
        back: Light,
    },
    /// What firmware says of a connector, in the kernel's device tree.
    Node {
        /// More or less.
        change: Change,
        /// Of which connector.
        index: DrcIndex,
        /// Who does it.
        #[serde(default)]
        by: NodesBy,
    },
    /// A slot or a bridge, among those that drivers can use. What came with it goes with it.
    Place {
        /// More or less.
        change: Change,
        /// Its connector.
        index: DrcIndex,
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
    /// A card, which the driver of its slot takes into use or lets go.
    Card {
        /// More or less.
        change: Change,
        /// The slot's directory in sysfs.
        slot: String,
    },
    /// The PCI devices of a connector: looked for on their bus, or let go whatever their names are.
    Devices {
        /// More or less.
        change: Change,
        /// Of which connector.
        index: DrcIndex,
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

/// Who turns what firmware says of a connector into nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodesBy {
    /// The kernel, all at once (Linux 6.12: `dt` requests).
    #[default]
    Kernel,
    /// This program: each node is told to the kernel through ofdt.
    Ofdt,
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
    /// By a call to firmware.
    Firmware {
        /// Which.
        call: Call,
        /// Its words.
        inputs: Vec<u32>,
        /// How many words its answer has.
        outputs: usize,
    },
    /// By letting go of every PCI device that is at a connector.
    LetGo {
        /// Which.
        index: DrcIndex,
    },
    /// By writing each node of a connector to ofdt: those that firmware describes, or those that are there.
    Nodes {
        /// More or less.
        change: Change,
        /// Of which connector.
        index: DrcIndex,
    },
}

impl Deed {
    fn write(path: impl Into<String>, text: String) -> Self {
        Self::Write { path: path.into(), text }
    }

    fn indicator(indicator: Indicator, index: DrcIndex, value: u32) -> Self {
        Self::Firmware { call: Call::SetIndicator, inputs: vec![indicator.number(), index.0, value], outputs: 1 }
    }

    fn power(domain: u32, percent: u32) -> Self {
        Self::Firmware { call: Call::SetPowerLevel, inputs: vec![domain, percent], outputs: 2 }
    }
}

/// As a dry run shows it.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, text } => write!(f, "write '{}' to /{path}", text.trim_end()),
            Self::Firmware { call, inputs, .. } => {
                write!(f, "call the firmware's {}{}", call.name(), words(inputs))
            }
            Self::LetGo { index } => write!(f, "write '1' to remove of every PCI device of {index}"),
            Self::Nodes { change: Change::Add, index } => {
                let call = Call::ConfigureConnector.name();
                write!(
                    f,
                    "call the firmware's {call} {index} until it has told all, write 'add_node' for each node to /{OFDT}"
                )
            }
            Self::Nodes { change: Change::Remove, index } => {
                write!(f, "write 'remove_node' for each node of {index}, children first, to /{OFDT}")
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
            Self::Allocation { change, index } => Deed::indicator(Indicator::Allocation, *index, one_to(*change)),
            Self::Isolation { change, index } => Deed::indicator(Indicator::Isolation, *index, one_to(*change)),
            Self::Power { change, domain } => Deed::power(*domain, one_to(*change) * POWER_ON_PERCENT),
            Self::Light { index, to, .. } => Deed::indicator(Indicator::Light, *index, to.value()),
            Self::Node { change, index, by: NodesBy::Kernel } => {
                Deed::write(DLPAR, format!("dt {change} index {index}"))
            }
            Self::Node { change, index, by: NodesBy::Ofdt } => Deed::Nodes { change: *change, index: *index },
            Self::Place { change, name, .. } => Deed::write(format!("{SLOT_CONTROL}/{change}_slot"), name.clone()),
            Self::Device { change: Change::Add, .. } | Self::Devices { change: Change::Add, .. } => {
                Deed::write(RESCAN, "1".to_owned())
            }
            Self::Device { change: Change::Remove, name } => {
                Deed::write(format!("{PCI_DEVICES}/{name}/remove"), "1".to_owned())
            }
            Self::Card { change, slot } => {
                Deed::write(format!("{KERNEL_SLOTS}/{slot}/power"), one_to(*change).to_string())
            }
            Self::Devices { change: Change::Remove, index } => Deed::LetGo { index: *index },
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
            Self::Allocation { change, index } => Self::Allocation { change: change.opposite(), index },
            Self::Isolation { change, index } => Self::Isolation { change: change.opposite(), index },
            Self::Power { change, domain } => Self::Power { change: change.opposite(), domain },
            Self::Light { index, to, back } => Self::Light { index, to: back, back: to },
            Self::Node { change, index, by } => Self::Node { change: change.opposite(), index, by },
            Self::Place { change, index, name } => Self::Place { change: change.opposite(), index, name },
            Self::Device { change, name } => Self::Device { change: change.opposite(), name },
            Self::Card { change, slot } => Self::Card { change: change.opposite(), slot },
            Self::Devices { change, index } => Self::Devices { change: change.opposite(), index },
            Self::Parameter { parameter, from, to } => Self::Parameter { parameter, from: to, to: from },
        }
    }

    /// Whether it may be taken back though it is not known to have been done: the partition is then as before.
    pub fn is_state(&self) -> bool {
        !matches!(self, Self::Cpu { .. } | Self::Block { .. } | Self::Blocks { .. } | Self::Run { .. })
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
            Self::Allocation { change: Change::Add, index } => write!(f, "take the connector {index} from firmware"),
            Self::Allocation { change: Change::Remove, index } => write!(f, "give the connector {index} to firmware"),
            Self::Isolation { change: Change::Add, index } => write!(f, "open the connector {index}"),
            Self::Isolation { change: Change::Remove, index } => write!(f, "isolate the connector {index}"),
            Self::Power { change: Change::Add, domain } => write!(f, "switch the power domain {domain:#x} on"),
            Self::Power { change: Change::Remove, domain } => write!(f, "switch the power domain {domain:#x} off"),
            Self::Light { index, to, .. } => write!(f, "set the light of {index} to {to}"),
            Self::Node { change, index, .. } => write!(f, "{change} the device-tree node of {index}"),
            Self::Place { change, name, .. } => write!(f, "{change} the slot '{name}'"),
            Self::Device { change, name } => write!(f, "{change} the PCI device {name}"),
            Self::Card { change: Change::Add, slot } => write!(f, "take the card in the slot '{slot}' into use"),
            Self::Card { change: Change::Remove, slot } => write!(f, "let go of the card in the slot '{slot}'"),
            Self::Devices { change: Change::Add, index } => write!(f, "look for the PCI devices of {index}"),
            Self::Devices { change: Change::Remove, index } => write!(f, "let go of the PCI devices of {index}"),
            Self::Parameter { parameter, from, to } => write!(f, "change {} from {from} to {to}", parameter.key()),
        }
    }
}

/// The value that means more, or less, at every indicator.
fn one_to(change: Change) -> u32 {
    u32::from(change == Change::Add)
}

/// Numbers of tables as the tables have them, all others as connectors are written.
fn words(words: &[u32]) -> String {
    let word = |word: &u32| if *word < 10_000 { format!(" {word}") } else { format!(" {word:#x}") };
    words.iter().map(word).collect()
}
