//! All that a console shows of a partition, from what the machine shows.

use platform::drc::Connector;
use platform::memory::{self, Blocks};
use platform::observation::{Observation, observe};
use platform::os::OperatingSystem;
use platform::{cpu, dcaps, meminfo, slot};
use sysroot::Sysroot;
use wire::hex::{Capabilities, DrcIndex};
use wire::message::Event;
use wire::message::inventory::{self as told, Health, HealthState, Inventory, Processors, Slot, SlotKind};
use wire::message::migration::MigrationRecord;
use wire::phase::Phase;

use crate::identity;

const MIB: u64 = 1 << 20;

/// What the agent knows by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) phase: Phase,
    pub(crate) last_migration: Option<MigrationRecord>,
}

/// Reads the machine and tells it. What cannot be read is a finding, and the rest is told all the same.
pub(crate) fn read(sysroot: &Sysroot, known: &Known) -> Inventory {
    let mut findings = Vec::new();
    let observation = observe(sysroot);
    let cores = keep(&mut findings, "processors", cpu::cores(sysroot)).unwrap_or_default();
    let blocks = keep(&mut findings, "memory blocks", memory::blocks(sysroot)).flatten();
    let slots = keep(&mut findings, "slots", slots(sysroot)).unwrap_or_default();
    findings.extend(observation.gaps.iter().map(|gap| format!("{} cannot be read: {}", gap.part, gap.why)));
    let words = dcaps::compute(&observation.capabilities);
    let present = cores.iter().filter(|core| core.present.is_some()).count();
    Inventory {
        identity: identity::of(&observation.identity.clone().unwrap_or_default()),
        phase: known.phase,
        host_name: observation.host_name.clone().unwrap_or_default(),
        system: system(observation.os.as_ref()),
        processors: processors(&observation, present),
        memory: memory(&observation, blocks.as_ref()),
        slots,
        dlpar_capabilities: Capabilities(words.dcaps),
        command_capabilities: words.cmdcaps.map(Capabilities),
        pinned_memory_mib: words.pinned_memory_mib,
        uptime_ms: observation.uptime_s.unwrap_or_default().saturating_mul(1000),
        last_migration: known.last_migration.clone(),
        health: health(findings),
    }
}

/// What the partition has now, for an event: no more is read than it tells.
pub(crate) fn resized(sysroot: &Sysroot) -> Event {
    let present = cpu::cores(sysroot).map_or(0, |cores| cores.iter().filter(|core| core.present.is_some()).count());
    let total_bytes = meminfo::read(sysroot).map_or(0, |meminfo| meminfo.total_bytes);
    Event::Resized { virtual_processors: u32::try_from(present).unwrap_or(u32::MAX), memory_mib: total_bytes / MIB }
}

/// Who the partition is, for a greeting.
pub(crate) fn greeting(sysroot: &Sysroot) -> told::Identity {
    identity::of(&identity::read(sysroot).unwrap_or_default())
}

fn keep<T, E: std::error::Error>(findings: &mut Vec<String>, what: &str, read: Result<T, E>) -> Option<T> {
    read.map_err(|error| findings.push(format!("{what} cannot be read: {}", crate::log::Chain(&error)))).ok()
}

fn system(os: Option<&OperatingSystem>) -> told::OperatingSystem {
    let text = |field: fn(&OperatingSystem) -> &String| os.map(|os| field(os).clone()).unwrap_or_default();
    told::OperatingSystem { name: text(|os| &os.name), version: text(|os| &os.version), kernel: text(|os| &os.kernel) }
}

fn processors(observation: &Observation, present: usize) -> Processors {
    let lparcfg = observation.lparcfg.as_ref();
    let entitled = lparcfg.and_then(|lparcfg| lparcfg.partition_entitled_capacity);
    Processors {
        virtual_processors: u32::try_from(present).unwrap_or(u32::MAX),
        threads_online: observation.processors.as_ref().map_or(0, |processors| processors.online_threads),
        entitled_hundredths: entitled.and_then(|entitled| u32::try_from(entitled).ok()),
        weight: lparcfg.and_then(|lparcfg| lparcfg.capacity_weight).map(u32::from),
    }
}

fn memory(observation: &Observation, blocks: Option<&Blocks>) -> told::Memory {
    let assigned = blocks.map_or(0, |blocks| blocks.iter().filter(|lmb| lmb.flags.assigned()).count());
    told::Memory {
        total_mib: observation.memory.as_ref().map_or(0, |memory| memory.total_bytes / MIB),
        block_mib: blocks.map_or(0, |blocks| blocks.lmb_size_bytes / MIB),
        removable_blocks: u32::try_from(assigned).unwrap_or(u32::MAX),
    }
}

fn slots(sysroot: &Sysroot) -> platform::Result<Vec<Slot>> {
    let adapters = slot::logical_slots(sysroot)?.into_iter().chain(slot::physical_slots(sysroot)?).map(|found| {
        let kind = if found.kind == slot::Kind::Virtual { SlotKind::Virtual } else { SlotKind::Pci };
        told_slot(&found.connector, kind, found.nodes.first().map(|node| node.path.as_str()))
    });
    let bridges = slot::host_bridges(sysroot)?.into_iter().map(|found| {
        let path = Some(found.path.as_str()).filter(|path| !path.is_empty());
        told_slot(&found.connector, SlotKind::Phb, path)
    });
    Ok(adapters.chain(bridges).collect())
}

fn told_slot(connector: &Connector, kind: SlotKind, path: Option<&str>) -> Slot {
    let (name, index) = (connector.name.clone(), DrcIndex(connector.index.0));
    Slot { name, index, kind, device: path.map(last_part) }
}

/// `/vdevice/l-lan@30000004` is `l-lan@30000004` to people.
fn last_part(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

fn health(findings: Vec<String>) -> Health {
    Health { state: if findings.is_empty() { HealthState::Ok } else { HealthState::Warning }, findings }
}
