//! Logical memory blocks (LMBs), the pieces in which firmware gives memory and takes it back.
//!
//! `/ibm,dynamic-reconfiguration-memory` lists them: `ibm,dynamic-memory-v2` as runs of neighbours that are alike,
//! `ibm,dynamic-memory` one by one (LoPAPR C.6.6.2). Memory that was there at boot and never moves is not in it under QEMU.

use sysroot::Sysroot;

use crate::cells::{Cells, Malformed};
use crate::devicetree::{self, Node};
use crate::drc::DrcIndex;
use crate::error::{Error, Result as ReadResult};

const NODE: &str = "ibm,dynamic-reconfiguration-memory";
const SECTIONS: &str = "sys/devices/system/memory";

/// More blocks than a machine has: 64 TiB in pieces of 256 MiB are 2^18.
const MAX_BLOCKS: u64 = 1 << 20;
/// The associativity index that says "none".
const NO_ASSOCIATIVITY: u32 = 0xffff_ffff;

/// The flags of a block (`arch/powerpc/include/asm/drmem.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// The partition has it.
    pub fn assigned(self) -> bool {
        self.0 & 0x8 != 0
    }

    /// Nobody may have it.
    pub fn reserved(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Its associativity index means nothing.
    pub fn associativity_invalid(self) -> bool {
        self.0 & 0x40 != 0
    }
}

/// Blocks that follow each other in number and address and are alike in all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How many.
    pub count: u32,
    /// The first one's address.
    pub address: u64,
    /// The first one's number.
    pub index: DrcIndex,
    /// Row of `ibm,associativity-lookup-arrays`, as firmware says it.
    pub associativity: u32,
    /// Flags of each.
    pub flags: Flags,
}

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lmb {
    /// Its number.
    pub index: DrcIndex,
    /// Where it begins.
    pub address: u64,
    /// Row of `ibm,associativity-lookup-arrays`, if it has one.
    pub associativity: Option<u32>,
    /// Its flags.
    pub flags: Flags,
}

/// All blocks of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    /// How many bytes each has (`ibm,lmb-size`).
    pub lmb_size_bytes: u64,
    /// In the order of the device tree.
    pub runs: Vec<Run>,
}

impl Blocks {
    /// Every block, in the order of the device tree.
    pub fn iter(&self) -> impl Iterator<Item = Lmb> + '_ {
        self.runs.iter().flat_map(|run| run.blocks(self.lmb_size_bytes))
    }

    /// The block of that number.
    pub fn find(&self, index: DrcIndex) -> Option<Lmb> {
        let run = self.runs.iter().find(|run| index.0.wrapping_sub(run.index.0) < run.count)?;
        run.blocks(self.lmb_size_bytes).find(|lmb| lmb.index == index)
    }
}

impl Run {
    fn blocks(self, lmb_size_bytes: u64) -> impl Iterator<Item = Lmb> {
        let known = self.associativity != NO_ASSOCIATIVITY && !self.flags.associativity_invalid();
        (0..self.count).map(move |position| Lmb {
            index: DrcIndex(self.index.0.wrapping_add(position)),
            address: self.address.wrapping_add(u64::from(position).wrapping_mul(lmb_size_bytes)),
            associativity: known.then_some(self.associativity),
            flags: self.flags,
        })
    }
}

/// The blocks of this partition; `None` when firmware does not list memory that way.
pub fn blocks(sysroot: &Sysroot) -> ReadResult<Option<Blocks>> {
    const SIZE: &str = "ibm,lmb-size";
    const V1: &str = "ibm,dynamic-memory";
    const V2: &str = "ibm,dynamic-memory-v2";
    let node = devicetree::root(sysroot).at(NODE);
    let Some(size) = node.property(SIZE)? else { return Ok(None) };
    let lmb_size_bytes =
        size.number().ok_or_else(|| Error::malformed(node.property_path(SIZE), "it is not a number"))?;
    if let Some(runs) = node.property(V2)? {
        return parse_v2(runs.bytes(), lmb_size_bytes).map(Some).map_err(malformed(&node, V2));
    }
    let Some(list) = node.property(V1)? else { return Ok(None) };
    parse_v1(list.bytes(), lmb_size_bytes).map(Some).map_err(malformed(&node, V1))
}

/// The associativity table; `None` when there is none.
pub fn associativity(sysroot: &Sysroot) -> ReadResult<Option<Associativity>> {
    const TABLE: &str = "ibm,associativity-lookup-arrays";
    let node = devicetree::root(sysroot).at(NODE);
    let Some(table) = node.property(TABLE)? else { return Ok(None) };
    Associativity::parse(table.bytes()).map(Some).map_err(malformed(&node, TABLE))
}

/// Which of a row's domains is the NUMA node, counted from one (`ibm,associativity-reference-points` of `/rtas`).
pub fn numa_depth(sysroot: &Sysroot) -> ReadResult<Option<u32>> {
    let points = devicetree::root(sysroot).at("rtas").property("ibm,associativity-reference-points")?;
    Ok(points.and_then(|points| points.cells()?.first().copied()))
}

fn malformed(node: &Node<'_>, property: &str) -> impl FnOnce(Malformed) -> Error {
    let path = node.property_path(property);
    move |problem| Error::malformed(path, problem.to_string())
}

/// How many bytes the kernel's memory sections have.
pub fn section_size_bytes(sysroot: &Sysroot) -> sysroot::Result<Option<u64>> {
    let text = sysroot.read_text_if_present(format!("{SECTIONS}/block_size_bytes"))?;
    Ok(text.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).filter(|&size| size > 0))
}

/// Whether the kernel would try to take a section out of use; `None` when there is no such section.
pub fn section_is_removable(sysroot: &Sysroot, section: u64) -> sysroot::Result<Option<bool>> {
    let text = sysroot.read_text_if_present(format!("{SECTIONS}/memory{section}/removable"))?;
    Ok(text.map(|text| text.trim() == "1"))
}

/// Reads `ibm,dynamic-memory-v2`.
pub fn parse_v2(property: &[u8], lmb_size_bytes: u64) -> Result<Blocks, Malformed> {
    let mut cells = Cells::new(property);
    let count = cells.u32("the number of runs")?;
    let mut runs = Vec::new();
    let mut blocks = 0;
    for _ in 0..count {
        let run = Run {
            count: cells.u32("the length of a run")?,
            address: cells.u64("the address of a run")?,
            index: DrcIndex(cells.u32("the index of a run")?),
            associativity: cells.u32("the associativity of a run")?,
            flags: Flags(cells.u32("the flags of a run")?),
        };
        blocks += u64::from(run.count);
        bounded(blocks)?;
        runs.push(run);
    }
    Ok(Blocks { lmb_size_bytes, runs })
}

/// Reads `ibm,dynamic-memory`.
pub fn parse_v1(property: &[u8], lmb_size_bytes: u64) -> Result<Blocks, Malformed> {
    let mut cells = Cells::new(property);
    let count = cells.u32("the number of memory blocks")?;
    bounded(count.into())?;
    let mut runs = Vec::new();
    for _ in 0..count {
        let address = cells.u64("the address of a block")?;
        let index = DrcIndex(cells.u32("the index of a block")?);
        cells.u32("a reserved cell")?;
        let associativity = cells.u32("the associativity of a block")?;
        runs.push(Run { count: 1, address, index, associativity, flags: Flags(cells.u32("the flags of a block")?) });
    }
    Ok(Blocks { lmb_size_bytes, runs })
}

/// `ibm,associativity-lookup-arrays`: for each row the domains from the largest to the smallest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Associativity {
    /// How many domains a row has.
    pub row_length: u32,
    /// Row after row.
    pub domains: Vec<u32>,
}

impl Associativity {
    /// Reads the property.
    pub fn parse(property: &[u8]) -> Result<Self, Malformed> {
        let mut cells = Cells::new(property);
        let rows = cells.u32("the number of associativity lists")?;
        let row_length = cells.u32("the length of an associativity list")?;
        let expected = u64::from(rows) * u64::from(row_length);
        let found = cells.remaining() as u64 / 4;
        if found != expected {
            return Err(Malformed::Disagree { what: "associativity domains", found, expected });
        }
        let mut domains = Vec::with_capacity(cells.remaining() / 4);
        while !cells.is_empty() {
            domains.push(cells.u32("a domain")?);
        }
        Ok(Self { row_length, domains })
    }

    /// The domains of a row.
    pub fn row(&self, row: u32) -> Option<&[u32]> {
        let length = usize::try_from(self.row_length).ok()?;
        let start = length.checked_mul(usize::try_from(row).ok()?)?;
        self.domains.get(start..start.checked_add(length)?)
    }

    /// The NUMA node of a row: the domain at `depth`, counted from one (`ibm,associativity-reference-points`).
    pub fn node(&self, row: u32, depth: u32) -> Option<u32> {
        self.row(row)?.get(usize::try_from(depth.checked_sub(1)?).ok()?).copied()
    }
}

fn bounded(found: u64) -> Result<(), Malformed> {
    if found > MAX_BLOCKS {
        return Err(Malformed::TooMany { what: "memory blocks", found, limit: MAX_BLOCKS });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LMB: u64 = 256 << 20;

    fn cells(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    #[test]
    fn both_forms_describe_the_same_blocks() {
        let runs = cells(&[2, 2, 0, 0, 0x8000_0000, 0xffff_ffff, 0x88, 1, 0, 0x2000_0000, 0x8000_0002, 0, 0x8]);
        let single = cells(&[
            3,
            0,
            0,
            0x8000_0000,
            0,
            0xffff_ffff,
            0x88,
            0,
            0x1000_0000,
            0x8000_0001,
            0,
            0xffff_ffff,
            0x88,
            0,
            0x2000_0000,
            0x8000_0002,
            0,
            0,
            0x8,
        ]);
        let v2 = parse_v2(&runs, LMB).unwrap();
        let v1 = parse_v1(&single, LMB).unwrap();
        assert_eq!(v2.iter().collect::<Vec<_>>(), v1.iter().collect::<Vec<_>>());
        let last = v2.find(DrcIndex(0x8000_0002)).unwrap();
        assert_eq!((last.address, last.associativity, last.flags.assigned()), (2 * LMB, Some(0), true));
        assert!(v2.find(DrcIndex(0x8000_0001)).unwrap().flags.reserved());
        assert_eq!(v2.find(DrcIndex(0x8000_0003)), None);
    }

    #[test]
    fn a_run_beyond_reason_is_refused() {
        let bytes = cells(&[1, u32::MAX, 0, 0, 0, 0, 0]);
        assert!(matches!(parse_v2(&bytes, LMB), Err(Malformed::TooMany { .. })));
        assert!(parse_v1(&cells(&[4, 0, 0]), LMB).is_err());
    }

    #[test]
    fn associativity_rows_are_found_and_bounded() {
        let table = Associativity::parse(&cells(&[2, 4, 0, 0, 0, 1, 0, 0, 0, 2])).unwrap();
        assert_eq!(table.row(1), Some(&[0, 0, 0, 2][..]));
        assert_eq!(table.node(1, 4), Some(2));
        assert_eq!(
            (table.node(1, 5), table.node(2, 4), table.node(0, 0), table.node(u32::MAX, 1)),
            (None, None, None, None)
        );
        assert!(Associativity::parse(&cells(&[2, 4, 0])).is_err());
        assert!(Associativity::parse(&cells(&[u32::MAX, u32::MAX])).is_err());
    }
}
