//! What the kernel understands. `/sys/kernel/dlpar` (`dlpar.c` of Linux 6.12): words with single spaces between them, the rest of
//! the line ignored, numbers in the notations of C. ofdt (`reconfig.c` of Linux 6.1): a path, and of each property its name, its
//! length and its bytes.

use nix::errno::Errno;
use platform::drc::DrcIndex;

use crate::dlpar::request::Change;

/// A request that the kernel understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) resource: Resource,
    pub(super) change: Change,
    pub(super) selection: Selection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    Cpu,
    Memory,
    Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selection {
    Index(DrcIndex),
    Count(u32),
    Run { first: DrcIndex, count: u32 },
}

impl Command {
    pub(super) fn parse(text: &str) -> Result<Self, Errno> {
        let mut words = text.trim_end_matches('\n').split(' ');
        let mut next = || words.next().ok_or(Errno::EINVAL);
        let resource = match next()? {
            "cpu" => Resource::Cpu,
            "memory" => Resource::Memory,
            "dt" => Resource::Node,
            _ => return Err(Errno::EINVAL),
        };
        let change = match next()? {
            "add" => Change::Add,
            "remove" => Change::Remove,
            _ => return Err(Errno::EINVAL),
        };
        let selection = match next()? {
            "index" => Selection::Index(DrcIndex(number(next()?)?)),
            "count" => Selection::Count(number(next()?)?),
            "indexed-count" => {
                let count = number(next()?)?;
                Selection::Run { count, first: DrcIndex(number(next()?)?) }
            }
            _ => return Err(Errno::EINVAL),
        };
        Ok(Self { resource, change, selection })
    }
}

/// A request of ofdt about a whole node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeRequest {
    pub(super) change: Change,
    pub(super) path: String,
    pub(super) properties: Vec<(String, Vec<u8>)>,
}

impl NodeRequest {
    pub(super) fn parse(request: &[u8]) -> Result<Self, Errno> {
        let (verb, rest) = word(request)?;
        match verb.as_str() {
            "remove_node" => {
                let path = String::from_utf8(rest.to_vec()).map_err(|_| Errno::ENODEV)?;
                Ok(Self { change: Change::Remove, path, properties: Vec::new() })
            }
            "add_node" => {
                let (path, rest) = word(rest)?;
                Ok(Self { change: Change::Add, path, properties: properties(rest)? })
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

/// Up to the next blank, which has to be there.
fn word(bytes: &[u8]) -> Result<(String, &[u8]), Errno> {
    let end = bytes.iter().position(|byte| *byte == b' ').ok_or(Errno::EINVAL)?;
    let (word, rest) = bytes.split_at(end);
    Ok((String::from_utf8(word.to_vec()).map_err(|_| Errno::EINVAL)?, &rest[1..]))
}

fn properties(mut rest: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Errno> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, after_name) = word(rest)?;
        let (length, bytes) = word(after_name)?;
        let length = length.parse().map_err(|_| Errno::EINVAL)?;
        // A value begins before the end, even an empty one.
        let value = bytes.get(..length).filter(|_| !bytes.is_empty()).ok_or(Errno::EINVAL)?;
        rest = match bytes[length..].split_first() {
            None => &[],
            Some((b' ' | 0, after)) => after,
            Some(_) => return Err(Errno::EINVAL),
        };
        found.push((name, value.to_vec()));
    }
    Ok(found)
}

/// `kstrtou32` with base 0.
fn number(word: &str) -> Result<u32, Errno> {
    let parsed = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None if word.len() > 1 && word.starts_with('0') => u32::from_str_radix(&word[1..], 8),
        None => word.parse(),
    };
    parsed.map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_grammar_is_the_kernels() {
        let parse = |text| Command::parse(text);
        assert_eq!(
            parse("cpu remove index 0x10000001"),
            Ok(Command {
                resource: Resource::Cpu,
                change: Change::Remove,
                selection: Selection::Index(DrcIndex(0x1000_0001))
            })
        );
        assert_eq!(parse("memory add count 2\n").map(|command| command.selection), Ok(Selection::Count(2)));
        assert_eq!(
            parse("memory add indexed-count 3 0x80000001 and so on").map(|command| command.selection),
            Ok(Selection::Run { first: DrcIndex(0x8000_0001), count: 3 })
        );
        for text in
            ["", "cpu", "cpu  add index 1", "cpu add index", "dts add index 1", "memory add count x", "cpu add name 1"]
        {
            assert_eq!(parse(text), Err(Errno::EINVAL), "{text:?}");
        }
    }

    #[test]
    fn ofdt_takes_nodes_as_the_kernel_does() {
        let parse = |request: &[u8]| NodeRequest::parse(request);
        let added = parse(b"add_node /pci@1 reg 2  \0 ibm,usable 0 \0").unwrap();
        assert_eq!((added.change, added.path.as_str()), (Change::Add, "/pci@1"));
        assert_eq!(added.properties, [("reg".to_owned(), vec![b' ', 0]), ("ibm,usable".to_owned(), vec![])]);
        assert_eq!(parse(b"remove_node /pci@1").unwrap().path, "/pci@1");
        let refused: [&[u8]; 7] = [
            b"",
            b"add_node",
            b"add_node /pci@1",
            b"add_node /pci@1 reg 2 x",
            b"add_node /pci@1 reg 1 xy",
            b"add_node /pci@1 ibm,usable 0 ",
            b"add_property 3 reg 1 x",
        ];
        for request in refused {
            assert_eq!(parse(request), Err(Errno::EINVAL), "{request:?}");
        }
    }
}
