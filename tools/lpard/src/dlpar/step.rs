//! One step of a plan: all numbers in it, one write to the kernel.

use std::fmt;

use platform::drc::DrcIndex;
use platform::lparcfg::Setting;
use serde::{Deserialize, Serialize};

use super::inventory::DLPAR;
use super::request::{Change, Parameter, plural};

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

/// What a step writes, in one `write(2)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where, relative to the root.
    pub path: &'static str,
    /// What.
    pub text: String,
}

impl Step {
    /// What is written to the kernel.
    pub fn write(&self) -> Write {
        match self {
            Self::Cpu { change, index, .. } => Write { path: DLPAR, text: format!("cpu {change} index {index}") },
            Self::Block { change, index } => Write { path: DLPAR, text: format!("memory {change} index {index}") },
            Self::Blocks { change, count } => Write { path: DLPAR, text: format!("memory {change} count {count}") },
            Self::Run { change, first, count } => {
                Write { path: DLPAR, text: format!("memory {change} indexed-count {count} {first}") }
            }
            Self::Parameter { parameter, to, .. } => {
                Write { path: Setting::PATH, text: format!("{}={to}\n", parameter.key()) }
            }
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
            Self::Parameter { parameter, from, to } => Self::Parameter { parameter, from: to, to: from },
        }
    }

    /// How much of the request it fulfils.
    pub fn amount(&self) -> u32 {
        match self {
            Self::Cpu { .. } | Self::Block { .. } | Self::Parameter { .. } => 1,
            Self::Blocks { count, .. } | Self::Run { count, .. } => *count,
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
            Self::Parameter { parameter, from, to } => write!(f, "change {} from {from} to {to}", parameter.key()),
        }
    }
}
