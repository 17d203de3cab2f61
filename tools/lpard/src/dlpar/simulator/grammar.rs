//! What `/sys/kernel/dlpar` understands (`dlpar.c` of Linux 6.12): words with single spaces between them, the rest of the
//! line ignored, numbers in the notations of C.

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
}
