//! What a partition's kernel shows that the partition has: cores, threads, memory blocks.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::partition::Partition;

/// All of it by few processes, which are slow to start under TCG.
const LOOK: &str = "echo /proc/device-tree/cpus/PowerPC*@*; cat /sys/devices/system/cpu/online; \
                    grep -l online /sys/devices/system/memory/memory*/state";

/// What a partition has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Holding {
    /// Numbers of its cores.
    pub(super) cores: BTreeSet<u32>,
    /// Numbers of the threads that run; the kernel chooses them.
    pub(super) threads: BTreeSet<u32>,
    /// Numbers of the memory blocks that are in use.
    pub(super) blocks: BTreeSet<u32>,
}

/// Asks the kernel.
pub(super) fn look(lab: &Lab, partition: &Partition, frame: &Frame) -> Result<Holding, Error> {
    let name = &partition.spec.name;
    let seen = lab.guests.exec(&frame.console, name, &["sh", "-c", LOOK], QUICK)?;
    let text = String::from_utf8_lossy(&seen.stdout);
    Holding::parse(&text).ok_or_else(|| Error::guest(name, "say what it has", text.clone()))
}

impl Holding {
    /// Whether it is the same but for where memory is.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }

    /// Of what [`LOOK`] prints.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let number = |word: &str| u32::from_str_radix(word.rsplit('@').next()?, 16).ok();
        let cores = lines.next()?.split_whitespace().map(number).collect::<Option<_>>()?;
        let threads = list(lines.next()?)?;
        let block = |line: &str| line.strip_suffix("/state")?.rsplit("memory").next()?.parse().ok();
        let blocks = lines.map(block).collect::<Option<_>>()?;
        Some(Self { cores, threads, blocks })
    }
}

/// `cores 0 1, threads 0 1, 4 memory blocks`
impl std::fmt::Display for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |numbers: &BTreeSet<u32>| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let blocks = self.blocks.len();
        write!(f, "cores {}, threads {}, {blocks} memory blocks", shown(&self.cores), shown(&self.threads))
    }
}

/// A list of the kernel's: `0-2,5`.
fn list(text: &str) -> Option<BTreeSet<u32>> {
    let mut numbers = BTreeSet::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        numbers.extend(first.parse::<u32>().ok()?..=last.parse().ok()?);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_kernel_shows_is_read() {
        let looked = "/proc/device-tree/cpus/PowerPC,POWER9@0 /proc/device-tree/cpus/PowerPC,POWER9@a\n0-1,4\n\
                      /sys/devices/system/memory/memory0/state\n/sys/devices/system/memory/memory11/state\n";
        let holding = Holding::parse(looked).unwrap();
        assert_eq!(holding.to_string(), "cores 0 10, threads 0 1 4, 2 memory blocks");
        assert_eq!(holding.blocks, [0, 11].into());
        assert_eq!(Holding::parse("/proc/device-tree/cpus/PowerPC*@*\n0\n"), None);
        assert_eq!(Holding::parse(""), None);
    }
}
