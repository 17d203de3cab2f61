//! `/proc/meminfo`. The file says kB and means KiB; everything here is bytes.

use serde::Serialize;
use sysroot::Sysroot;

use crate::error::{Error, Result};

const PATH: &str = "proc/meminfo";

/// The memory of the partition, as the kernel has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Meminfo {
    /// What the kernel manages. It is less than what the partition was given: the kernel itself is not in it.
    pub total_bytes: u64,
    /// What programs could get without swapping (since Linux 3.14).
    pub available_bytes: Option<u64>,
    /// What nobody may move: `mlock` and the like.
    pub unevictable_bytes: Option<u64>,
    /// Swap space.
    pub swap_total_bytes: Option<u64>,
}

/// Reads the file.
pub fn read(sysroot: &Sysroot) -> Result<Meminfo> {
    parse(&sysroot.read_text(PATH)?).map_err(|problem| Error::malformed(PATH, problem))
}

/// Reads the file's text.
pub fn parse(text: &str) -> std::result::Result<Meminfo, String> {
    let field = |name: &str| -> std::result::Result<Option<u64>, String> {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(|value| bytes(value).ok_or_else(|| format!("{name}: {value:?} is not a number of kB"))).transpose()
    };
    Ok(Meminfo {
        total_bytes: field("MemTotal")?.ok_or("it has no MemTotal")?,
        available_bytes: field("MemAvailable")?,
        unevictable_bytes: field("Unevictable")?,
        swap_total_bytes: field("SwapTotal")?,
    })
}

fn bytes(value: &str) -> Option<u64> {
    value.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilobytes_are_kibibytes() {
        let text = "MemTotal:        1015552 kB\nMemFree:          900000 kB\nSwapTotal:             0 kB\n";
        let expected = Meminfo { total_bytes: 1_015_552 * 1024, swap_total_bytes: Some(0), ..Meminfo::default() };
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for text in ["", "MemTotal: much kB", "MemTotal: 1 MB", "MemTotal: 18446744073709551615 kB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
