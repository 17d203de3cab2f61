//! The step `random`: processors and memory come and go in random order, and after each change all agree on what the partition
//! has: its kernel, its agent, the console, QEMU; and the kernel has not complained.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use wire::message::inventory::Inventory;
use wire::message::{Answer, Request};

use super::holding::look;
use crate::dlpar::{self, AgentReport};
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::partition::Partition;
use crate::scenario::step::{Direction, Random, Resource};
use crate::scenario::{LMB_MIB, Lpar};

/// What the kernel says at level "error" or worse, with the level in front.
const ERRORS: [&str; 3] = ["sh", "-c", "dmesg -r | grep '^<[0-3]>'; true"];
/// Where QEMU sends events each change is told to the kernel twice: the second finds it done (`crate::dlpar`).
const DOCUMENTED: &str = "Could not handle DLPAR request";
/// The console hears of a change a moment after it.
const TOLD_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// More at once show nothing that fewer do not.
const MOST_UNITS: u32 = 2;

type Seen = Result<String, Error>;

pub(super) fn random(lab: &Lab, step: &Random) -> Seen {
    let partition = lab.partition(&step.lpar)?;
    let watch = Watch { lab, partition, frame: lab.frame_of(partition)? };
    let seed = step.seed.unwrap_or_else(seed_of_the_moment);
    let mut numbers = Numbers(seed);
    let (mut has, mut spec) = (watch.has_now()?, partition.spec.clone());
    let mut complaints = watch.complaints()?;
    let mut told = Vec::new();
    for _ in 0..step.operations {
        let change = Change::random(&mut numbers, has, &spec);
        told.push(change.to_string());
        has = change.applied(has);
        if !spec.hotplug_events && (change.resource, change.direction) == (Resource::Mem, Direction::Remove) {
            // What was released nobody can use again (`crate::dlpar`).
            spec.max_memory_mib -= change.amount;
        }
        let done = dlpar::change(lab, partition, change.resource, change.direction, change.amount)
            .and_then(|done| watch.agent_did(done.agent))
            .and_then(|()| watch.agree(has))
            .and_then(|()| watch.silent(&mut complaints));
        done.map_err(|error| {
            Error::Refused(format!("seed {seed}, change {} ({}): {error}", told.len(), told.join(", ")))
        })?;
    }
    Ok(format!("seed {seed}: {} changes, at the end {} CPUs and {} MiB", told.len(), has.cpus, has.memory_mib))
}

fn seed_of_the_moment() -> u64 {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(epoch.as_nanos() & u128::from(u64::MAX)).unwrap_or_default()
}

/// SplitMix64 (Steele, Lea, Flood 2014): a few lines, and the same numbers for ever.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap_or_default()
    }
}

/// What a partition has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Has {
    cpus: u32,
    memory_mib: u32,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    resource: Resource,
    direction: Direction,
    amount: u32,
}

impl Change {
    /// One that a partition with these limits can do.
    fn random(numbers: &mut Numbers, has: Has, spec: &Lpar) -> Self {
        loop {
            let resource = if numbers.below(2) == 0 { Resource::Cpu } else { Resource::Mem };
            let direction = if numbers.below(2) == 0 { Direction::Add } else { Direction::Remove };
            let (has, least, most, unit) = match resource {
                Resource::Cpu => (has.cpus, 1, spec.max_cpus, 1),
                Resource::Mem => (has.memory_mib, spec.memory_mib, spec.max_memory_mib, LMB_MIB),
            };
            let room = match direction {
                Direction::Add => most.saturating_sub(has),
                Direction::Remove => has.saturating_sub(least),
            };
            let units = (room / unit).min(MOST_UNITS);
            if units > 0 {
                return Self { resource, direction, amount: (1 + numbers.below(units)) * unit };
            }
        }
    }

    fn applied(self, has: Has) -> Has {
        let changed = |before: u32| match self.direction {
            Direction::Add => before + self.amount,
            Direction::Remove => before - self.amount,
        };
        match self.resource {
            Resource::Cpu => Has { cpus: changed(has.cpus), ..has },
            Resource::Mem => Has { memory_mib: changed(has.memory_mib), ..has },
        }
    }
}

/// `cpu+1`, `mem-512`
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let resource = if self.resource == Resource::Cpu { "cpu" } else { "mem" };
        let sign = if self.direction == Direction::Add { '+' } else { '-' };
        write!(f, "{resource}{sign}{}", self.amount)
    }
}

struct Watch<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    frame: &'a Frame,
}

impl Watch<'_> {
    fn name(&self) -> &str {
        &self.partition.spec.name
    }

    /// As its kernel shows it.
    fn has_now(&self) -> Result<Has, Error> {
        let holding = look(self.lab, self.partition, self.frame)?;
        if holding.cores.len() != holding.threads.len() {
            return Err(Error::guest(self.name(), "use its cores", holding.to_string()));
        }
        let count = |numbers: &BTreeSet<u32>| u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        Ok(Has { cpus: count(&holding.cores), memory_mib: count(&holding.blocks) * LMB_MIB })
    }

    /// Its agent did all of it. Where there are events the kernel may have been faster, and where there is no agent it was asked.
    fn agent_did(&self, report: Option<AgentReport>) -> Result<(), Error> {
        match report.filter(|report| !self.partition.spec.hotplug_events && report.done != report.asked) {
            Some(report) => Err(Error::guest(self.name(), "do by its agent what it was asked", report.to_string())),
            None => Ok(()),
        }
    }

    /// All say that it has this. QEMU was asked by the change itself.
    fn agree(&self, has: Has) -> Result<(), Error> {
        let disagrees = |who: &str, said: String| {
            Err(Error::guest(self.name(), "agree on what it has", format!("{who} says {said}, it should be {has:?}")))
        };
        let kernel = self.has_now()?;
        if kernel != has {
            return disagrees("its kernel", format!("{kernel:?}"));
        }
        let end = Instant::now() + TOLD_DEADLINE;
        loop {
            let known = self.lab.agents.view(&self.frame.spec.name, self.name()).inventory;
            let known = known.map(|inventory| self.told(&inventory));
            if known == Some(has) {
                break;
            }
            if Instant::now() > end {
                return disagrees("its console", format!("{known:?}"));
            }
            std::thread::sleep(POLL);
        }
        match self.lab.agents.ask(&self.frame.console, self.name(), Request::Inventory {}, QUICK)? {
            Answer::Inventory(inventory) if self.told(&inventory) == has => Ok(()),
            Answer::Inventory(inventory) => disagrees("its agent", format!("{:?}", self.told(&inventory))),
            other => disagrees("its agent", format!("{other:?}")),
        }
    }

    /// Firmware lists only what was added after the start among the blocks that can be removed.
    fn told(&self, inventory: &Inventory) -> Has {
        let added = u64::from(inventory.memory.removable_blocks) * inventory.memory.block_mib;
        let memory_mib = u32::try_from(added).unwrap_or(u32::MAX).saturating_add(self.partition.spec.memory_mib);
        Has { cpus: inventory.processors.virtual_processors, memory_mib }
    }

    fn complaints(&self) -> Result<BTreeSet<String>, Error> {
        let said = self.lab.guests.exec(&self.frame.console, self.name(), &ERRORS, QUICK)?;
        Ok(String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect())
    }

    /// The kernel has not complained of anything new.
    fn silent(&self, before: &mut BTreeSet<String>) -> Result<(), Error> {
        let all = self.complaints()?;
        let is_told_twice = self.partition.spec.hotplug_events;
        let is_meant = |line: &&String| !(is_told_twice && line.contains(DOCUMENTED));
        let new: Vec<_> = all.difference(before).filter(is_meant).map(String::as_str).collect();
        if !new.is_empty() {
            return Err(Error::guest(self.name(), "be content", new.join(" / ")));
        }
        *before = all;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    #[test]
    fn a_seed_gives_the_same_changes_again_and_all_can_be_done() {
        let spec = &Scenario::two_systems().lpars[0];
        let changes = |seed| {
            let (mut numbers, mut has) = (Numbers(seed), Has { cpus: spec.cpus, memory_mib: spec.memory_mib });
            let next = |_| {
                let change = Change::random(&mut numbers, has, spec);
                has = change.applied(has);
                assert!((1..=spec.max_cpus).contains(&has.cpus), "{change}");
                assert!((spec.memory_mib..=spec.max_memory_mib).contains(&has.memory_mib), "{change}");
                change.to_string()
            };
            (0..500).map(next).collect::<Vec<_>>()
        };
        assert_eq!(changes(7), changes(7));
        assert_ne!(changes(7), changes(8));
        for kind in ["cpu+", "cpu-", "mem+", "mem-"] {
            assert!(changes(7).iter().any(|change| change.starts_with(kind)), "{kind}");
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_paper() {
        let mut numbers = Numbers(1_234_567);
        assert_eq!([numbers.next(), numbers.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
