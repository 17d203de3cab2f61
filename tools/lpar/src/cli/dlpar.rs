//! `lpar dlpar …`, as typed, and what it means.

use std::num::NonZeroU32;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use wire::hex::DrcIndex;
use wire::message::dlpar::{
    Adjust, Change, CpuTarget, Direction, MemoryTarget, Pool, Quantity, Resize, SlotAction, SlotTarget,
};

/// Arguments of `dlpar`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DlparArgs {
    /// What to change.
    #[command(subcommand)]
    pub(crate) what: What,
    /// Only say what would be done
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// Keep a part, where not all can be had; otherwise it is all or nothing
    #[arg(long, global = true)]
    pub(crate) partial: bool,
    /// Begin nothing more after so many seconds; waiting for another change counts too
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) deadline: u64,
}

/// What to change.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum What {
    /// Add or remove processor cores
    Cpu {
        /// More or fewer
        action: Sign,
        #[command(flatten)]
        #[allow(missing_docs)]
        which: Cpus,
    },
    /// Add or remove memory blocks (LMBs; `lpar slots` shows their size)
    Mem {
        /// More or fewer
        action: Sign,
        #[command(flatten)]
        #[allow(missing_docs)]
        which: Blocks,
    },
    /// Query, add, remove, replace or identify an adapter
    Slot {
        /// What to do with it
        action: Handling,
        /// Its location code, or its DRC index (0x…)
        slot: Place,
    },
    /// Query, add or remove a PCI host bridge with all that is behind it
    Phb {
        /// What to do with it
        action: BridgeHandling,
        /// Its name (PHB 16), or its DRC index (0x…)
        bridge: Place,
    },
    /// Change what the partition is entitled to in a shared pool
    Entitlement {
        /// Of which pool
        of: Resource,
        /// Which number
        quantity: Number,
        /// Set it, or change it by
        adjust: Adjustment,
        /// Capacity of processors as 1.25, of memory as 512M (K, M, G and T are powers of 1024); a weight from 0 to 255
        value: String,
    },
}

/// Which cores.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub(crate) struct Cpus {
    /// So many; the partition chooses [default: 1]
    count: Option<NonZeroU32>,
    /// The one with this DRC index (0x…)
    #[arg(long, value_name = "INDEX")]
    index: Option<DrcIndex>,
    /// The one with this name (CPU 8)
    #[arg(long)]
    name: Option<String>,
}

/// Which blocks.
#[derive(Debug, Clone, Args)]
pub(crate) struct Blocks {
    /// So many; the partition chooses, unless there is an index [default: 1]
    count: Option<NonZeroU32>,
    /// The one with this DRC index (0x…); with a count, so many from this one on
    #[arg(long, value_name = "INDEX")]
    index: Option<DrcIndex>,
}

/// More or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub(crate) enum Sign {
    Add,
    Remove,
}

/// What to do with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Handling {
    /// Is it there, and what is in it?
    Query,
    /// Take it into use
    Add,
    /// Give it back
    Remove,
    /// Give it back, ask whether the new one is in its place, and take that (needs a terminal)
    Replace,
    /// Let its light blink
    Identify,
}

/// What to do with a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BridgeHandling {
    /// Is it there?
    Query,
    /// Take it into use
    Add,
    /// Give it back
    Remove,
}

/// Whose entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Resource {
    /// Processors
    Cpu,
    /// Memory
    Mem,
}

/// Which number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Number {
    /// How much
    Capacity,
    /// Its weight when more is asked for than there is
    Weight,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Adjustment {
    /// To that value
    Set,
    /// By that much more
    Add,
    /// By that much less
    Remove,
}

/// A slot or a bridge, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(SlotTarget);

impl FromStr for Place {
    type Err = String;

    /// What begins like an index has to be one: it must not become the name of something else.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("0x") || text.starts_with("0X") {
            return text.parse().map(|index| Self(SlotTarget::Index(index))).map_err(|error| format!("{error}"));
        }
        if text.trim().is_empty() {
            return Err("a slot has a name".to_owned());
        }
        Ok(Self(SlotTarget::Name(text.to_owned())))
    }
}

/// A value that is not what its quantity wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no {wanted}")]
pub(crate) struct BadValue {
    text: String,
    wanted: &'static str,
}

impl DlparArgs {
    /// The request, as the session's protocol has it.
    pub(crate) fn resize(&self) -> Result<Resize, BadValue> {
        Ok(Resize {
            change: self.what.change()?,
            deadline_ms: self.deadline * 1000,
            allow_partial: self.partial,
            dry_run: self.dry_run,
        })
    }
}

impl What {
    fn change(&self) -> Result<Change, BadValue> {
        Ok(match self {
            Self::Cpu { action, which } => Change::Cpu { action: action.direction(), target: which.target() },
            Self::Mem { action, which } => Change::Memory { action: action.direction(), target: which.target() },
            Self::Slot { action, slot } => Change::Slot { action: action.action(), target: slot.0.clone() },
            Self::Phb { action, bridge } => Change::Phb { action: action.action(), target: bridge.0.clone() },
            Self::Entitlement { of, quantity, adjust, value } => {
                let value = of.value(*quantity, value)?;
                Change::Entitlement { of: of.pool(), quantity: quantity.quantity(), adjust: adjust.by(value) }
            }
        })
    }
}

impl Cpus {
    fn target(&self) -> CpuTarget {
        match (self.index, &self.name) {
            (Some(index), _) => CpuTarget::Index(index),
            (None, Some(name)) => CpuTarget::Name(name.clone()),
            (None, None) => CpuTarget::Count(self.count.unwrap_or(NonZeroU32::MIN)),
        }
    }
}

impl Blocks {
    fn target(&self) -> MemoryTarget {
        match (self.index, self.count) {
            (Some(index), Some(count)) => MemoryTarget::IndexedCount { count, index },
            (Some(index), None) => MemoryTarget::Index(index),
            (None, count) => MemoryTarget::Count(count.unwrap_or(NonZeroU32::MIN)),
        }
    }
}

impl Sign {
    fn direction(self) -> Direction {
        match self {
            Self::Add => Direction::Add,
            Self::Remove => Direction::Remove,
        }
    }
}

impl Handling {
    fn action(self) -> SlotAction {
        match self {
            Self::Query => SlotAction::Query,
            Self::Add => SlotAction::Add,
            Self::Remove => SlotAction::Remove,
            Self::Replace => SlotAction::Replace,
            Self::Identify => SlotAction::Identify,
        }
    }
}

impl BridgeHandling {
    fn action(self) -> SlotAction {
        match self {
            Self::Query => SlotAction::Query,
            Self::Add => SlotAction::Add,
            Self::Remove => SlotAction::Remove,
        }
    }
}

impl Resource {
    fn pool(self) -> Pool {
        match self {
            Self::Cpu => Pool::Processor,
            Self::Mem => Pool::Memory,
        }
    }

    /// In the unit of the kernel: hundredths of a processor, bytes, or the weight itself.
    fn value(self, quantity: Number, text: &str) -> Result<u64, BadValue> {
        let (value, wanted) = match (self, quantity) {
            (Self::Cpu, Number::Capacity) => (hundredths(text), "number of processors such as 1.25"),
            (Self::Mem, Number::Capacity) => (bytes(text), "amount of memory such as 512M"),
            (_, Number::Weight) => (text.parse::<u8>().ok().map(u64::from), "weight from 0 to 255"),
        };
        value.ok_or_else(|| BadValue { text: text.to_owned(), wanted })
    }
}

impl Number {
    fn quantity(self) -> Quantity {
        match self {
            Self::Capacity => Quantity::Capacity,
            Self::Weight => Quantity::Weight,
        }
    }
}

impl Adjustment {
    fn by(self, value: u64) -> Adjust {
        match self {
            Self::Set => Adjust::Set(value),
            Self::Add => Adjust::Add(value),
            Self::Remove => Adjust::Subtract(value),
        }
    }
}

/// `1.25` is 125: at most two decimals, and nothing that could mean two things.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "00"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
        return None;
    }
    let decimals: u64 = format!("{decimals:0<2}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(decimals)
}

/// `512M` is 536,870,912; without a letter it is bytes.
fn bytes(text: &str) -> Option<u64> {
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'K') => (&text[..at], 1 << 10),
        (at, 'M') => (&text[..at], 1 << 20),
        (at, 'G') => (&text[..at], 1 << 30),
        (at, 'T') => (&text[..at], 1_u64 << 40),
        _ => (text, 1),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::{Cli, Command};

    fn resize(words: &str) -> Result<Resize, String> {
        let words = ["lpar", "dlpar"].into_iter().chain(words.split('|'));
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Dlpar(args) => args.resize().map_err(|error| error.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn count(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    #[test]
    fn every_form_means_one_change() {
        let index = DrcIndex(0x1000_0001);
        let cpu = |action, target| Change::Cpu { action, target };
        let memory = |action, target| Change::Memory { action, target };
        let name = SlotTarget::Name("U9009.42A.7812345-V3-C4".into());
        let cases = [
            ("cpu|add", cpu(Direction::Add, CpuTarget::Count(count(1)))),
            ("cpu|remove|2", cpu(Direction::Remove, CpuTarget::Count(count(2)))),
            ("cpu|add|--index|0x10000001", cpu(Direction::Add, CpuTarget::Index(index))),
            ("cpu|remove|--name|CPU 8", cpu(Direction::Remove, CpuTarget::Name("CPU 8".into()))),
            ("mem|add|4", memory(Direction::Add, MemoryTarget::Count(count(4)))),
            ("mem|remove|--index|0x10000001", memory(Direction::Remove, MemoryTarget::Index(index))),
            (
                "mem|add|4|--index|0x10000001",
                memory(Direction::Add, MemoryTarget::IndexedCount { count: count(4), index }),
            ),
            ("slot|query|U9009.42A.7812345-V3-C4", Change::Slot { action: SlotAction::Query, target: name }),
            ("phb|remove|0x10000001", Change::Phb { action: SlotAction::Remove, target: SlotTarget::Index(index) }),
            (
                "entitlement|cpu|capacity|set|1.5",
                Change::Entitlement { of: Pool::Processor, quantity: Quantity::Capacity, adjust: Adjust::Set(150) },
            ),
            (
                "entitlement|mem|capacity|add|1M",
                Change::Entitlement { of: Pool::Memory, quantity: Quantity::Capacity, adjust: Adjust::Add(1 << 20) },
            ),
            (
                "entitlement|cpu|weight|remove|5",
                Change::Entitlement { of: Pool::Processor, quantity: Quantity::Weight, adjust: Adjust::Subtract(5) },
            ),
        ];
        for (words, change) in cases {
            assert_eq!(resize(words).map(|resize| resize.change), Ok(change), "{words}");
        }
    }

    #[test]
    fn terms_are_all_or_nothing_unless_said_otherwise() {
        let plain = resize("cpu|add").unwrap();
        assert_eq!((plain.allow_partial, plain.dry_run, plain.deadline_ms), (false, false, 300_000));
        let terms = resize("cpu|add|--partial|--dry-run|--deadline|5").unwrap();
        assert_eq!((terms.allow_partial, terms.dry_run, terms.deadline_ms), (true, true, 5_000));
    }

    /// A request that is nearly right must not become another one.
    #[test]
    fn nothing_is_widened() {
        for words in [
            "cpu|add|0",
            "cpu|add|-1",
            "cpu|add|2|--index|0x10000001",
            "cpu|add|--index|10000001",
            "cpu|add|--index|0x1000000g",
            "mem|remove|--index|0x",
            "slot|remove|0x3000000g",
            "slot|remove|",
            "entitlement|cpu|capacity|set|1,5",
            "entitlement|cpu|capacity|set|1.255",
            "entitlement|mem|capacity|set|1g",
            "entitlement|cpu|weight|set|256",
            "cpu|add|--deadline|0",
        ] {
            assert!(resize(words).is_err(), "{words}");
        }
    }

    proptest! {
        #[test]
        fn hundredths_are_read_as_they_are_written(value in 0_u64..1_000_000) {
            prop_assert_eq!(hundredths(&format!("{}.{:02}", value / 100, value % 100)), Some(value));
        }

        #[test]
        fn any_text_is_a_number_or_none(text in "[0-9.KMGTé+-]{0,8}") {
            let _ = (hundredths(&text), bytes(&text));
        }
    }
}
