//! drmgr's options: as typed, then checked. A later option of a kind replaces an earlier one; of actions the last one counts.

use std::path::PathBuf;
use std::time::Duration;

use crate::getopt::{self, Found, Grammar, Long, Unknown};

/// `/` and `~`, `!` are letters that nobody can type: they stand for long names.
const GRAMMAR: Grammar = Grammar {
    short: "ac:d:Iimnp:P:Qq:Rrs:w:t:hCVH",
    long: &[
        Long { name: "capabilities", letter: 'C', takes_value: false },
        Long { name: "help", letter: 'h', takes_value: false },
        Long { name: "dry-run", letter: '~', takes_value: false },
        Long { name: "partial", letter: '!', takes_value: false },
        Long { name: "sysroot", letter: '/', takes_value: true },
    ],
};

/// What is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connector {
    Pci,
    Slot,
    Phb,
    Cpu,
    Memory,
    Port,
    Hibernation,
    Migration,
    Accelerator,
}

impl Connector {
    const ALL: [(&'static str, Self); 9] = [
        ("pci", Self::Pci),
        ("slot", Self::Slot),
        ("phb", Self::Phb),
        ("cpu", Self::Cpu),
        ("mem", Self::Memory),
        ("port", Self::Port),
        ("phib", Self::Hibernation),
        ("pmig", Self::Migration),
        ("acc", Self::Accelerator),
    ];

    /// From the text of `-c`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, connector)| *connector)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Add,
    Remove,
    Query,
    Replace,
    Identify,
    Migrate,
}

/// What was typed, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // switches of the command line
pub(crate) struct Options {
    /// `-c`, if it is a connector type.
    pub(crate) connector: Option<Connector>,
    /// The last of `-a -r -Q -R -i -m`.
    pub(crate) action: Option<Action>,
    /// `-C`.
    pub(crate) capabilities: bool,
    /// `-h`, or nothing at all.
    pub(crate) help: bool,
    /// `-d`.
    pub(crate) level: u32,
    /// `-s`: name, index, location code or stream.
    pub(crate) selector: Option<String>,
    /// `-q`.
    pub(crate) quantity: Option<u64>,
    /// `-p`.
    pub(crate) parameter: Option<String>,
    /// `-t`.
    pub(crate) kind: Option<String>,
    /// `-w`.
    pub(crate) patience: Option<Duration>,
    /// `-P`.
    pub(crate) reassignments: Option<PathBuf>,
    /// Not `-n`.
    pub(crate) prompt: bool,
    /// Not `-I`.
    pub(crate) identify: bool,
    /// `-V`: slots of QEMU, where the device is removed and the bus scanned.
    pub(crate) virtio: bool,
    /// `-H`: firmware is not asked to let a card go.
    pub(crate) hotplug_only: bool,
    /// `--dry-run`: print what would be done.
    pub(crate) dry_run: bool,
    /// `--partial`: of memory too, less than was asked is better than nothing.
    pub(crate) partial: bool,
    /// `--sysroot`: a recorded machine.
    pub(crate) sysroot: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connector: None,
            action: None,
            capabilities: false,
            help: false,
            level: 1,
            selector: None,
            quantity: None,
            parameter: None,
            kind: None,
            patience: None,
            reassignments: None,
            prompt: true,
            identify: true,
            virtio: false,
            hotplug_only: false,
            dry_run: false,
            partial: false,
            sysroot: PathBuf::from("/"),
        }
    }
}

/// Why a command line is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misuse {
    /// Not an option, or one without its value.
    Unknown(String),
    /// A value that is not a number, or not one that makes sense.
    NotANumber { letter: char, value: String },
}

impl std::fmt::Display for Misuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(option) => write!(f, "Invalid option specified '{option}'"),
            Self::NotANumber { letter, value } => write!(f, "Invalid number '{value}' for the option -{letter}"),
        }
    }
}

impl Options {
    /// Reads a command line without the program's name.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Misuse> {
        let found = getopt::parse(GRAMMAR, arguments).map_err(|Unknown(option)| Misuse::Unknown(option))?;
        let asks = found.iter().any(|option| option.letter != '/');
        let mut options = Self { help: !asks, ..Self::default() };
        for option in found {
            let is_help = option.letter == 'h';
            options.set(option)?;
            if is_help {
                break;
            }
        }
        Ok(options)
    }

    fn set(&mut self, Found { letter, value }: Found) -> Result<(), Misuse> {
        match letter {
            'a' => self.action = Some(Action::Add),
            'r' => self.action = Some(Action::Remove),
            'Q' => self.action = Some(Action::Query),
            'R' => self.action = Some(Action::Replace),
            'i' => self.action = Some(Action::Identify),
            'm' => self.action = Some(Action::Migrate),
            'C' => self.capabilities = true,
            'h' => self.help = true,
            'I' => self.identify = false,
            'n' => self.prompt = false,
            'V' => self.virtio = true,
            '~' => self.dry_run = true,
            '!' => self.partial = true,
            'c' => self.connector = Connector::parse(&value),
            's' => self.selector = Some(value),
            'p' => self.parameter = Some(value),
            't' => self.kind = Some(value),
            'P' => self.reassignments = Some(PathBuf::from(value)),
            '/' => self.sysroot = PathBuf::from(value),
            'd' => self.level = number(letter, value)?,
            'q' => self.quantity = Some(number(letter, value)?),
            'w' => self.patience = Some(Duration::from_secs(60 * u64::from(number::<u32>(letter, value)?))),
            'H' => self.hotplug_only = true,
            _ => {}
        }
        Ok(())
    }
}

/// A number in the notations of C, and nothing after it.
fn number<N: TryFrom<u64>>(letter: char, value: String) -> Result<N, Misuse> {
    let parsed = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => u64::from_str_radix(digits, 16).ok(),
        None if value.bytes().all(|byte| byte.is_ascii_digit()) => match value.strip_prefix('0') {
            Some(digits) if !digits.is_empty() => u64::from_str_radix(digits, 8).ok(),
            _ => value.parse().ok(),
        },
        _ => None,
    };
    parsed.and_then(|number| N::try_from(number).ok()).ok_or(Misuse::NotANumber { letter, value })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(line: &str) -> Result<Options, Misuse> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_action_wins() {
        for (line, action) in
            [("-c cpu -a -r", Action::Remove), ("-r -Q -c slot", Action::Query), ("-ai", Action::Identify)]
        {
            assert_eq!(parse(line).unwrap().action, Some(action), "{line}");
        }
    }

    #[test]
    fn quantities_are_numbers_of_c_and_nothing_else() {
        for (text, expected) in [("1", 1), ("0x10", 16), ("010", 8), ("0", 0), ("4294967296", 1 << 32)] {
            assert_eq!(parse(&format!("-q {text}")).unwrap().quantity, Some(expected), "{text}");
        }
        for text in ["x", "1x", "-1", "+1", "0x", "0x1g", "08", "1.5", "99999999999999999999"] {
            let refused = parse(&format!("-q {text}"));
            assert_eq!(refused, Err(Misuse::NotANumber { letter: 'q', value: text.into() }), "{text}");
        }
    }

    #[test]
    fn nothing_at_all_is_a_call_for_help() {
        assert!(parse("").unwrap().help);
        assert!(parse("-c cpu -h -x").is_err(), "what is no option is never passed over");
        assert_eq!(parse("-c phbs -a").unwrap().connector, None);
    }
}
