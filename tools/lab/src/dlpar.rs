//! Dynamic resizing: the resource is made available (or asked back) by QMP, the partition is told through its console which
//! one it is (`/sys/kernel/dlpar`, by DRC index), and both are asked what came of it.
//!
//! For what it adds and for memory it wants back QEMU sends the kernel a hotplug event as well, which PowerVM never does.
//! Whichever comes first does the work; the other finds it done, and the kernel says so with an error that means nothing
//! here: the event's for a core or block that it has already, the console's likewise. What counts is what both sides have.
//!
//! A core that the partition released stays with QEMU for the next addition, its thread standing still: see `unplug_core`.
//!
//! Where QEMU sends no events (`hotplug_events`), as on PowerVM, all is the agent's work. QEMU takes no memory back then, and what was
//! released nobody can use again: it stays with QEMU and counts for nothing.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::lab::{Frame, Lab};
use crate::machine::PluggedDimm;
use crate::partition::{Body, Partition};
use crate::qemu::hotplug::{self, HotplugError};
use crate::qmp::Qmp;
use crate::scenario::LMB_MIB;
use crate::scenario::step::{Direction, Resource};
use tell::Messenger;

pub use tell::AgentReport;

mod tell;

/// What was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// CPUs, or memory in MiB, before and after, as QEMU has it.
    pub before: u32,
    /// See `before`.
    pub after: u32,
    /// The same as the partition counts it: CPUs online, or MiB of `MemTotal` (less than it has: the kernel keeps some).
    pub guest_before: u32,
    /// See `guest_before`.
    pub guest_after: u32,
    /// What its agent said of it, where it has one.
    pub agent: Option<AgentReport>,
}

/// The kernel works at its own pace under TCG.
const TAKE_UP_DEADLINE: Duration = Duration::from_secs(120);
/// A refusal is either true or the event was faster, and then nearly done.
const REFUSED_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// Longer than the kernel's slowest tick, shorter than anybody minds.
const STILLNESS: Duration = Duration::from_millis(300);

/// Adds or removes; `amount` is CPUs, or MiB.
pub fn change(
    lab: &Lab,
    partition: &Partition,
    resource: Resource,
    direction: Direction,
    amount: u32,
) -> Result<Change, Error> {
    let mut held = partition.take()?;
    let name = &partition.spec.name;
    let Some(body) = held.as_mut() else { return Err(Error::Refused(format!("{name} is not activated"))) };
    let frame = &lab.frames[body.system];
    let messenger = Messenger::to(lab, partition, frame)?;
    let request = Request { lab, partition, frame, resource, messenger };
    let before = request.count(body)?;
    request.check(before, direction, amount)?;
    let guest_before = request.guest_count()?;
    let units = if resource == Resource::Cpu { amount } else { amount / LMB_MIB };
    let mut after = before;
    // The last refusal that the partition sent through its console.
    let mut said = None;
    for done in 0..units {
        let result = match direction {
            Direction::Add => request.add(body),
            Direction::Remove => request.remove(body),
        };
        after = request.count(body)?;
        partition.update(|view| match resource {
            Resource::Cpu => view.cpus = after,
            Resource::Mem => view.memory_mib = after,
        });
        match result {
            Ok(refusal) => said = refusal.or(said),
            Err(error) => {
                return Err(Error::failed("change", name, format!("{done} of {units} done, then: {error}")));
            }
        }
    }
    let guest_after = request.wait_guest(guest_before, before, after, said.as_deref())?;
    Ok(Change { before, after, guest_before, guest_after, agent: request.messenger.report() })
}

struct Request<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    frame: &'a Frame,
    resource: Resource,
    messenger: Messenger<'a>,
}

impl Request<'_> {
    /// Refuses what cannot be met, with the reason, before anything is touched.
    fn check(&self, has: u32, direction: Direction, amount: u32) -> Result<(), Error> {
        let (spec, frame) = (&self.partition.spec, &self.frame.spec);
        let (free_cpus, free_memory) = self.lab.free(self.frame);
        let (unit, free, most, least, system_has) = match self.resource {
            Resource::Cpu => ("CPUs", free_cpus, spec.max_cpus, 1, frame.cpus),
            Resource::Mem => ("MiB", free_memory, spec.max_memory_mib, spec.memory_mib, frame.memory_mib),
        };
        let refuse = |why: String| Err(Error::Refused(format!("{}: {why}", spec.name)));
        if amount == 0 {
            return refuse(format!("0 {unit} are nothing to do"));
        }
        if self.resource == Resource::Mem && amount % LMB_MIB != 0 {
            return refuse(format!("{amount} MiB are no multiple of a logical memory block, {LMB_MIB} MiB"));
        }
        match direction {
            Direction::Add if has.saturating_add(amount) > most => {
                refuse(format!("it has {has} {unit} and may have {most}; {amount} more are too many"))
            }
            Direction::Add if amount > free => {
                refuse(format!("{} has {free} of {system_has} {unit} left; {amount} are too many", frame.name))
            }
            Direction::Remove if has.saturating_sub(amount) < least => match self.resource {
                Resource::Cpu => refuse(format!("it has {has} CPUs and needs 1; {amount} are too many")),
                Resource::Mem => refuse(format!(
                    "it has {has} MiB, of which {least} were there at boot and cannot be removed; {amount} are too many"
                )),
            },
            _ => Ok(()),
        }
    }

    /// As QEMU counts.
    fn count(&self, body: &mut Body) -> Result<u32, Error> {
        let failed = |error| Error::failed("count the hardware of", &self.partition.spec.name, error);
        match self.resource {
            Resource::Cpu => {
                let cores = hotplug::query_cores(&mut body.qmp).map_err(failed)?;
                let present = cores.iter().filter(|core| core.qom_path.is_some());
                Ok(small(present.filter(|core| !body.released_cores.contains(&small(core.id))).count() as u64))
            }
            Resource::Mem => {
                let dimms = hotplug::query_dimms(&mut body.qmp).map_err(failed)?;
                let in_use = dimms.iter().filter(|dimm| !body.released_blocks.contains(&block_of(dimm)));
                let added: u64 = in_use.map(|dimm| dimm.mib).sum();
                Ok(self.partition.spec.memory_mib + small(added))
            }
        }
    }

    /// As the partition counts.
    fn guest_count(&self) -> Result<u32, Error> {
        let path = match self.resource {
            Resource::Cpu => "/proc/cpuinfo",
            Resource::Mem => "/proc/meminfo",
        };
        let text = self.lab.guests.read(&self.frame.console, &self.partition.spec.name, path)?;
        let text = String::from_utf8_lossy(&text);
        Ok(match self.resource {
            Resource::Cpu => cpus_in(&text),
            Resource::Mem => memory_mib_in(&text),
        })
    }

    /// Waits until the partition counts as many more or fewer as QEMU does. `said`: its refusal, which stands if it does not.
    fn wait_guest(&self, guest_before: u32, before: u32, after: u32, said: Option<&str>) -> Result<u32, Error> {
        let expected = (guest_before + after).saturating_sub(before);
        let end = Instant::now() + if said.is_some() { REFUSED_DEADLINE } else { TAKE_UP_DEADLINE };
        loop {
            let found = self.guest_count()?;
            if found == expected {
                return Ok(found);
            }
            if Instant::now() > end {
                let said = said.map(|said| format!("; it said: {said}")).unwrap_or_default();
                let cause = format!("it counts {found}, not {expected}, well after the change{said}");
                return Err(Error::guest(&self.partition.spec.name, "take up the change", cause));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Gives the partition a core or a block; its refusal, if it sent one.
    fn add(&self, body: &mut Body) -> Result<Option<String>, Error> {
        let failed = |error| Error::failed("add hardware to", &self.partition.spec.name, error);
        match (self.resource, body.released_cores.first().copied()) {
            (Resource::Cpu, Some(core)) => {
                self.tell(Direction::Add, core)?.map_or(Ok(()), |refusal| Err(self.kept(&refusal)))?;
                body.released_cores.remove(&core);
                Ok(None)
            }
            (Resource::Cpu, None) => {
                let core = hotplug::plug_core(&mut body.qmp).map_err(failed)?;
                self.tell(Direction::Add, small(core.id))
            }
            (Resource::Mem, _) => {
                let dimm = hotplug::plug_memory(&mut body.qmp, LMB_MIB).map_err(failed)?;
                self.tell(Direction::Add, block_of(&dimm))
            }
        }
    }

    /// Takes a core or a block from the partition. A refusal is an error here: the resource is still the partition's.
    fn remove(&self, body: &mut Body) -> Result<Option<String>, Error> {
        match (self.resource, self.partition.spec.hotplug_events) {
            (Resource::Cpu, _) => self.release_core(body),
            (Resource::Mem, true) => self.remove_memory(&mut body.qmp),
            (Resource::Mem, false) => self.release_block(body),
        }
    }

    fn release_core(&self, body: &mut Body) -> Result<Option<String>, Error> {
        let failed = |error| Error::failed("remove hardware from", &self.partition.spec.name, error);
        let cores = hotplug::query_cores(&mut body.qmp).map_err(failed)?;
        let present = cores.iter().filter(|core| core.qom_path.is_some()).map(|core| small(core.id));
        let last = present.filter(|core| !body.released_cores.contains(core)).max().unwrap_or(0);
        self.tell(Direction::Remove, last)?.map_or(Ok(()), |refusal| Err(self.kept(&refusal)))?;
        body.released_cores.insert(last);
        self.wait_still(body, last)?;
        Ok(None)
    }

    /// Waits until the thread that QMP names for the core uses no time any more: the platform's side of the release.
    fn wait_still(&self, body: &mut Body, core: u32) -> Result<(), Error> {
        let failed = |error| Error::failed("list the CPUs of", &self.partition.spec.name, error);
        let threads = body.qmp.execute("query-cpus-fast", serde_json::Value::Null).map_err(failed)?;
        let of_core = |cpu: &&serde_json::Value| cpu["props"]["core-id"].as_u64() == Some(core.into());
        let thread =
            threads.as_array().and_then(|cpus| cpus.iter().find(of_core)).and_then(|cpu| cpu["thread-id"].as_u64());
        let Some(thread) = thread else {
            return Err(Error::failed("find the thread of core", core, "QMP names none"));
        };
        let path = format!("/proc/{}/task/{thread}/stat", body.qemu.pid());
        let used = || {
            std::fs::read_to_string(&path)
                .map(|text| ticks_in(&text))
                .map_err(|source| Error::io("read", &path, source))
        };
        let end = Instant::now() + TAKE_UP_DEADLINE;
        let mut before = used()?;
        loop {
            std::thread::sleep(STILLNESS);
            let now = used()?;
            if now == before {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Error::failed("wait for core", core, "the partition has released it, and it still runs"));
            }
            before = now;
        }
    }

    /// The last block that the partition can let go.
    fn release_block(&self, body: &mut Body) -> Result<Option<String>, Error> {
        let failed = |error| Error::failed("list the memory of", &self.partition.spec.name, error);
        let blocks: Vec<u32> = hotplug::query_dimms(&mut body.qmp).map_err(failed)?.iter().map(block_of).collect();
        let mut refusals = Vec::new();
        for block in blocks.into_iter().rev().filter(|block| !body.released_blocks.contains(block)) {
            match self.tell(Direction::Remove, block)? {
                None => {
                    body.released_blocks.insert(block);
                    return Ok(None);
                }
                Some(refusal) => refusals.push(refusal),
            }
        }
        Err(keeps_all(&refusals))
    }

    /// The kernel refuses blocks that hold what cannot be moved: then another one may do.
    fn remove_memory(&self, qmp: &mut Qmp) -> Result<Option<String>, Error> {
        let failed = |error| Error::failed("remove memory from", &self.partition.spec.name, error);
        let mut refusals = Vec::new();
        for dimm in hotplug::query_dimms(qmp).map_err(failed)?.into_iter().rev() {
            hotplug::ask_memory_back(qmp, &dimm).map_err(failed)?;
            let refusal = self.tell(Direction::Remove, block_of(&dimm))?;
            match hotplug::await_memory_back(qmp, &dimm, Instant::now() + TAKE_UP_DEADLINE) {
                Ok(()) => return Ok(None),
                Err(HotplugError::Kept { device }) => {
                    refusals.push(format!("{device}: {}", refusal.unwrap_or_else(|| "it does not say why".into())));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(keeps_all(&refusals))
    }

    fn tell(&self, direction: Direction, number: u32) -> Result<Option<String>, Error> {
        self.messenger.tell(self.resource, direction, number)
    }

    fn kept(&self, refusal: &str) -> Error {
        Error::guest(&self.partition.spec.name, "change its processors", refusal)
    }
}

/// The logical memory block that a DIMM of one block is: QEMU numbers blocks by their address.
pub(crate) fn block_of(dimm: &PluggedDimm) -> u32 {
    small((dimm.address >> 20) / u64::from(LMB_MIB))
}

fn keeps_all(refusals: &[String]) -> Error {
    Error::Refused(format!("the partition keeps all blocks that were added: {}", refusals.join("; ")))
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// utime and stime of a stat file (proc(5)): the 14th and 15th field, counted behind the name, which may have spaces.
fn ticks_in(stat: &str) -> u64 {
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn cpus_in(cpuinfo: &str) -> u32 {
    small(cpuinfo.lines().filter(|line| line.starts_with("processor")).count() as u64)
}

fn memory_mib_in(meminfo: &str) -> u32 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u32>().unwrap_or_default() / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_numbered_by_its_address() {
        let dimm = PluggedDimm {
            memory: "memory0".into(),
            device: "dimm0".into(),
            mib: u64::from(LMB_MIB),
            address: 1 << 30,
            slot: 0,
        };
        assert_eq!(block_of(&dimm), 4);
    }

    #[test]
    fn what_the_partition_counts_is_read_from_its_files() {
        let cpuinfo = "processor\t: 0\ncpu\t\t: POWER9\n\nprocessor\t: 1\ncpu\t\t: POWER9\n\ntimebase\t: 512000000\n";
        assert_eq!(cpus_in(cpuinfo), 2);
        assert_eq!(memory_mib_in("MemTotal:        1013056 kB\nMemFree:          900000 kB\n"), 989);
        assert_eq!(memory_mib_in("garbage"), 0);
        let stat = "77 (CPU 1/TCG ) x) S 1 2 3 4 5 6 7 8 9 10 110 12 13 14";
        assert_eq!(ticks_in(stat), 122);
    }
}
