//! A partition in memory: firmware with a state machine for every connector, and the kernel above it.
//!
//! # Theory of operation
//!
//! The kernel half takes the same bytes as the running one, by the grammar of `/sys/kernel/dlpar` and lparcfg, and answers
//! with the same error numbers. To add or remove something it makes firmware calls in the order of the real kernel
//! (`dlpar_acquire_drc`, `configure-connector`, online; offline, `dlpar_release_drc`) and takes back what it did when one of
//! them fails. Every call and every switching on or off is an *operation* with a number, and [`Faults`] says which numbers
//! fail: so a test can break a request at every place it has. The kernel can be one that changes the device tree by itself, or one
//! that is told node by node.

mod cards;
mod firmware;
mod grammar;
mod nodes;
mod places;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use nix::errno::Errno;
use platform::cpu::{Core, Present, Thread};
use platform::drc::DrcIndex;

use self::firmware::Firmware;
use self::grammar::{Command, Resource, Selection};
use self::places::Places;
use self::tree::Simulated;
use super::inventory::{Block, DLPAR, DeviceTree, Interface, Inventory, Memory, ObserveError};
use super::kernel::{Kernel, StepError};
use super::ofdt;
use super::request::{Change, Parameter, Request};
use super::step::{Deed, Step};

/// Threads of a core.
const THREADS: u32 = 8;

/// Which operations fail, by number, counted from 0 since the faults were set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    failing: BTreeSet<u32>,
    next: u32,
}

impl Faults {
    /// These fail.
    pub fn at(operations: impl IntoIterator<Item = u32>) -> Self {
        Self { failing: operations.into_iter().collect(), next: 0 }
    }

    /// Counts an operation and says whether it fails.
    fn strikes(&mut self) -> bool {
        let number = self.next;
        self.next += 1;
        self.failing.contains(&number)
    }
}

/// The partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulator {
    firmware: Firmware,
    cores: Vec<SimulatedCore>,
    blocks: Vec<SimulatedBlock>,
    node_cpus: BTreeMap<u32, u32>,
    places: Places,
    parameters: BTreeMap<Parameter, u64>,
    device_tree: DeviceTree,
    faults: Faults,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SimulatedCore {
    index: DrcIndex,
    present: bool,
    online: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SimulatedBlock {
    index: DrcIndex,
    assigned: bool,
    reserved: bool,
    /// Pages that cannot be moved.
    pinned: bool,
    node: u32,
}

/// How a partition begins.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Cores it has.
    pub cores: u32,
    /// Cores it may have.
    pub max_cores: u32,
    /// Memory blocks it has.
    pub blocks: u32,
    /// Memory blocks it may have.
    pub max_blocks: u32,
    /// NUMA nodes that the blocks lie on in turn; node 0 has the CPUs.
    pub nodes: u32,
}

impl Simulator {
    /// A partition of that shape, without faults.
    pub fn new(shape: Shape) -> Self {
        let core = |n: u32| SimulatedCore {
            index: DrcIndex(0x1000_0000 + n * THREADS),
            present: n < shape.cores,
            online: n < shape.cores,
        };
        let block = |n: u32| SimulatedBlock {
            index: DrcIndex(0x8000_0000 + n),
            assigned: n < shape.blocks,
            reserved: false,
            pinned: false,
            node: n % shape.nodes.max(1),
        };
        let cores: Vec<_> = (0..shape.max_cores).map(core).collect();
        let blocks: Vec<_> = (0..shape.max_blocks).map(block).collect();
        let owned = cores.iter().map(|core| (core.index, core.present));
        let places = Places::new();
        let owned = owned.chain(blocks.iter().map(|block| (block.index, block.assigned)));
        let firmware = Firmware::new(owned.chain(places.connectors())).with_sockets(places.cards.sockets());
        let node_cpus =
            (0..shape.nodes.max(1)).map(|node| (node, if node == 0 { shape.cores * THREADS } else { 0 })).collect();
        let parameters = [(Parameter::CpuEntitlement, 100), (Parameter::CpuWeight, 128)].into();
        let device_tree = DeviceTree::Kernel;
        Self { firmware, cores, blocks, node_cpus, places, parameters, device_tree, faults: Faults::default() }
    }

    /// The same with a kernel before Linux 6.12, whose device tree is changed through ofdt.
    #[must_use]
    pub fn with_ofdt(mut self) -> Self {
        self.device_tree = DeviceTree::Ofdt { work_area: true };
        self
    }

    /// Turns around whether these nodes are there, as far as their parents are: what a step that ended half way says it left.
    pub fn turn_around(&mut self, paths: &[String]) {
        let mut parents_first: Vec<&String> = paths.iter().collect();
        parents_first.sort_unstable();
        for path in parents_first {
            let present = !self.places.has_node(path) && self.places.may_have_node(path);
            self.places.set_node(path, present);
        }
    }

    /// From now on these operations fail, and no others.
    pub fn break_at(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// How many operations there were since the faults were set.
    pub fn operations(&self) -> u32 {
        self.faults.next
    }

    /// Makes the pages of a block unmovable.
    pub fn pin(&mut self, index: DrcIndex) {
        self.blocks.iter_mut().filter(|block| block.index == index).for_each(|block| block.pinned = true);
    }

    /// Somebody else takes a free resource out of the hypervisor's pool.
    pub fn withdraw(&mut self, index: DrcIndex) {
        self.firmware.withdraw(index);
    }

    /// Whether kernel and firmware agree on who has what, and nothing is half plugged in.
    pub fn is_consistent(&self) -> bool {
        let cores = self.cores.iter().map(|core| (core.index, core.present, core.online == core.present));
        let blocks = self.blocks.iter().map(|block| (block.index, block.assigned, true));
        cores.chain(blocks).all(|(index, present, settled)| settled && self.firmware.is_settled(index, present))
    }

    /// Whether every slot and bridge is there as a whole or not at all.
    pub fn places_are_settled(&self) -> bool {
        self.places.are_settled(&self.firmware)
    }

    /// The same partition as `other`, whatever faults are set.
    pub fn same_state(&self, other: &Self) -> bool {
        let without_faults = |simulator: &Self| Self { faults: Faults::default(), ..simulator.clone() };
        without_faults(self) == without_faults(other)
    }

    /// Takes a write to one of the kernel's files.
    fn write(&mut self, path: &str, text: &str) -> Result<(), Errno> {
        if path == DLPAR {
            return self.command(Command::parse(text)?);
        }
        if let Some(file) = path.strip_prefix("sys/bus/pci/") {
            return self.write_to_bus(file, text);
        }
        let (key, value) = text.trim_end().split_once('=').ok_or(Errno::EINVAL)?;
        let parameter = Parameter::ALL.into_iter().find(|parameter| parameter.key() == key).ok_or(Errno::EINVAL)?;
        let value = value.parse().map_err(|_| Errno::EINVAL)?;
        if self.faults.strikes() {
            return Err(Errno::EINVAL);
        }
        self.parameters.insert(parameter, value);
        Ok(())
    }

    fn write_to_bus(&mut self, file: &str, text: &str) -> Result<(), Errno> {
        match file {
            "slots/control/add_slot" => self.places.register(Change::Add, text, &mut self.faults),
            "slots/control/remove_slot" => self.places.register(Change::Remove, text, &mut self.faults),
            "rescan" => self.places.rescan(&self.firmware, &mut self.faults),
            _ => {
                if let Some(slot) = file.strip_prefix("slots/").and_then(|file| file.strip_suffix("/power")) {
                    return self.places.use_card(slot, text, &mut self.faults);
                }
                let device = file.strip_prefix("devices/").and_then(|file| file.strip_suffix("/remove"));
                self.places.remove_device(device.ok_or(Errno::ENOENT)?, &mut self.faults)
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Errno> {
        match (command.resource, command.selection) {
            (Resource::Node, Selection::Index(index)) => {
                self.places.change_node(command.change, index, &self.firmware, &mut self.faults)
            }
            (Resource::Cpu, Selection::Index(index)) => self.change_core(command.change, index),
            (Resource::Cpu | Resource::Node, _) => Err(Errno::EINVAL),
            (Resource::Memory, Selection::Index(index)) => {
                let position = self.block(index)?;
                self.change_block(command.change, position)
            }
            (Resource::Memory, Selection::Count(count)) => {
                let wanted = command.change == Change::Add;
                let able = |block: &SimulatedBlock| block.assigned != wanted && !block.reserved;
                let candidates = (0..self.blocks.len()).filter(|&n| able(&self.blocks[n])).collect();
                self.change_blocks(command.change, count, candidates, true)
            }
            (Resource::Memory, Selection::Run { first, count }) => {
                let start = self.block(first)?;
                let length = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
                let end = start.checked_add(length).filter(|&end| end <= self.blocks.len()).ok_or(Errno::EINVAL)?;
                self.change_blocks(command.change, count, (start..end).collect(), false)
            }
        }
    }

    fn change_core(&mut self, change: Change, index: DrcIndex) -> Result<(), Errno> {
        let unknown = if change == Change::Add { Errno::EINVAL } else { Errno::ENODEV };
        let position = self.cores.iter().position(|core| core.index == index).ok_or(unknown)?;
        match (change, self.cores[position].present) {
            (Change::Add, true) => Err(Errno::EINVAL),
            (Change::Remove, false) => Err(Errno::ENODEV),
            (Change::Add, false) => self.add_core(position),
            (Change::Remove, true) => self.remove_core(position),
        }
    }

    fn add_core(&mut self, position: usize) -> Result<(), Errno> {
        let index = self.cores[position].index;
        self.firmware.acquire(index, &mut self.faults)?;
        // configure-connector, and switching its threads on
        if self.faults.strikes() || self.faults.strikes() {
            self.firmware.force_release(index);
            return Err(Errno::EINVAL);
        }
        self.cores[position].present = true;
        self.cores[position].online = true;
        Ok(())
    }

    fn remove_core(&mut self, position: usize) -> Result<(), Errno> {
        let index = self.cores[position].index;
        let running = self.cores.iter().filter(|core| core.online).count();
        if running <= 1 || self.faults.strikes() {
            return Err(Errno::EINVAL);
        }
        self.cores[position].online = false;
        if let Err(error) = self.firmware.release(index, &mut self.faults) {
            self.cores[position].online = true;
            return Err(error);
        }
        self.cores[position].present = false;
        Ok(())
    }

    fn block(&self, index: DrcIndex) -> Result<usize, Errno> {
        self.blocks.iter().position(|block| block.index == index).ok_or(Errno::EINVAL)
    }

    fn change_block(&mut self, change: Change, position: usize) -> Result<(), Errno> {
        let SimulatedBlock { index, assigned, reserved, pinned, .. } = self.blocks[position];
        if reserved || assigned == (change == Change::Add) {
            return Err(Errno::EINVAL);
        }
        match change {
            Change::Add => {
                self.firmware.acquire(index, &mut self.faults)?;
                if self.faults.strikes() {
                    self.firmware.force_release(index);
                    return Err(Errno::EINVAL);
                }
            }
            Change::Remove => {
                if pinned || self.faults.strikes() {
                    return Err(Errno::EBUSY);
                }
                self.firmware.release(index, &mut self.faults)?;
            }
        }
        self.blocks[position].assigned = change == Change::Add;
        Ok(())
    }

    /// So many of the candidates, or none. One that fails is passed over where the kernel may choose.
    fn change_blocks(
        &mut self,
        change: Change,
        count: u32,
        candidates: Vec<usize>,
        may_choose: bool,
    ) -> Result<(), Errno> {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        if count == 0 || candidates.len() < count {
            return Err(Errno::EINVAL);
        }
        let mut changed = Vec::new();
        for position in candidates {
            match self.change_block(change, position) {
                Ok(()) => changed.push(position),
                Err(_) if may_choose => {}
                Err(_) => break,
            }
            if changed.len() == count {
                return Ok(());
            }
        }
        for position in changed {
            // The real kernel only logs it when this fails too; here it is made to succeed, so that a single fault has one
            // effect and tests can tell the engine's mistakes from the kernel's.
            self.put_back(change, position);
        }
        Err(Errno::EINVAL)
    }

    fn put_back(&mut self, change: Change, position: usize) {
        let index = self.blocks[position].index;
        match change {
            Change::Add => self.firmware.force_release(index),
            Change::Remove => self.firmware.force_acquire(index),
        }
        self.blocks[position].assigned = change == Change::Remove;
    }
}

impl Kernel for Simulator {
    fn observe(&self, request: &Request) -> Result<Inventory, ObserveError> {
        let mut inventory = Inventory {
            interface: Interface { cpu: true, memory: true, device_tree: self.device_tree, firmware: true },
            ..Inventory::default()
        };
        match request {
            Request::Cpu { .. } => {
                inventory.cores = self.cores.iter().zip(0..).map(|(core, n)| core.observed(n)).collect();
            }
            Request::Memory { .. } => {
                let blocks = self.blocks.iter().map(SimulatedBlock::observed).collect();
                inventory.memory =
                    Some(Memory { lmb_size_bytes: 256 << 20, blocks, node_cpus: self.node_cpus.clone() });
            }
            Request::Place { kind, .. } => inventory.places = self.places.observed(*kind, &self.firmware),
            Request::Card { .. } | Request::Partner { .. } | Request::Light { .. } => {
                inventory.cards = self.places.all_cards(&self.firmware);
            }
            Request::CardsBelow { above, .. } => inventory.cards = self.places.cards_below(*above, &self.firmware),
            Request::Parameter { .. } => inventory.parameters = self.parameters.clone(),
        }
        Ok(inventory)
    }

    fn perform(&mut self, step: &Step) -> Result<(), StepError> {
        if let Step::Place { change: Change::Remove, index, .. } = step {
            self.places.let_go(*index, &mut self.faults).map_err(|errno| StepError::of(step, errno))?;
        }
        let done = match step.deed() {
            Deed::Write { path, text } => self.write(&path, &text),
            Deed::LetGo { index } => self.places.let_go(index, &mut self.faults),
            Deed::Nodes { change, index } => {
                return ofdt::change(change, index, &mut Simulated { simulator: self, step });
            }
            Deed::Firmware { call, inputs, .. } => {
                let in_use = |index| self.places.uses(index);
                return match self.firmware.call(call, &inputs, in_use, &mut self.faults) {
                    0 => Ok(()),
                    status => Err(StepError::Firmware { call, status }),
                };
            }
        };
        done.map_err(|errno| StepError::of(step, errno))
    }
}

impl SimulatedCore {
    fn observed(&self, position: u32) -> Core {
        let first = position * THREADS;
        let present = self.present.then(|| Present {
            node: format!("PowerPC,POWER9@{first:x}"),
            threads: (first..first + THREADS).map(|id| Thread { id, online: self.online }).collect(),
            cache: None,
        });
        Core { index: self.index, name: format!("CPU {first}"), present }
    }
}

impl SimulatedBlock {
    fn observed(&self) -> Block {
        Block { index: self.index, assigned: self.assigned, reserved: self.reserved, node: Some(self.node) }
    }
}
