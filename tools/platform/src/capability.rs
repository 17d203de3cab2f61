//! What can be done to this partition: asked of what the kernel shows, without changing anything.
//!
//! `drmgr -C` of powerpc-utils asks similar questions; it loads a module for one of them, this does not.

use serde::{Serialize, Serializer};
use sysroot::Sysroot;

use crate::devicetree;
use crate::error::{Error, Result, chain};

const DLPAR: &str = "sys/kernel/dlpar";
const CPUS: &str = "sys/devices/system/cpu";
const MEMORY: &str = "sys/devices/system/memory";
const ADD_SLOT: &str = "sys/bus/pci/slots/control/add_slot";
const SLOT_MODULE: &str = "rpadlpar_io.ko";
const LOCKDOWN: &str = "sys/kernel/security/lockdown";
const MIGRATION: &str = "sys/kernel/mobility/migration";
const HIBERNATE: &str = "sys/devices/system/power/hibernate";

/// Blocks of memory that are asked whether they can be removed. Since Linux 5.10 all say the same.
const BLOCKS_ASKED: usize = 64;

/// `modules.dep` of a distribution's kernel has less than 1 MiB.
const MODULES_LIMIT_BYTES: usize = 8 << 20;

/// A question that is answered yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The kernel takes requests at all.
    Dlpar,
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// Virtual and physical I/O slots.
    Slot,
    /// PCI host bridges.
    Phb,
    /// Migration while the partition runs.
    Migration,
    /// Hibernation by the platform.
    Hibernation,
}

impl Fact {
    /// All questions.
    pub const ALL: [Self; 7] =
        [Self::Dlpar, Self::Cpu, Self::Memory, Self::Slot, Self::Phb, Self::Migration, Self::Hibernation];
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It can.
    Yes,
    /// It cannot, because.
    No(String),
}

impl Answer {
    /// The reason, when it cannot.
    pub fn why_not(&self) -> Option<String> {
        match self {
            Self::Yes => None,
            Self::No(why) => Some(why.clone()),
        }
    }

    fn when(able: bool, why_not: &str) -> Self {
        if able { Self::Yes } else { Self::No(why_not.to_owned()) }
    }

    fn and(self, other: impl FnOnce() -> Self) -> Self {
        if self == Self::Yes { other() } else { self }
    }
}

/// The answers to all questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities([Answer; Fact::ALL.len()]);

impl Capabilities {
    /// Those of a guest that can do everything.
    pub fn all() -> Self {
        Self(Fact::ALL.map(|_| Answer::Yes))
    }

    /// The answer to a question.
    pub fn answer(&self, fact: Fact) -> &Answer {
        &self.0[fact as usize]
    }

    /// The answer to a question, to be changed by who knows better.
    pub fn answer_mut(&mut self, fact: Fact) -> &mut Answer {
        &mut self.0[fact as usize]
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(Fact::ALL.iter().map(|fact| (fact, self.answer(*fact))))
    }
}

/// Asks the kernel. What cannot be read counts as "no", with the error as its reason.
pub fn read(sysroot: &Sysroot) -> Capabilities {
    let dlpar = Requests::read(sysroot);
    Capabilities(Fact::ALL.map(|fact| {
        let answer = match fact {
            Fact::Dlpar => Ok(dlpar.any()),
            Fact::Cpu => cpu(sysroot).map(|answer| dlpar.takes("cpu").and(|| answer)),
            Fact::Memory => memory(sysroot).map(|answer| dlpar.takes("memory").and(|| answer)),
            Fact::Slot | Fact::Phb => slot(sysroot, &dlpar),
            Fact::Migration => Ok(migration(sysroot)),
            Fact::Hibernation => {
                Ok(Answer::when(sysroot.exists(HIBERNATE), "the kernel has no /sys/devices/system/power/hibernate"))
            }
        };
        answer.unwrap_or_else(|error| Answer::No(format!("it cannot be told: {}", chain(&error))))
    }))
}

/// What `/sys/kernel/dlpar` says that it takes: `memory,cpu,dt`.
struct Requests(std::result::Result<Option<String>, sysroot::Error>);

impl Requests {
    fn read(sysroot: &Sysroot) -> Self {
        Self(sysroot.read_text_if_present(DLPAR))
    }

    fn any(&self) -> Answer {
        match &self.0 {
            Ok(Some(_)) => Answer::Yes,
            Ok(None) => {
                Answer::No("the kernel has no /sys/kernel/dlpar: this is no pSeries partition, or an old kernel".into())
            }
            Err(error) => Answer::No(chain(error)),
        }
    }

    fn lists(&self, resource: &str) -> bool {
        matches!(&self.0, Ok(Some(text)) if text.trim().split(',').any(|listed| listed == resource))
    }

    fn takes(&self, resource: &str) -> Answer {
        self.any()
            .and(|| Answer::when(self.lists(resource), &format!("/sys/kernel/dlpar does not take {resource} requests")))
    }
}

fn cpu(sysroot: &Sysroot) -> Result<Answer> {
    let is_cpu = |name: &str| name.strip_prefix("cpu").is_some_and(|rest| rest.parse::<u32>().is_ok());
    let names = sysroot.list(CPUS)?;
    let able = names.iter().any(|name| is_cpu(name) && sysroot.exists(format!("{CPUS}/{name}/online")));
    Ok(Answer::when(able, "the kernel cannot take processors offline (CONFIG_HOTPLUG_CPU)"))
}

fn memory(sysroot: &Sysroot) -> Result<Answer> {
    if !devicetree::root(sysroot).at("ibm,dynamic-reconfiguration-memory").exists() {
        return Ok(Answer::No("the firmware offers no memory that can be added or removed".into()));
    }
    if !sysroot.exists(format!("{MEMORY}/block_size_bytes")) {
        return Ok(Answer::No("the kernel has no memory blocks (CONFIG_MEMORY_HOTPLUG)".into()));
    }
    let blocks = sysroot.list(MEMORY)?.into_iter().filter(|name| name.starts_with("memory")).take(BLOCKS_ASKED);
    for block in blocks {
        let removable = sysroot.read_text_if_present(format!("{MEMORY}/{block}/removable"))?;
        if removable.is_some_and(|text| text.trim() == "1") {
            return Ok(Answer::Yes);
        }
    }
    Ok(Answer::No("the kernel cannot remove memory (CONFIG_MEMORY_HOTREMOVE)".into()))
}

/// Slots and host bridges go the same way: the module rpadlpar_io, and the device tree.
fn slot(sysroot: &Sysroot, dlpar: &Requests) -> Result<Answer> {
    if !sysroot.exists(ADD_SLOT) && !has_module(sysroot)? {
        return Ok(Answer::No("the kernel has no module rpadlpar_io (CONFIG_HOTPLUG_PCI_RPA_DLPAR)".into()));
    }
    // Without "dt" requests (before Linux 6.12) user space has to read the firmware's answers through /dev/mem.
    let why = "the kernel is locked down and too old to change the device tree itself (Linux 6.12 can)";
    Ok(Answer::when(dlpar.lists("dt") || !is_locked_down(sysroot)?, why))
}

/// Whether the kernel keeps everybody, root too, from changing what it is made of: `/dev/mem` and ofdt are closed then.
pub fn is_locked_down(sysroot: &Sysroot) -> sysroot::Result<bool> {
    let lockdown = sysroot.read_text_if_present(LOCKDOWN)?;
    Ok(lockdown.is_some_and(|text| !text.contains("[none]")))
}

fn has_module(sysroot: &Sysroot) -> Result<bool> {
    let release = sysroot.uname()?.release;
    for list in ["modules.dep", "modules.builtin"] {
        match sysroot.read_bytes_at_most(format!("lib/modules/{release}/{list}"), MODULES_LIMIT_BYTES) {
            Ok(bytes) if bytes.windows(SLOT_MODULE.len()).any(|window| window == SLOT_MODULE.as_bytes()) => {
                return Ok(true);
            }
            Err(error) if !error.is_absent() => return Err(Error::from(error)),
            _ => {}
        }
    }
    Ok(false)
}

fn migration(sysroot: &Sysroot) -> Answer {
    let flagged = devicetree::root(sysroot).has("ibm,migratable-partition");
    let why = "the partition is not marked as migratable (ibm,migratable-partition in the device tree)";
    Answer::when(flagged, why)
        .and(|| Answer::when(sysroot.exists(MIGRATION), "the kernel has no /sys/kernel/mobility/migration"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::machine;

    const CAPABLE: [(&str, &[u8]); 9] = [
        ("sys/kernel/dlpar", b"memory,cpu,dt\n"),
        ("sys/devices/system/cpu/cpu0/online", b"1\n"),
        ("proc/device-tree/ibm,dynamic-reconfiguration-memory/name", b"x\0"),
        ("sys/devices/system/memory/block_size_bytes", b"10000000\n"),
        ("sys/devices/system/memory/memory1/removable", b"1\n"),
        ("sys/bus/pci/slots/control/add_slot", b""),
        ("proc/device-tree/ibm,migratable-partition", b""),
        ("sys/kernel/mobility/migration", b""),
        ("sys/devices/system/power/hibernate", b"1\n"),
    ];

    /// The facts that are not so when these files are as given and all others as in a capable guest.
    fn missing(changed: &[(&str, Option<&[u8]>)]) -> Vec<(Fact, String)> {
        let kept = CAPABLE.iter().filter(|(path, _)| !changed.iter().any(|(other, _)| other == path)).copied();
        let new = changed.iter().filter_map(|(path, bytes)| bytes.map(|bytes| (*path, bytes)));
        let (_dir, sysroot) = machine(kept.chain(new));
        let found = read(&sysroot);
        Fact::ALL.iter().filter_map(|fact| found.answer(*fact).why_not().map(|why| (*fact, why))).collect()
    }

    #[test]
    fn a_capable_guest_can_do_everything() {
        assert_eq!(missing(&[]), []);
    }

    #[test]
    fn each_thing_that_is_missing_takes_away_what_needs_it() {
        type Changed<'a> = (&'a str, Option<&'a [u8]>);
        let cases: [(&[Changed], &[Fact], &str); 8] = [
            (&[("sys/kernel/dlpar", None)], &[Fact::Dlpar, Fact::Cpu, Fact::Memory], "no /sys/kernel/dlpar"),
            (&[("sys/kernel/dlpar", Some(b"memory\n"))], &[Fact::Cpu], "does not take cpu"),
            (
                &[("sys/devices/system/cpu/cpu0/online", None), ("sys/devices/system/cpu/cpu0/x", Some(b""))],
                &[Fact::Cpu],
                "HOTPLUG_CPU",
            ),
            (&[("sys/devices/system/memory/memory1/removable", Some(b"0\n"))], &[Fact::Memory], "MEMORY_HOTREMOVE"),
            (&[("sys/bus/pci/slots/control/add_slot", None)], &[Fact::Slot, Fact::Phb], "rpadlpar_io"),
            (
                &[
                    ("sys/kernel/dlpar", Some(b"memory,cpu\n")),
                    ("sys/kernel/security/lockdown", Some(b"none [integrity] confidentiality\n")),
                ],
                &[Fact::Slot, Fact::Phb],
                "locked down",
            ),
            (&[("proc/device-tree/ibm,migratable-partition", None)], &[Fact::Migration], "not marked as migratable"),
            (&[("sys/devices/system/power/hibernate", None)], &[Fact::Hibernation], "hibernate"),
        ];
        for (changed, facts, why) in cases {
            let found = missing(changed);
            assert_eq!(found.iter().map(|(fact, _)| *fact).collect::<Vec<_>>(), facts, "{changed:?}");
            assert!(found[0].1.contains(why), "{found:?}");
        }
    }

    #[test]
    fn lockdown_does_not_matter_to_a_kernel_that_changes_the_device_tree_itself() {
        assert_eq!(missing(&[("sys/kernel/security/lockdown", Some(b"none [integrity] confidentiality\n"))]), []);
    }

    #[test]
    fn a_module_that_could_be_loaded_is_enough() {
        let listed = [
            ("sys/bus/pci/slots/control/add_slot", None),
            ("proc/sys/kernel/osrelease", Some(b"6.12.1\n" as &[u8])),
            ("lib/modules/6.12.1/modules.dep", Some(b"kernel/drivers/pci/hotplug/rpadlpar_io.ko.xz: kernel/x.ko\n")),
        ];
        assert_eq!(missing(&listed), []);
    }
}
