//! Resizing: what may be asked, and what is said of the outcome. A target that a change cannot have cannot be written.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::hex::DrcIndex;

/// A change of what a partition has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// What to change.
    pub change: Change,
    /// The partition begins no further step after that time, counted from the arrival of the request.
    pub deadline_ms: u64,
    /// Less than what was asked stays done. Otherwise it is all or nothing.
    pub allow_partial: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Processors.
    Cpu {
        /// More or fewer.
        action: Direction,
        /// Which.
        target: CpuTarget,
    },
    /// Logical memory blocks.
    Memory {
        /// More or fewer.
        action: Direction,
        /// Which.
        target: MemoryTarget,
    },
    /// An adapter, virtual or PCI.
    Slot {
        /// What to do with it.
        action: SlotAction,
        /// Which.
        target: SlotTarget,
    },
    /// A PCI host bridge with all that is behind it.
    Phb {
        /// What to do with it.
        action: SlotAction,
        /// Which.
        target: SlotTarget,
    },
    /// What is entitled to in a shared pool.
    Entitlement {
        /// Of which pool.
        of: Pool,
        /// Which number.
        quantity: Quantity,
        /// Its new value, or the change of it.
        adjust: Adjust,
    },
}

/// More or fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More.
    Add,
    /// Fewer.
    Remove,
}

/// Which processors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CpuTarget {
    /// So many; the partition chooses.
    Count(NonZeroU32),
    /// The one of that index.
    Index(DrcIndex),
    /// The one that firmware calls so: `CPU 1`.
    Name(String),
}

/// Which blocks of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MemoryTarget {
    /// So many; the partition chooses.
    Count(NonZeroU32),
    /// The one of that index.
    Index(DrcIndex),
    /// So many side by side, from the one of that index on.
    IndexedCount {
        /// How many.
        count: NonZeroU32,
        /// The first.
        index: DrcIndex,
    },
}

/// Which slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SlotTarget {
    /// The one of that index.
    Index(DrcIndex),
    /// The one that firmware calls so.
    Name(String),
}

/// What to do with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotAction {
    /// Is it there, and what is in it?
    Query,
    /// Takes the adapter into use.
    Add,
    /// Gives it back.
    Remove,
    /// Gives it back and takes the one that was put in its place.
    Replace,
    /// Makes its light blink.
    Identify,
}

/// What is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Processors.
    Processor,
    /// Memory.
    Memory,
}

/// A number that a partition has in a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Hundredths of a processor, or bytes of memory.
    Capacity,
    /// 0 to 255.
    Weight,
}

/// How a number changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Adjust {
    /// To that.
    Set(u64),
    /// By that.
    Add(u64),
    /// By that.
    Subtract(u64),
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeOutcome {
    /// In a word.
    pub verdict: Verdict,
    /// Units that were asked for.
    pub asked: u64,
    /// Units that are changed now.
    pub done: u64,
    /// Firmware's names of those units; of a query what is there; of a dry run the steps.
    pub items: Vec<String>,
    /// Why it is not all that was asked.
    pub shortfall: Option<Shortfall>,
}

/// What came of a change, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All that was asked.
    Complete,
    /// Less than what was asked, and that was allowed.
    Partial,
    /// Nothing is changed: nothing could be done, or what was done is undone.
    Unchanged,
    /// Something is changed that should have been undone and could not.
    Stuck,
    /// A dry run.
    Planned,
}

/// Why it is not all that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shortfall {
    /// In a word.
    pub cause: Cause,
    /// In a sentence, with what to do about it.
    pub text: String,
    /// The kernel's error number.
    pub errno: Option<i32>,
    /// Firmware's return code, such as -9001.
    pub firmware: Option<i32>,
    /// What could not be had.
    pub index: Option<DrcIndex>,
}

/// Why it is not all that was asked, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// There are not so many.
    TooFew,
    /// There is none of that name or index.
    Absent,
    /// It has that already.
    AlreadyDone,
    /// Something uses it.
    InUse,
    /// The kernel or the firmware cannot do such a thing.
    Incapable,
    /// The kernel said no.
    Kernel,
    /// The firmware said no.
    Firmware,
    /// A hook said no.
    Hook,
    /// The deadline came first.
    Deadline,
    /// Somebody else holds the lock on resizing.
    Locked,
}
