//! What is asked of the engine. A request is made of checked parts: there is no count of zero and no index that is nearly one.

use std::fmt;
use std::num::NonZeroU32;

use platform::drc::{Connector, DrcIndex, NotAnIndex};
use platform::rtas::connector::Light;
use serde::{Deserialize, Serialize};

use super::inventory::{Card, Place};

/// More, or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The partition gets something.
    Add,
    /// The partition gives something back.
    Remove,
}

impl Change {
    /// What takes it back.
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Add => Self::Remove,
            Self::Remove => Self::Add,
        }
    }
}

/// As the kernel writes it.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "add",
            Self::Remove => "remove",
        })
    }
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Processor cores.
    Cpu {
        /// More or less.
        change: Change,
        /// Which.
        which: CpuChoice,
    },
    /// Memory.
    Memory {
        /// More or less.
        change: Change,
        /// Which.
        which: MemoryChoice,
    },
    /// A slot or a host bridge.
    Place {
        /// More or less.
        change: Change,
        /// Which of the two.
        kind: PlaceKind,
        /// Which one.
        which: PlaceChoice,
    },
    /// The card of a physical slot.
    Card {
        /// What becomes of it.
        task: CardTask,
        /// Which slot.
        which: PlaceChoice,
        /// What is left out.
        way: CardWay,
    },
    /// The second way to a card that was added, if it has one.
    Partner {
        /// The slot's connector.
        of: DrcIndex,
    },
    /// The cards of all slots below a bridge or slot that was added.
    CardsBelow {
        /// Its connector.
        above: DrcIndex,
        /// Its connector's name.
        name: String,
    },
    /// The light beside a physical slot.
    Light {
        /// Which slot.
        which: PlaceChoice,
        /// What it shall say; otherwise what is in the slot decides between on and off.
        say: Option<Light>,
    },
    /// Entitlement or weight.
    Parameter {
        /// Of what.
        parameter: Parameter,
        /// How much.
        target: Target,
    },
}

/// Which cores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpuChoice {
    /// Any so many.
    Count(NonZeroU32),
    /// That one.
    Index(DrcIndex),
    /// The one whose connector has this name.
    Name(String),
}

/// Which memory blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryChoice {
    /// Any so many.
    Count(NonZeroU32),
    /// That one.
    Index(DrcIndex),
    /// So many neighbours, from that one on.
    Run {
        /// The first.
        first: DrcIndex,
        /// How many.
        count: NonZeroU32,
    },
}

/// What an adapter comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A logical PCI slot or a virtual slot.
    Slot,
    /// A PCI host bridge.
    Bridge,
}

/// What becomes of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardTask {
    /// It was put in, and is taken into use.
    Add,
    /// It is given up, so that it can be taken out.
    Remove,
    /// The empty slot is made safe for hands.
    Ready,
}

/// What is left out where a card comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CardWay {
    /// The bus is scanned, even where the kernel has a driver for the slot.
    pub scan: bool,
    /// Firmware is not asked to let a removed card go.
    pub keep_firmware: bool,
}

/// Which slot or bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceChoice {
    /// The one of that number.
    Index(DrcIndex),
    /// The one whose connector has this name.
    Name(String),
}

impl PlaceChoice {
    /// What begins like an index has to be one; everything else is a name.
    pub fn parse(text: &str) -> Result<Self, NotAnIndex> {
        match text.strip_prefix("0x") {
            Some(_) => text.parse().map(Self::Index),
            None => Ok(Self::Name(text.to_owned())),
        }
    }

    /// Whether it is this one.
    pub fn means(&self, place: &Place) -> bool {
        self.is(place.index, &place.name)
    }

    /// Whether it is the slot of this card.
    pub fn means_card(&self, card: &Card) -> bool {
        self.is_slot(card.index, &card.name)
    }

    /// Whether it is the physical slot of this connector.
    pub fn means_slot(&self, connector: &Connector) -> bool {
        self.is_slot(connector.index, &connector.name)
    }

    /// A location code may name what is in the slot, `…-I4/E1`.
    fn is_slot(&self, its_index: DrcIndex, its_name: &str) -> bool {
        match self {
            Self::Name(name) => its_name == name.rsplit_once('/').map_or(name.as_str(), |(slot, _)| slot),
            Self::Index(_) => self.is(its_index, its_name),
        }
    }

    fn is(&self, its_index: DrcIndex, its_name: &str) -> bool {
        match self {
            Self::Index(index) => its_index == *index,
            Self::Name(name) => its_name == name,
        }
    }
}

impl fmt::Display for PlaceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl PlaceKind {
    /// As it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slot => "slot",
            Self::Bridge => "host bridge",
        }
    }
}

/// What `/proc/ppc64/lparcfg` lets a partition change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// Entitled processor capacity, in hundredths of a processor.
    CpuEntitlement,
    /// Weight among partitions that share processors.
    CpuWeight,
    /// Entitled memory, in bytes.
    MemoryEntitlement,
    /// Weight among partitions that share memory.
    MemoryWeight,
}

impl Parameter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CpuEntitlement, Self::CpuWeight, Self::MemoryEntitlement, Self::MemoryWeight];

    /// The largest value it can have.
    pub fn maximum(self) -> u64 {
        match self {
            Self::CpuEntitlement | Self::MemoryEntitlement => u64::MAX,
            Self::CpuWeight | Self::MemoryWeight => u8::MAX.into(),
        }
    }

    /// The key in lparcfg.
    pub fn key(self) -> &'static str {
        match self {
            Self::CpuEntitlement => "partition_entitled_capacity",
            Self::CpuWeight => "capacity_weight",
            Self::MemoryEntitlement => "entitled_memory",
            Self::MemoryWeight => "entitled_memory_weight",
        }
    }
}

/// How much of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Exactly so much.
    Set(u64),
    /// So much more than now.
    Raise(u64),
    /// So much less than now.
    Lower(u64),
}

/// What whoever asks agrees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Less than was asked for is better than nothing: what was done stays when there is no more.
    pub partial: bool,
}

/// As it appears in logs and answers.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { change, which } => match which {
                CpuChoice::Count(count) => write!(f, "{change} {count} processor{}", plural(count.get())),
                CpuChoice::Index(index) => write!(f, "{change} the processor {index}"),
                CpuChoice::Name(name) => write!(f, "{change} the processor '{name}'"),
            },
            Self::Memory { change, which } => match which {
                MemoryChoice::Count(count) => write!(f, "{change} {count} memory block{}", plural(count.get())),
                MemoryChoice::Index(index) => write!(f, "{change} the memory block {index}"),
                MemoryChoice::Run { first, count } => {
                    write!(f, "{change} {count} memory block{} from {first} on", plural(count.get()))
                }
            },
            Self::Place { change, kind, which } => write!(f, "{change} the {} '{which}'", kind.name()),
            Self::Card { task: CardTask::Add, which, .. } => write!(f, "add the card in the slot '{which}'"),
            Self::Card { task: CardTask::Remove, which, .. } => write!(f, "remove the card in the slot '{which}'"),
            Self::Card { task: CardTask::Ready, which, .. } => write!(f, "make the slot '{which}' ready for a card"),
            Self::Partner { of } => write!(f, "add the second way to the card at {of}"),
            Self::CardsBelow { name, .. } => write!(f, "add the cards below '{name}'"),
            Self::Light { which, say: Some(light) } => write!(f, "set the light of the slot '{which}' to {light}"),
            Self::Light { which, say: None } => write!(f, "set the light of the slot '{which}' back"),
            Self::Parameter { parameter, target } => match target {
                Target::Set(value) => write!(f, "set {} to {value}", parameter.key()),
                Target::Raise(by) => write!(f, "raise {} by {by}", parameter.key()),
                Target::Lower(by) => write!(f, "lower {} by {by}", parameter.key()),
            },
        }
    }
}

/// The `s` of more than one.
pub(crate) fn plural(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}
