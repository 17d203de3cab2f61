//! `lpar slots`: what firmware can plug into the partition and take out of it, and what is there now.

use platform::cpu::Core;
use platform::drc::{self, Connector, DrcIndex};
use platform::memory::{self, Blocks};
use platform::slot::{self, LinuxNames, Slot};
use platform::{cpu, devicetree};
use serde::Serialize;
use sysroot::Sysroot;

use super::Desk;
use crate::cli::SlotsArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};
use crate::units::amount;

/// The type of a host bridge's connector (PAPR, "ibm,drc-types").
const BRIDGE_TYPE: &str = "PHB";

#[derive(Debug, Serialize)]
struct SlotsReport {
    processors: Vec<CoreEntry>,
    memory: Option<MemoryEntry>,
    virtual_slots: Vec<SlotEntry>,
    pci_slots: Vec<SlotEntry>,
    host_bridges: Vec<BridgeEntry>,
    /// Whether the text has the empty places one by one.
    #[serde(skip)]
    all: bool,
}

#[derive(Debug, Serialize)]
struct CoreEntry {
    index: DrcIndex,
    name: String,
    /// Whether the partition has it.
    present: bool,
    /// The N of cpuN, as far as the kernel tells which are its.
    threads: Vec<u32>,
    /// Those of them that run.
    online_threads: usize,
}

#[derive(Debug, Serialize)]
struct MemoryEntry {
    block_bytes: u64,
    /// What the partition has.
    assigned_blocks: usize,
    /// What it might get.
    free_blocks: usize,
    /// What firmware keeps.
    reserved_blocks: usize,
    /// The first and the last of the blocks that the partition has.
    assigned_range: Option<(DrcIndex, DrcIndex)>,
}

#[derive(Debug, Serialize)]
struct SlotEntry {
    index: DrcIndex,
    name: String,
    kind: String,
    devices: Vec<DeviceEntry>,
}

#[derive(Debug, Serialize)]
struct DeviceEntry {
    node: String,
    name: Option<String>,
    linux_name: Option<String>,
}

#[derive(Debug, Serialize)]
struct BridgeEntry {
    index: DrcIndex,
    name: String,
    /// Where it is in the device tree, when the partition has it.
    node: Option<String>,
}

pub(super) fn run(desk: &Desk, args: SlotsArgs) -> Result<Exit> {
    let sysroot = &desk.sysroot;
    let names = LinuxNames::read(sysroot)?;
    let entries = |mut slots: Vec<Slot>| -> Vec<SlotEntry> {
        slots.sort_by(|a, b| slot::by_location(&a.connector.name, &b.connector.name));
        slots.into_iter().map(|slot| SlotEntry::new(slot, &names)).collect()
    };
    desk.output.show(&SlotsReport {
        processors: cpu::cores(sysroot)?.into_iter().map(CoreEntry::from).collect(),
        memory: memory::blocks(sysroot)?.map(|blocks| MemoryEntry::new(&blocks)),
        virtual_slots: entries(slot::logical_slots(sysroot)?),
        pci_slots: entries(slot::physical_slots(sysroot)?),
        host_bridges: host_bridges(sysroot)?,
        all: args.all,
    })?;
    Ok(Exit::Done)
}

/// Those that firmware lists, with where they are when the partition has them.
fn host_bridges(sysroot: &Sysroot) -> platform::Result<Vec<BridgeEntry>> {
    let present = slot::host_bridges(sysroot)?;
    let node = |index| present.iter().find(|bridge| bridge.connector.index == index).map(|bridge| bridge.path.clone());
    let connectors = drc::read(&devicetree::root(sysroot))?.unwrap_or_default();
    let listed = connectors.into_iter().filter(|connector| connector.kind == BRIDGE_TYPE);
    Ok(listed.map(|Connector { index, name, .. }| BridgeEntry { index, name, node: node(index) }).collect())
}

impl From<Core> for CoreEntry {
    fn from(core: Core) -> Self {
        let present = core.present.is_some();
        let threads = core.present.map(|present| present.threads).unwrap_or_default();
        Self {
            index: core.index,
            name: core.name,
            present,
            online_threads: threads.iter().filter(|thread| thread.online).count(),
            threads: threads.into_iter().map(|thread| thread.id).collect(),
        }
    }
}

impl MemoryEntry {
    fn new(blocks: &Blocks) -> Self {
        let count = |wanted: fn(memory::Flags) -> bool| blocks.iter().filter(|lmb| wanted(lmb.flags)).count();
        let assigned = || blocks.iter().filter(|lmb| lmb.flags.assigned()).map(|lmb| lmb.index);
        Self {
            block_bytes: blocks.lmb_size_bytes,
            assigned_blocks: count(memory::Flags::assigned),
            free_blocks: count(|flags| !flags.assigned() && !flags.reserved()),
            reserved_blocks: count(memory::Flags::reserved),
            assigned_range: assigned().min().zip(assigned().max()),
        }
    }
}

impl SlotEntry {
    fn new(slot: Slot, names: &LinuxNames) -> Self {
        let kind = slot::description(&slot.connector, slot.kind);
        let device = |node: slot::Node| DeviceEntry {
            linux_name: names.get(&node.path).map(str::to_owned),
            node: node.path,
            name: node.name,
        };
        let devices = slot.nodes.into_iter().map(device).collect();
        Self { index: slot.connector.index, name: slot.connector.name, kind, devices }
    }
}

impl Report for SlotsReport {
    fn write(&self, sheet: &mut Sheet) {
        self.list("Processors", &self.processors, CoreEntry::row, |core| core.present, sheet);
        sheet.heading("Memory");
        match &self.memory {
            Some(memory) => memory.write(sheet),
            None => sheet.line(&Cell::styled("firmware offers no memory that can be added or removed", Style::Unknown)),
        }
        self.list("Virtual slots", &self.virtual_slots, SlotEntry::row, |slot| !slot.devices.is_empty(), sheet);
        self.list("PCI slots", &self.pci_slots, SlotEntry::row, |slot| !slot.devices.is_empty(), sheet);
        self.list("Host bridges", &self.host_bridges, BridgeEntry::row, |bridge| bridge.node.is_some(), sheet);
    }
}

impl SlotsReport {
    /// What is there, one a line; how many are empty, or those too.
    fn list<T>(
        &self,
        heading: &str,
        entries: &[T],
        row: fn(&T) -> Row,
        is_occupied: fn(&T) -> bool,
        sheet: &mut Sheet,
    ) {
        sheet.heading(heading);
        let shown = entries.iter().filter(|entry| self.all || is_occupied(entry));
        let rows: Vec<Row> = shown.map(row).collect();
        sheet.table(&rows);
        match (entries.len(), entries.len() - rows.len()) {
            (0, _) => sheet.line(&Cell::styled("firmware lists none", Style::Unknown)),
            (_, 0) => {}
            (_, empty) => sheet.line(&Cell::new(format_args!("{empty} empty (--all shows them)"))),
        }
    }
}

impl MemoryEntry {
    fn write(&self, sheet: &mut Sheet) {
        let total = u64::try_from(self.assigned_blocks).unwrap_or(u64::MAX).saturating_mul(self.block_bytes);
        let range = self.assigned_range.map(|(first, last)| format!(", {first} to {last}")).unwrap_or_default();
        sheet.line(&Cell::new(format_args!(
            "{} blocks of {} ({}){range}; {} more possible, {} reserved",
            self.assigned_blocks,
            amount(self.block_bytes),
            amount(total),
            self.free_blocks,
            self.reserved_blocks
        )));
    }
}

impl CoreEntry {
    fn row(&self) -> Row {
        let threads: Vec<String> = self.threads.iter().map(|id| format!("cpu{id}")).collect();
        let state = match (self.threads.len(), self.online_threads) {
            _ if !self.present => Cell::styled("empty", Style::Unknown),
            (0, _) => Cell::styled("threads not known", Style::Unknown),
            (all, online) if all == online => Cell::styled("all run", Style::Good),
            (all, online) => Cell::styled(format_args!("{online} of {all} run"), Style::Doubtful),
        };
        Row::from(vec![Cell::new(self.index), Cell::new(&self.name), state, Cell::new(threads.join(" "))])
    }
}

impl SlotEntry {
    fn row(&self) -> Row {
        let device = |device: &DeviceEntry| {
            let name = device.name.as_deref().unwrap_or(&device.node);
            device.linux_name.as_deref().map_or_else(|| name.to_owned(), |linux| format!("{name} ({linux})"))
        };
        let devices: Vec<String> = self.devices.iter().map(device).collect();
        let shown =
            if devices.is_empty() { Cell::styled("empty", Style::Unknown) } else { Cell::new(devices.join(", ")) };
        Row::from(vec![Cell::new(self.index), Cell::new(&self.name), Cell::new(&self.kind), shown])
    }
}

impl BridgeEntry {
    fn row(&self) -> Row {
        let node = self.node.as_ref().map_or_else(|| Cell::styled("empty", Style::Unknown), Cell::new);
        Row::from(vec![Cell::new(self.index), Cell::new(&self.name), node])
    }
}
