//! `-c mem`: the memory blocks of the partition; with `-d 4` all there are, with `-s` one of them.

use std::fmt::Write;

use platform::memory::{self, Associativity, Lmb};
use sysroot::Sysroot;

use super::options::Options;
use super::{LEVEL_ALL, STATUS_NO_LIST, Trouble};

/// Blocks are numbered from the connector class of memory on (LoPAPR: the top bits of an index are its class).
const CLASS_MASK: u32 = 0x0fff_ffff;

pub(super) fn list(sysroot: &Sysroot, options: &Options, list: &mut String) -> Result<(), Trouble> {
    let blocks = memory::blocks(sysroot)?.filter(|blocks| !blocks.runs.is_empty());
    let Some(blocks) = blocks else {
        return Err(Trouble::Nothing("There is no dynamic reconfiguration memory on this system.\n", STATUS_NO_LIST));
    };
    let _ = writeln!(list, "Dynamic Reconfiguration Memory (LMB size {:#x})", blocks.lmb_size_bytes);
    let shown = |lmb: &Lmb| {
        let is_wanted = options.block.is_none_or(|index| lmb.index == index);
        is_wanted && (lmb.flags.assigned() || options.level >= LEVEL_ALL)
    };
    // What only the printing of a block needs is read when there is one.
    let mut surroundings = None;
    for lmb in blocks.iter().filter(shown) {
        let surroundings = match &surroundings {
            Some(read) => read,
            None => surroundings.insert(Surroundings::read(sysroot)?),
        };
        surroundings.print(sysroot, lmb, blocks.lmb_size_bytes, list)?;
    }
    Ok(())
}

struct Surroundings {
    associativity: Option<Associativity>,
    section_size_bytes: u64,
}

impl Surroundings {
    fn read(sysroot: &Sysroot) -> Result<Self, Trouble> {
        let Some(section_size_bytes) = memory::section_size_bytes(sysroot)? else {
            return Err(Trouble::Nothing("This kernel cannot change memory at run time.\n", STATUS_NO_LIST));
        };
        Ok(Self { associativity: memory::associativity(sysroot)?, section_size_bytes })
    }

    fn print(&self, sysroot: &Sysroot, lmb: Lmb, lmb_size_bytes: u64, list: &mut String) -> Result<(), Trouble> {
        let owned = lmb.flags.assigned();
        let sections = if owned { self.sections(lmb, lmb_size_bytes) } else { Vec::new() };
        let mut removable = owned;
        for &section in &sections {
            removable &= memory::section_is_removable(sysroot, section)?.unwrap_or(true);
        }
        let ownership = if owned { "" } else { "Not Owned" };
        let _ = writeln!(list, "LMB {}: {ownership}", lmb.index.0 & CLASS_MASK);
        let _ = writeln!(list, "    DRC Index: {:x}        Address: {:x}", lmb.index.0, lmb.address);
        let removable = if removable { "Yes" } else { "No " };
        let _ = writeln!(list, "    Removable: {removable}             Associativity: {}", self.domains(lmb));
        if owned {
            let numbers: Vec<String> = sections.iter().map(u64::to_string).collect();
            let _ = writeln!(list, "    Section(s): {}", numbers.join(", "));
        }
        Ok(())
    }

    /// The kernel's sections in a block, the highest first, as ever.
    fn sections(&self, lmb: Lmb, lmb_size_bytes: u64) -> Vec<u64> {
        let first = lmb.address / self.section_size_bytes;
        let count = lmb_size_bytes.div_ceil(self.section_size_bytes);
        (first..first.saturating_add(count)).rev().collect()
    }

    fn domains(&self, lmb: Lmb) -> String {
        let Some(row) = lmb.associativity else { return "Not Set".to_owned() };
        let domains = self.associativity.as_ref().and_then(|table| table.row(row)).unwrap_or_default();
        let domains: String = domains.iter().map(|domain| format!("{domain} ")).collect();
        format!("(index: {row}) {domains}")
    }
}
