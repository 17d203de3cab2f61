//! lsslot's options, checked against the kind of list they are for.

use std::path::PathBuf;

use platform::drc::{DrcIndex, NotAnIndex};

use crate::getopt::{self, Grammar, Long, Unknown};

const GRAMMAR: Grammar =
    Grammar { short: "abc:d:F:ops:w:", long: &[Long { name: "sysroot", letter: '/', takes_value: true }] };

const USAGE: &str = "\
Usage: lsslot [-c | -a | -b | -p | -o | -s ][-F | -d | -w]
        -c <connector type>
                Display the slots of the specified connector type.  The valid
                connector types are \"pci\" for hotplug PCI slots, \"slot\" for
                logical slots, \"phb\" for PHB's, \"port\" for LHEA ports, \"mem\"
                for memory, and \"cpu\" for cpu's. The default
                is \"slot\" if no -c option is specified.
        -a      Display available slots, valid for \"pci\" slots only.
        -b      Display cpu's and caches, valid for \"cpu\" only.
        -o      Display occupied slots, valid for \"pci\" slots only.
        -p      Display caches, valid for \"cpu\" slots only.
        -s [<slot> | <drc index>]
                Display characteristics of the specified slot or the LMB
                associated with drc index.
        -F <delimiter>
                Specified a single character to delimit the output.  The
                heading is not displayed and the columns are delimited by the
                specified character.
        -d <detail level>
                Enable debugging output. When displaying LMB information
                this will enable printing of LMBs not owned by the system.
        -w <timeout>
                Accepted and not needed: no lock is taken to list.
";

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Slot,
    Pci,
    Phb,
    Port,
    Cpu,
    Memory,
}

/// What was typed, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // five switches of the command line
pub(super) struct Options {
    pub(super) view: View,
    /// `-a`.
    pub(super) available: bool,
    /// `-o`.
    pub(super) occupied: bool,
    /// `-b`.
    pub(super) cpus_and_caches: bool,
    /// `-p`.
    pub(super) caches: bool,
    /// `-s`.
    pub(super) selector: Option<String>,
    /// `-s` of a list of memory.
    pub(super) block: Option<DrcIndex>,
    /// `-F`.
    pub(super) delimiter: Option<char>,
    /// `-d`.
    pub(super) level: u32,
    /// `--sysroot`.
    pub(super) sysroot: PathBuf,
}

/// Why a command line is refused, as it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misuse {
    Usage,
    Connector,
    Delimiter,
    BothCacheViews,
    Selector(String),
}

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage | Self::Connector => f.write_str(USAGE),
            Self::BothCacheViews => write!(f, "You cannot specify both the -b and -p options.\n{USAGE}"),
            Self::Selector(reason) => writeln!(f, "{reason}"),
            Self::Delimiter => f.write_str(
                "You may specify only one character for the -F option,\nand it must not be the % character.\n",
            ),
        }
    }
}

impl Options {
    /// Reads a command line without the program's name.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Misuse> {
        let mut options = Self {
            view: View::Slot,
            available: false,
            occupied: false,
            cpus_and_caches: false,
            caches: false,
            selector: None,
            block: None,
            delimiter: None,
            level: 0,
            sysroot: PathBuf::from("/"),
        };
        for option in getopt::parse(GRAMMAR, arguments).map_err(|Unknown(_)| Misuse::Usage)? {
            options.set(option.letter, option.value)?;
        }
        options.check()?;
        if let (View::Memory, Some(selector)) = (options.view, &options.selector) {
            let block = selector.parse().map_err(|error: NotAnIndex| Misuse::Selector(error.to_string()))?;
            options.block = Some(block);
        }
        Ok(options)
    }

    fn set(&mut self, letter: char, value: String) -> Result<(), Misuse> {
        match letter {
            'a' => self.available = true,
            'b' => self.cpus_and_caches = true,
            'o' => self.occupied = true,
            'p' => self.caches = true,
            'c' => self.view = view(&value).ok_or(Misuse::Connector)?,
            's' => self.selector = Some(value),
            'd' => self.level = value.parse().map_err(|_| Misuse::Usage)?,
            'w' => drop(value.parse::<u32>().map_err(|_| Misuse::Usage)?),
            'F' => self.delimiter = Some(one_character(&value).ok_or(Misuse::Delimiter)?),
            _ => self.sysroot = PathBuf::from(value),
        }
        Ok(())
    }

    /// Not every switch is for every list.
    fn check(&self) -> Result<(), Misuse> {
        let of_slots = self.available || self.occupied;
        let of_cpus = self.cpus_and_caches || self.caches;
        let misused = match self.view {
            View::Slot | View::Port => of_slots || of_cpus,
            View::Phb => of_slots || of_cpus || self.delimiter.is_some(),
            View::Pci => of_cpus,
            View::Cpu => of_slots || self.delimiter.is_some() || self.selector.is_some(),
            View::Memory => false,
        };
        if misused {
            return Err(Misuse::Usage);
        }
        if self.view == View::Cpu && self.cpus_and_caches && self.caches {
            return Err(Misuse::BothCacheViews);
        }
        Ok(())
    }
}

fn view(text: &str) -> Option<View> {
    Some(match text {
        "slot" => View::Slot,
        "pci" => View::Pci,
        "phb" => View::Phb,
        "port" => View::Port,
        "cpu" => View::Cpu,
        "mem" => View::Memory,
        _ => return None,
    })
}

fn one_character(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let character = characters.next().filter(|&character| character != '%')?;
    characters.next().is_none().then_some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, Misuse> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn switches_belong_to_lists() {
        for line in
            ["", "-c slot -F :", "-c pci -a -o", "-c cpu -b", "-c mem -s 0x80000001 -d 4", "-c phb -s C0", "-w 5"]
        {
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in ["-a", "-c phb -F :", "-c pci -b", "-c cpu -s x", "-x", "-w soon"] {
            assert_eq!(parse(line), Err(Misuse::Usage), "{line}");
        }
        assert_eq!(parse("-c what"), Err(Misuse::Connector));
        assert_eq!(parse("-c cpu -b -p"), Err(Misuse::BothCacheViews));
        assert_eq!(parse("-F %"), Err(Misuse::Delimiter));
        assert_eq!(parse("-F ::"), Err(Misuse::Delimiter));
        assert!(matches!(parse("-c mem -s first"), Err(Misuse::Selector(_))));
    }
}
