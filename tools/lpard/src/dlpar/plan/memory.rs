//! Which memory blocks.
//!
//! A number of blocks is the kernel's own business: it takes all or none. Only where memory lies on several NUMA nodes are
//! blocks to be removed named one by one, so that nodes without CPUs are emptied first and the others keep memory in
//! proportion to their CPUs.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Offer, Refusal, count_of, expect};
use crate::dlpar::inventory::{Block, Inventory, Memory};
use crate::dlpar::request::{Change, MemoryChoice, Terms};
use crate::dlpar::step::Step;

const WHAT: &str = "memory block";

pub(super) fn offer(
    change: Change,
    which: MemoryChoice,
    terms: Terms,
    inventory: &Inventory,
) -> Result<Offer, Refusal> {
    if !inventory.interface.memory {
        return Err(Refusal::Unsupported("memory"));
    }
    let memory = inventory.memory.as_ref().ok_or(Refusal::NothingListed("memory"))?;
    match which {
        MemoryChoice::Count(count) => Ok(any(change, count.get(), terms, memory)),
        MemoryChoice::Index(index) => {
            let name = index.to_string();
            let found = memory.blocks.iter().find(|block| block.index == index);
            let block = found.ok_or(Refusal::Unknown { what: WHAT, name: name.clone() })?;
            expect(change, block.assigned, WHAT, &name)?;
            if block.reserved {
                return Err(Refusal::Reserved(index));
            }
            Ok(Offer::exactly(Step::Block { change, index }))
        }
        MemoryChoice::Run { first, count } => {
            let blocks = run(memory, first.0, count.get())?;
            for block in blocks {
                expect(change, block.assigned, WHAT, &block.index.to_string())?;
                if block.reserved {
                    return Err(Refusal::Reserved(block.index));
                }
            }
            Ok(Offer::exactly(Step::Run { change, first, count: count.get() }))
        }
    }
}

/// The blocks of a run, if all of them exist.
fn run(memory: &Memory, first: u32, count: u32) -> Result<&[Block], Refusal> {
    let unknown = || Refusal::Unknown { what: WHAT, name: format!("{first:#x} and {} after it", count - 1) };
    let start = memory.blocks.iter().position(|block| block.index.0 == first).ok_or_else(unknown)?;
    let length = usize::try_from(count).unwrap_or(usize::MAX);
    let blocks = memory.blocks.get(start..start.saturating_add(length)).ok_or_else(unknown)?;
    let follow = blocks.windows(2).all(|pair| pair[0].index.0.checked_add(1) == Some(pair[1].index.0));
    follow.then_some(blocks).ok_or_else(unknown)
}

fn any(change: Change, asked: u32, terms: Terms, memory: &Memory) -> Offer {
    let candidates = candidates(change, memory);
    let available = count_of(&candidates);
    let shortage = Refusal::NotEnough { what: "memory blocks", asked, available };
    let whole = Step::Blocks { change, count: asked };
    let singly = candidates.into_iter().map(|block| Step::Block { change, index: block.index });
    let attempts = match (change, memory.node_cpus.len() > 1) {
        (Change::Remove, true) => singly.collect(),
        _ if !terms.partial => vec![whole],
        _ if available < asked => singly.collect(),
        _ => std::iter::once(whole).chain(singly).collect(),
    };
    Offer { asked, available, shortage, attempts }
}

/// The blocks that could be added or removed, in the order in which that is best done.
fn candidates(change: Change, memory: &Memory) -> Vec<Block> {
    let assigned = change == Change::Remove;
    let blocks = memory.blocks.iter().copied().filter(|block| block.assigned == assigned && !block.reserved);
    match change {
        Change::Add => blocks.collect(),
        Change::Remove => by_node(blocks.collect(), &memory.node_cpus),
    }
}

/// Removal order: always from the node that has most too much, and there the highest block.
fn by_node(blocks: Vec<Block>, node_cpus: &BTreeMap<u32, u32>) -> Vec<Block> {
    let mut nodes: BTreeMap<Option<u32>, Node> = BTreeMap::new();
    for block in blocks {
        let cpus = block.node.and_then(|node| node_cpus.get(&node)).copied().unwrap_or(0);
        nodes.entry(block.node).or_insert(Node { cpus, blocks: Vec::new() }).blocks.push(block);
    }
    let mut nodes: Vec<Node> = nodes.into_values().collect();
    let mut order = Vec::new();
    while let Some(block) = nodes.iter_mut().max_by(|a, b| a.fullness(b)).and_then(|node| node.blocks.pop()) {
        order.push(block);
    }
    order
}

/// What is left on a NUMA node.
struct Node {
    cpus: u32,
    blocks: Vec<Block>,
}

impl Node {
    /// Which has more blocks for each of its CPUs: one without CPUs before all others, an empty one after them.
    fn fullness(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (self.blocks.len() as u64, other.blocks.len() as u64);
        // Fractions compared without dividing.
        let by_cpu = (ours * u64::from(other.cpus)).cmp(&(theirs * u64::from(self.cpus)));
        (ours > 0).cmp(&(theirs > 0)).then(by_cpu).then(ours.cmp(&theirs))
    }
}
