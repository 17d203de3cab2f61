//! Dynamic resizing: the resource is made available by QMP, the partition is told through its console, and both are asked
//! what came of it.
//!
//! Adding: QMP `device_add` sends the hotplug event, and the kernel takes the resource up by itself.
//!
//! Removing a core: the partition is told (`/sys/kernel/dlpar`, by DRC index) and releases it; QEMU keeps it for the next
//! addition, with a thread that stands still. Removing memory: QMP `device_del` asks the kernel by a hotplug event, and its
//! refusal comes as an event too. (Seen with QEMU 10.0.2: of memory that the kernel gave up unasked, QEMU never hears.)

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::partition::{Body, Partition};
use crate::qemu::hotplug::{self, HotplugError};
use crate::qmp::Qmp;
use crate::scenario::LMB_MIB;
use crate::scenario::step::{Direction, Resource};

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
}

/// The kernel works at its own pace under TCG.
const TAKE_UP_DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// Longer than the kernel's slowest tick, shorter than anybody minds.
const STILLNESS: Duration = Duration::from_millis(300);
/// DRC index of core n: PAPR's type CPU in the top nibble; QEMU numbers cores by their first thread.
const CPU_DRC: u32 = 0x1000_0000;

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
    let request = Request { lab, partition, frame: &lab.frames[body.system], resource };
    let before = request.count(body)?;
    request.check(before, direction, amount)?;
    let guest_before = request.guest_count()?;
    let units = if resource == Resource::Cpu { amount } else { amount / LMB_MIB };
    let mut after = before;
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
        if let Err(error) = result {
            return Err(Error::failed("change", name, format!("{done} of {units} done, then: {error}")));
        }
    }
    let guest_after = request.wait_guest(guest_before, before, after)?;
    Ok(Change { before, after, guest_before, guest_after })
}

struct Request<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    frame: &'a Frame,
    resource: Resource,
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
                let added: u64 = hotplug::query_dimms(&mut body.qmp).map_err(failed)?.iter().map(|dimm| dimm.mib).sum();
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

    /// Waits until the partition counts as many more or fewer as QEMU does.
    fn wait_guest(&self, guest_before: u32, before: u32, after: u32) -> Result<u32, Error> {
        let expected = (guest_before + after).saturating_sub(before);
        let end = Instant::now() + TAKE_UP_DEADLINE;
        loop {
            let found = self.guest_count()?;
            if found == expected {
                return Ok(found);
            }
            if Instant::now() > end {
                let cause = format!("it counts {found}, not {expected}, {TAKE_UP_DEADLINE:?} after the change");
                return Err(Error::guest(&self.partition.spec.name, "take up the change", cause));
            }
            std::thread::sleep(POLL);
        }
    }

    fn add(&self, body: &mut Body) -> Result<(), Error> {
        let failed = |error| Error::failed("add hardware to", &self.partition.spec.name, error);
        match (self.resource, body.released_cores.first().copied()) {
            (Resource::Cpu, Some(core)) => {
                self.tell(&format!("cpu add index {:#x}", CPU_DRC | core))?;
                body.released_cores.remove(&core);
                Ok(())
            }
            (Resource::Cpu, None) => hotplug::plug_core(&mut body.qmp).map(drop).map_err(failed),
            (Resource::Mem, _) => hotplug::plug_memory(&mut body.qmp, LMB_MIB).map(drop).map_err(failed),
        }
    }

    fn remove(&self, body: &mut Body) -> Result<(), Error> {
        let failed = |error| Error::failed("remove hardware from", &self.partition.spec.name, error);
        if self.resource == Resource::Mem {
            return self.remove_memory(&mut body.qmp);
        }
        let cores = hotplug::query_cores(&mut body.qmp).map_err(failed)?;
        let present = cores.iter().filter(|core| core.qom_path.is_some()).map(|core| small(core.id));
        let last = present.filter(|core| !body.released_cores.contains(core)).max().unwrap_or(0);
        self.tell(&format!("cpu remove index {:#x}", CPU_DRC | last))?;
        body.released_cores.insert(last);
        self.wait_still(body, last)
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

    /// The kernel refuses blocks that hold what cannot be moved: then another one may do.
    fn remove_memory(&self, qmp: &mut Qmp) -> Result<(), Error> {
        let failed = |error| Error::failed("remove memory from", &self.partition.spec.name, error);
        let mut refusals = Vec::new();
        for dimm in hotplug::query_dimms(qmp).map_err(failed)?.into_iter().rev() {
            match hotplug::unplug_memory(qmp, &dimm, Instant::now() + TAKE_UP_DEADLINE) {
                Ok(()) => return Ok(()),
                Err(HotplugError::Kept { device }) => {
                    refusals.push(format!("{device}: {}", self.last_word_on_memory()));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Error::Refused(format!("the kernel keeps all blocks that were added: {}", refusals.join("; "))))
    }

    /// The last line of the kernel's log that speaks of memory blocks: why it refused one.
    fn last_word_on_memory(&self) -> String {
        let log = self.lab.guests.exec(&self.frame.console, &self.partition.spec.name, &["dmesg"], QUICK);
        let text = log.map(|done| String::from_utf8_lossy(&done.stdout).into_owned()).unwrap_or_default();
        text.lines().rfind(|line| line.contains("pseries-hotplug-mem")).unwrap_or("its log does not say why").to_owned()
    }

    fn tell(&self, request: &str) -> Result<(), Error> {
        let line = format!("{request}\n");
        self.lab.guests.write(
            &self.frame.console,
            &self.partition.spec.name,
            "/sys/kernel/dlpar",
            line.as_bytes(),
            TAKE_UP_DEADLINE + QUICK,
        )
    }
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
    fn what_the_partition_counts_is_read_from_its_files() {
        let cpuinfo = "processor\t: 0\ncpu\t\t: POWER9\n\nprocessor\t: 1\ncpu\t\t: POWER9\n\ntimebase\t: 512000000\n";
        assert_eq!(cpus_in(cpuinfo), 2);
        assert_eq!(memory_mib_in("MemTotal:        1013056 kB\nMemFree:          900000 kB\n"), 989);
        assert_eq!(memory_mib_in("garbage"), 0);
        let stat = "77 (CPU 1/TCG ) x) S 1 2 3 4 5 6 7 8 9 10 110 12 13 14";
        assert_eq!(ticks_in(stat), 122);
    }
}
