//! Which memory blocks.
//!
//! A number of blocks is the kernel's own business: it takes all or none. Only where memory lies on several NUMA nodes are
//! blocks to be removed named one by one, so that nodes without CPUs are emptied first and the others keep memory in
//! proportion to their CPUs.

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
    let mut left: BTreeMap<Option<u32>, Vec<Block>> = BTreeMap::new();
    for block in blocks {
        left.entry(block.node).or_default().push(block);
    }
    let mut order = Vec::new();
    while let Some(node) = fullest(&left, node_cpus) {
        let Some(block) = left.get_mut(&node).and_then(Vec::pop) else { break };
        order.push(block);
    }
    order
}

/// The node with the most blocks for each of its CPUs; one without CPUs comes before all others.
fn fullest(left: &BTreeMap<Option<u32>, Vec<Block>>, node_cpus: &BTreeMap<u32, u32>) -> Option<Option<u32>> {
    let cpus = |node: Option<u32>| node.and_then(|node| node_cpus.get(&node)).copied().unwrap_or(0);
    let nodes = left.iter().filter(|(_, blocks)| !blocks.is_empty());
    let (node, _) = nodes.max_by(|(a_node, a), (b_node, b)| {
        let (a_cpus, b_cpus) = (u64::from(cpus(**a_node)), u64::from(cpus(**b_node)));
        let (a, b) = (a.len() as u64, b.len() as u64);
        // a/a_cpus against b/b_cpus without fractions; without CPUs both products of the other are what decides.
        (a * b_cpus, a).cmp(&(b * a_cpus, b))
    })?;
    Some(*node)
}
