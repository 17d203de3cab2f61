//! Dynamic reconfiguration connectors: the sockets into which firmware plugs CPUs, memory blocks, slots and host bridges.
//!
//! A node describes its connectors in one of two forms (LoPAPR 13.5.2): the list form, four properties side by side
//! (`ibm,drc-indexes`, `-names`, `-types`, `-power-domains`), and the range form, one property `ibm,drc-info`, which new
//! firmware uses when the client says that it understands it. Where both are present the range form counts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cells::{Cells, Malformed};
use crate::devicetree::{Node, Property};
use crate::error::{Error, Result as ReadResult};

/// More connectors than any node has: vdevice may have 32,768 slots, a large machine's memory some 100,000 blocks.
const MAX_CONNECTORS: u64 = 1 << 18;

/// The number by which firmware knows a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DrcIndex(pub u32);

impl fmt::Display for DrcIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A text that is not a DRC index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a DRC index: expected 0x and one to eight hexadecimal digits, not all zero")]
pub struct NotAnIndex(String);

impl FromStr for DrcIndex {
    type Err = NotAnIndex;

    /// `0x` and hexadecimal digits, and nothing else: what is nearly an index must not become another one, or "any".
    fn from_str(text: &str) -> Result<Self, NotAnIndex> {
        let refused = || NotAnIndex(text.to_owned());
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or_else(refused)?;
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        match u32::from_str_radix(digits, 16) {
            Ok(0) | Err(_) => Err(refused()),
            Ok(number) => Ok(Self(number)),
        }
    }
}

/// One connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its number.
    pub index: DrcIndex,
    /// Its name: `CPU 0`, `LMB 3`, `PHB 16`, or a location code.
    pub name: String,
    /// What may be plugged in: `CPU`, `MEM`, `PHB`, `SLOT`, or a number for a physical slot.
    pub kind: String,
    /// The power domain of a physical slot.
    pub power_domain: u32,
}

/// The connectors of a node, in firmware's order; `None` when it has none.
pub fn read(node: &Node<'_>) -> ReadResult<Option<Vec<Connector>>> {
    const INFO: &str = "ibm,drc-info";
    const NAMES: &str = "ibm,drc-names";
    let malformed = |name| move |problem: Malformed| Error::malformed(node.property_path(name), problem.to_string());
    if let Some(info) = node.property(INFO)? {
        return parse_info(info.bytes()).map(Some).map_err(malformed(INFO));
    }
    let Some(names) = node.property(NAMES)? else { return Ok(None) };
    let list = |name| Ok::<Property, Error>(node.property(name)?.unwrap_or_default());
    let (indexes, types, domains) = (list("ibm,drc-indexes")?, list("ibm,drc-types")?, list("ibm,drc-power-domains")?);
    let lists =
        Lists { names: names.bytes(), indexes: indexes.bytes(), types: types.bytes(), power_domains: domains.bytes() };
    parse_lists(lists).map(Some).map_err(malformed(NAMES))
}

/// Reads the range form, `ibm,drc-info`.
pub fn parse_info(property: &[u8]) -> Result<Vec<Connector>, Malformed> {
    let mut cells = Cells::new(property);
    let ranges = cells.u32("the number of ranges")?;
    let mut connectors = Vec::new();
    for _ in 0..ranges {
        let range = Range::parse(&mut cells)?;
        bounded("connectors", connectors.len() as u64 + u64::from(range.count))?;
        connectors.extend((0..range.count).map(|position| range.connector(position)));
    }
    Ok(connectors)
}

/// The four properties of the list form, as their bytes.
#[derive(Debug, Clone, Copy)]
pub struct Lists<'a> {
    /// `ibm,drc-indexes`.
    pub indexes: &'a [u8],
    /// `ibm,drc-names`.
    pub names: &'a [u8],
    /// `ibm,drc-types`.
    pub types: &'a [u8],
    /// `ibm,drc-power-domains`.
    pub power_domains: &'a [u8],
}

/// Reads the list form. All four lists must be of one length.
pub fn parse_lists(lists: Lists<'_>) -> Result<Vec<Connector>, Malformed> {
    let mut names = Cells::new(lists.names);
    let count = names.u32("the number of names")?;
    bounded("connectors", u64::from(count))?;
    let mut indexes = counted(lists.indexes, count, "indexes")?;
    let mut types = counted(lists.types, count, "types")?;
    let mut power_domains = counted(lists.power_domains, count, "power domains")?;
    // No allocation by a number from outside: a list of names that is too short ends the loop.
    let mut connectors = Vec::new();
    for _ in 0..count {
        connectors.push(Connector {
            index: DrcIndex(indexes.u32("an index")?),
            name: names.text("a name")?.to_owned(),
            kind: types.text("a type")?.to_owned(),
            power_domain: power_domains.u32("a power domain")?,
        });
    }
    Ok(connectors)
}

/// One entry of `ibm,drc-info`: connectors whose numbers and names count up alike.
struct Range<'a> {
    kind: &'a str,
    name_prefix: &'a str,
    first_index: u32,
    first_suffix: u32,
    count: u32,
    increment: u32,
    power_domain: u32,
}

impl<'a> Range<'a> {
    fn parse(cells: &mut Cells<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: cells.text("the type of a range")?,
            name_prefix: cells.text("the name of a range")?,
            first_index: cells.u32("the first index of a range")?,
            first_suffix: cells.u32("the first suffix of a range")?,
            count: cells.u32("the length of a range")?,
            increment: cells.u32("the increment of a range")?,
            power_domain: cells.u32("the power domain of a range")?,
        })
    }

    /// Numbers wrap rather than stop: a range that overflows names connectors that nobody has.
    fn connector(&self, position: u32) -> Connector {
        let offset = position.wrapping_mul(self.increment);
        Connector {
            index: DrcIndex(self.first_index.wrapping_add(offset)),
            name: format!("{}{}", self.name_prefix, self.first_suffix.wrapping_add(offset)),
            kind: self.kind.to_owned(),
            power_domain: self.power_domain,
        }
    }
}

fn counted<'a>(property: &'a [u8], expected: u32, what: &'static str) -> Result<Cells<'a>, Malformed> {
    let mut cells = Cells::new(property);
    let found = cells.u32("a count")?;
    if found != expected {
        return Err(Malformed::Disagree { what, found: found.into(), expected: expected.into() });
    }
    Ok(cells)
}

fn bounded(what: &'static str, found: u64) -> Result<(), Malformed> {
    if found > MAX_CONNECTORS {
        return Err(Malformed::TooMany { what, found, limit: MAX_CONNECTORS });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn range(kind: &str, prefix: &str, cells: [u32; 5]) -> Vec<u8> {
        let mut bytes = format!("{kind}\0{prefix}\0").into_bytes();
        bytes.extend(cells.iter().flat_map(|cell| cell.to_be_bytes()));
        bytes
    }

    fn list<T: AsRef<[u8]>>(entries: &[T]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).unwrap();
        let mut bytes = count.to_be_bytes().to_vec();
        bytes.extend(entries.iter().flat_map(|entry| entry.as_ref().to_vec()));
        bytes
    }

    #[test]
    fn a_range_counts_indexes_and_names_alike() {
        let mut bytes = 1u32.to_be_bytes().to_vec();
        bytes.extend(range("CPU", "CPU ", [0x1000_0000, 0, 3, 8, 0xffff_ffff]));
        let connectors = parse_info(&bytes).unwrap();
        let found: Vec<_> = connectors.iter().map(|c| (c.index.0, c.name.as_str(), c.kind.as_str())).collect();
        assert_eq!(
            found,
            [(0x1000_0000, "CPU 0", "CPU"), (0x1000_0008, "CPU 8", "CPU"), (0x1000_0010, "CPU 16", "CPU")]
        );
    }

    #[test]
    fn the_two_forms_say_the_same() {
        let mut info = 2u32.to_be_bytes().to_vec();
        info.extend(range("PHB", "PHB ", [0x2000_0000, 0, 2, 1, 7]));
        info.extend(range("SLOT", "U1-C", [0x3000_0005, 5, 1, 1, 7]));
        let lists = Lists {
            indexes: &list(&[0x2000_0000u32, 0x2000_0001, 0x3000_0005].map(u32::to_be_bytes)),
            names: &list(&["PHB 0\0", "PHB 1\0", "U1-C5\0"]),
            types: &list(&["PHB\0", "PHB\0", "SLOT\0"]),
            power_domains: &list(&[7u32; 3].map(u32::to_be_bytes)),
        };
        assert_eq!(parse_info(&info).unwrap(), parse_lists(lists).unwrap());
    }

    #[test]
    fn lists_of_different_length_are_refused() {
        let lists = Lists {
            indexes: &list(&[1u32.to_be_bytes()]),
            names: &list(&["CPU 0\0", "CPU 1\0"]),
            types: &list(&["CPU\0", "CPU\0"]),
            power_domains: &list(&[1u32; 2].map(u32::to_be_bytes)),
        };
        assert_eq!(parse_lists(lists), Err(Malformed::Disagree { what: "indexes", found: 1, expected: 2 }));
    }

    #[test]
    fn a_count_beyond_reason_is_refused_before_anything_is_allocated() {
        let mut bytes = 1u32.to_be_bytes().to_vec();
        bytes.extend(range("CPU", "CPU ", [0, 0, u32::MAX, 1, 0]));
        assert!(matches!(parse_info(&bytes), Err(Malformed::TooMany { .. })));
        assert!(parse_info(&u32::MAX.to_be_bytes()).is_err());
    }

    #[test]
    fn an_index_is_written_with_0x_and_nothing_else() {
        assert_eq!("0x10000001".parse(), Ok(DrcIndex(0x1000_0001)));
        assert_eq!(DrcIndex(0x1000_0001).to_string(), "0x10000001");
        for text in
            ["", "0x", "10000001", "0x1000000g", "0x10000001 ", " 0x1", "0x+1", "-1", "0x100000000", "0x0", "0x-1"]
        {
            assert!(text.parse::<DrcIndex>().is_err(), "{text:?}");
        }
    }
}
