//! A kernel configuration (`.config`), parsed without a doubt left: `y`, `m`, explicit `n`, absent and text apart.
//!
//! The parser knows the language that Kconfig writes, not the one in which options are declared. Its input comes from
//! strangers, so lines, bytes and options are bounded.

use std::collections::HashMap;
use std::fmt;

use crate::version::{Flavour, KernelVersion};

/// Bytes of a configuration. The largest known (Debian 7.2, all architectures) has 0.3 MB.
pub const CONFIG_BYTES: usize = 8 << 20;
/// Bytes of one line. The longest texts are command lines (`CONFIG_CMDLINE`: 2048).
pub const LINE_BYTES: usize = 16 << 10;
/// Options in one configuration. Linux 7.2 has about 20,000 symbols.
pub const OPTIONS: usize = 200_000;
/// Lines at the beginning in which the version stands, if anywhere.
const HEADER_LINES: usize = 8;
/// Hidden `HAVE_` symbols from which on a configuration counts as Kconfig's own. Complete ones have more than a
/// hundred; the lists that RPM distributions keep, and excerpts, have none or a few stale ones.
const HIDDEN_SYMBOLS: usize = 20;
/// What is wrong with a line that is neither.
const NO_OPTION: &str = "is neither CONFIG_NAME=VALUE nor a comment";

/// What a configuration says of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'t> {
    /// Built in.
    Yes,
    /// A module.
    Module,
    /// `# CONFIG_X is not set`, or `=n`.
    No,
    /// A number or a quoted string, as written.
    Text(&'t str),
}

impl Value<'_> {
    /// Built in or a module.
    pub fn is_enabled(self) -> bool {
        matches!(self, Self::Yes | Self::Module)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "y",
            Self::Module => "m",
            Self::No => "n",
            Self::Text(text) => text,
        })
    }
}

/// One line of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'t> {
    /// An option and its value.
    Option(&'t str, Value<'t>),
    /// A comment or nothing.
    Other(&'t str),
}

/// A line that sets an option to a value, as Kconfig writes it.
pub fn assignment(symbol: &str, value: Value) -> String {
    match value {
        Value::No => format!("# CONFIG_{symbol} is not set"),
        value => format!("CONFIG_{symbol}={value}"),
    }
}

/// Why bytes are no kernel configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not text.
    #[error("is binary (byte 0x{byte:02x} at offset {offset}), not a kernel configuration")]
    Binary {
        /// The first byte that no text has.
        byte: u8,
        /// Where it is.
        offset: usize,
    },
    /// A line that Kconfig does not write.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More than anybody's kernel has.
    #[error("has more than {limit} {what}: no kernel configuration is that large")]
    TooLarge {
        /// `bytes`, `options`.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Comments at most.
    #[error("sets no option: this is not a kernel configuration")]
    NoOption,
}

/// A parsed configuration; it borrows the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config<'t> {
    values: HashMap<&'t str, Value<'t>>,
    version: Option<KernelVersion>,
    hidden_symbols: usize,
}

impl<'t> Config<'t> {
    /// Parses a whole configuration or a fragment. If an option is set twice, the last time counts, as in Kconfig.
    pub fn parse(bytes: &'t [u8]) -> Result<Self, ParseError> {
        let mut config = Self { values: HashMap::with_capacity(bytes.len() / 32), ..Self::default() };
        for (number, line) in lines(bytes)?.enumerate() {
            match line? {
                Line::Option(symbol, value) => {
                    config.values.insert(symbol, value);
                    config.hidden_symbols += usize::from(symbol.starts_with("HAVE_"));
                }
                Line::Other(text) if number < HEADER_LINES && config.version.is_none() => {
                    config.version = header_version(text);
                }
                Line::Other(_) => {}
            }
            if config.values.len() > OPTIONS {
                return Err(ParseError::TooLarge { what: "options", limit: OPTIONS });
            }
        }
        if config.values.is_empty() { Err(ParseError::NoOption) } else { Ok(config) }
    }

    /// The value of an option, if the configuration has a line for it.
    pub fn get(&self, symbol: &str) -> Option<Value<'t>> {
        self.values.get(symbol).copied()
    }

    /// All options, in the order of their names.
    pub fn sorted(&self) -> Vec<(&'t str, Value<'t>)> {
        let mut options: Vec<_> = self.values.iter().map(|(symbol, value)| (*symbol, *value)).collect();
        options.sort_unstable_by_key(|(symbol, _)| *symbol);
        options
    }

    /// The version in the heading `# Linux/powerpc 6.1.176 Kernel Configuration`.
    pub fn version(&self) -> Option<KernelVersion> {
        self.version
    }

    /// The page size, if the configuration tells it.
    pub fn flavour(&self) -> Option<Flavour> {
        if self.get("PPC_64K_PAGES") == Some(Value::Yes) {
            Some(Flavour::Pages64k)
        } else if self.get("PPC_4K_PAGES") == Some(Value::Yes) || self.get("PPC_64K_PAGES") == Some(Value::No) {
            Some(Flavour::Pages4k)
        } else {
            None
        }
    }

    /// Whether hidden symbols are listed too. Where they are not, their absence means nothing.
    pub fn lists_hidden_symbols(&self) -> bool {
        self.hidden_symbols >= HIDDEN_SYMBOLS
    }
}

/// The lines of a configuration, or why it cannot be one.
pub fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = Result<Line<'_>, ParseError>>, ParseError> {
    if bytes.len() > CONFIG_BYTES {
        return Err(ParseError::TooLarge { what: "bytes", limit: CONFIG_BYTES });
    }
    let text = as_text(bytes)?;
    Ok(text
        .lines()
        .enumerate()
        .map(|(index, line)| parse_line(line).map_err(|reason| ParseError::Malformed { line: index + 1, reason })))
}

/// UTF-8 without control characters.
fn as_text(bytes: &[u8]) -> Result<&str, ParseError> {
    let binary = |offset: usize| ParseError::Binary { byte: bytes.get(offset).copied().unwrap_or(0), offset };
    // A chunk is looked at as a whole, which the compiler does with vector instructions.
    let is_text = |chunk: &[u8]| !chunk.iter().fold(false, |found, byte| found | is_control(*byte));
    if !bytes.chunks(64).all(is_text) {
        return Err(binary(bytes.iter().position(|byte| is_control(*byte)).unwrap_or(0)));
    }
    std::str::from_utf8(bytes).map_err(|error| binary(error.valid_up_to()))
}

/// A byte that no text holds: line ends and tabs are text.
pub(crate) fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t') || byte == 0x7f
}

/// One line; the error says what is wrong with it.
fn parse_line(line: &str) -> Result<Line<'_>, &'static str> {
    if line.len() > LINE_BYTES {
        return Err("is longer than 16 KiB");
    }
    let line = line.trim_end();
    if let Some(comment) = line.strip_prefix('#') {
        let unset = comment.strip_prefix(" CONFIG_").and_then(|rest| rest.strip_suffix(" is not set"));
        return Ok(match unset {
            Some(symbol) if is_symbol(symbol) => Line::Option(symbol, Value::No),
            _ => Line::Other(line),
        });
    }
    if line.is_empty() {
        return Ok(Line::Other(line));
    }
    let rest = line.strip_prefix("CONFIG_").ok_or(NO_OPTION)?;
    let end = rest.bytes().position(|byte| !is_symbol_byte(byte)).unwrap_or(rest.len());
    let (symbol, value) = rest.split_at(end);
    match value.strip_prefix('=') {
        Some(value) if !symbol.is_empty() => Ok(Line::Option(symbol, parse_value(value)?)),
        _ => Err(NO_OPTION),
    }
}

/// The right side of an assignment.
fn parse_value(value: &str) -> Result<Value<'_>, &'static str> {
    Ok(match value {
        "y" => Value::Yes,
        "m" => Value::Module,
        "n" => Value::No,
        text if is_string(text) || is_number(text) => Value::Text(text),
        _ => return Err("has a value that is neither y, m, n, a number nor a \"string\""),
    })
}

/// The name of an option, without `CONFIG_`.
pub fn is_symbol(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_symbol_byte)
}

fn is_symbol_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A quoted string in which every inner quote is escaped.
fn is_string(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut escaped = false;
    for byte in inner.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// A decimal or hexadecimal number, as Kconfig's `int` and `hex` are.
fn is_number(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The version in Kconfig's heading: `# Linux/powerpc 6.1.176 Kernel Configuration`; up to 3.x also
/// `# Linux kernel version: 2.6.39`.
fn header_version(comment: &str) -> Option<KernelVersion> {
    let text = comment.trim_start_matches(['#', ' ']);
    let version = match text.strip_prefix("Linux kernel version:") {
        Some(version) => version.trim(),
        None => text.strip_prefix("Linux/")?.strip_suffix(" Kernel Configuration")?.rsplit(' ').next()?,
    };
    version.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str =
        "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/powerpc 6.1.176 Kernel Configuration\n#\n";

    #[test]
    fn each_state_is_told_apart() {
        let text = format!(
            "{HEADER}CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=n\nCONFIG_E=\"x \\\" #\"\nCONFIG_F=-12\nCONFIG_G=0xc0\n"
        );
        let config = Config::parse(text.as_bytes()).unwrap();
        let cases = [
            ("A", Some(Value::Yes)),
            ("B", Some(Value::Module)),
            ("C", Some(Value::No)),
            ("D", Some(Value::No)),
            ("E", Some(Value::Text("\"x \\\" #\""))),
            ("F", Some(Value::Text("-12"))),
            ("G", Some(Value::Text("0xc0"))),
            ("CONFIG_A", None),
            ("Z", None),
        ];
        for (symbol, value) in cases {
            assert_eq!(config.get(symbol), value, "{symbol}");
        }
        assert_eq!(config.version().unwrap().to_string(), "6.1");
    }

    #[test]
    fn the_last_assignment_wins_and_line_ends_do_not_matter() {
        let config = Config::parse(b"CONFIG_A=y\r\nCONFIG_A=m\r\n\r\n# CONFIG_B is not set \r\nCONFIG_B=y").unwrap();
        assert_eq!((config.get("A"), config.get("B")), (Some(Value::Module), Some(Value::Yes)));
    }

    #[test]
    fn what_is_no_configuration_is_refused_with_the_place() {
        let long = format!("CONFIG_A=\"{}\"\n", "x".repeat(LINE_BYTES));
        let cases: [(&[u8], &str); 11] = [
            (b"", "sets no option"),
            (b"# nothing\n\n", "sets no option"),
            (b"\x7fELF\x02", "byte 0x7f at offset 0"),
            (b"CONFIG_A=y\n\0", "byte 0x00 at offset 11"),
            (b"CONFIG_A=y\n\xff", "byte 0xff at offset 11"),
            (b"CONFIG_A=y\nhello\n", "line 2: is neither"),
            (b"CONFIG_A\n", "line 1: is neither"),
            (b"CONFIG_A B=y\n", "line 1: is neither"),
            (b"CONFIG_A=maybe\n", "line 1: has a value"),
            (b"CONFIG_A=\"a\"b\"\n", "line 1: has a value"),
            (long.as_bytes(), "line 1: is longer"),
        ];
        for (bytes, expected) in cases {
            let error = Config::parse(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(matches!(Config::parse(&vec![b'\n'; CONFIG_BYTES + 1]), Err(ParseError::TooLarge { .. })));
    }

    #[test]
    fn versions_of_old_headings_are_read() {
        let old = Config::parse(
            b"#\n# Automatically generated make config: don't edit\n# Linux kernel version: 2.6.32\nCONFIG_A=y\n",
        );
        assert_eq!(old.unwrap().version().unwrap().to_string(), "2.6.32");
        let named = Config::parse(b"# Linux/powerpc 2.6.39.4 Kernel Configuration\nCONFIG_A=y\n").unwrap();
        assert_eq!(named.version().unwrap().to_string(), "2.6.39");
        assert_eq!(Config::parse(b"# powerpc64le\nCONFIG_A=y\n").unwrap().version(), None);
    }

    #[test]
    fn the_page_size_is_the_flavour() {
        let flavour = |text: &'static str| Config::parse(text.as_bytes()).unwrap().flavour();
        assert_eq!(flavour("CONFIG_PPC_64K_PAGES=y\n"), Some(Flavour::Pages64k));
        assert_eq!(flavour("CONFIG_PPC_4K_PAGES=y\n# CONFIG_PPC_64K_PAGES is not set\n"), Some(Flavour::Pages4k));
        assert_eq!(flavour("CONFIG_X86=y\n"), None);
    }

    proptest! {
        #[test]
        fn no_input_makes_the_parser_panic(bytes: Vec<u8>) {
            let _ = Config::parse(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(symbol in "[A-Z][A-Z0-9_]{0,20}", value in prop_oneof![
            Just("y".to_owned()), Just("m".to_owned()), Just("n".to_owned()), "-?[0-9]{1,9}", "\"[a-z ]{0,9}\""
        ]) {
            let value = parse_value(&value).unwrap();
            let text = assignment(&symbol, value);
            let config = Config::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(config.get(&symbol), Some(value));
        }
    }
}
