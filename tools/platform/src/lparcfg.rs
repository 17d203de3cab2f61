//! `/proc/powerpc/lparcfg`: what the hypervisor has given this partition (Linux, arch/powerpc/platforms/pseries/lparcfg.c).
//!
//! Debian's kernels have the file from 6.15 on. Capacities are hundredths of a processor.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use sysroot::Sysroot;

use crate::error::{Error, Result};

/// The file and its older name, which is a link to it.
const PATHS: [&str; 2] = ["proc/powerpc/lparcfg", "proc/ppc64/lparcfg"];

/// The file, as far as lparkit knows its keys; the others are kept as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lparcfg {
    /// `IBM,0212345AB`: maker, place of manufacture and serial number.
    pub serial_number: Option<String>,
    /// `IBM,9009-42A`.
    pub system_type: Option<String>,
    /// The partition's number.
    pub partition_id: Option<u32>,
    /// The partition's name.
    pub partition_name: Option<String>,
    /// What the partition is entitled to, in hundredths of a processor.
    pub partition_entitled_capacity: Option<u64>,
    /// The most it could be given, in hundredths of a processor.
    pub partition_max_entitled_capacity: Option<u64>,
    /// Its weight for unused capacity, 0 to 255.
    pub capacity_weight: Option<u8>,
    /// 1 when it cannot use more than its entitlement.
    pub capped: Option<u8>,
    /// 1 when it shares the processors of a pool.
    pub shared_processor_mode: Option<u8>,
    /// Virtual processors in use.
    pub partition_active_processors: Option<u32>,
    /// Virtual processors it may have.
    pub partition_potential_processors: Option<u32>,
    /// Memory that it may map for I/O, in bytes.
    pub entitled_memory: Option<u64>,
    /// Its weight for memory, 0 to 255.
    pub entitled_memory_weight: Option<u8>,
    /// How well its processors and its memory are placed together, 0 to 100.
    pub partition_affinity_score: Option<u32>,
    /// Entries of the segment buffer; only with the hash MMU.
    pub slb_size: Option<u32>,
    /// Everything else, by key.
    pub others: BTreeMap<String, String>,
}

/// Reads the file; `None` where the kernel has none.
pub fn read(sysroot: &Sysroot) -> Result<Option<Lparcfg>> {
    for path in PATHS {
        if let Some(text) = sysroot.read_text_if_present(path)? {
            return parse(&text).map(Some).map_err(|problem| Error::malformed(path, problem));
        }
    }
    Ok(None)
}

/// Reads the file's text. The error says which line is wrong.
pub fn parse(text: &str) -> std::result::Result<Lparcfg, String> {
    let mut found = Lparcfg::default();
    for line in text.lines() {
        // The first line is a title without `=`.
        let Some((key, value)) = line.split_once('=') else { continue };
        found.take(key.trim(), value.trim()).map_err(|problem| format!("{line:?}: {problem}"))?;
    }
    Ok(found)
}

impl Lparcfg {
    fn take(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        match key {
            "serial_number" => self.serial_number = text(value),
            "system_type" => self.system_type = text(value),
            "partition_name" => self.partition_name = text(value),
            "partition_id" => self.partition_id = number(value)?,
            "partition_entitled_capacity" => self.partition_entitled_capacity = number(value)?,
            "partition_max_entitled_capacity" => self.partition_max_entitled_capacity = number(value)?,
            "capacity_weight" => self.capacity_weight = number(value)?,
            "capped" => self.capped = number(value)?,
            "shared_processor_mode" => self.shared_processor_mode = number(value)?,
            "partition_active_processors" => self.partition_active_processors = number(value)?,
            "partition_potential_processors" => self.partition_potential_processors = number(value)?,
            "entitled_memory" => self.entitled_memory = number(value)?,
            "entitled_memory_weight" => self.entitled_memory_weight = number(value)?,
            "partition_affinity_score" => self.partition_affinity_score = number(value)?,
            "slb_size" => self.slb_size = number(value)?,
            other => drop(self.others.insert(other.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned()).filter(|text| !text.is_empty())
}

fn number<T: FromStr<Err: Display>>(value: &str) -> std::result::Result<Option<T>, String> {
    value.parse().map(Some).map_err(|error: T::Err| error.to_string())
}

/// What can be changed by writing to the file. The kernel answers EBUSY, EIO or EINVAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Setting {
    /// Hundredths of a processor.
    EntitledCapacity(u64),
    /// 0 to 255.
    CapacityWeight(u8),
    /// Bytes.
    EntitledMemory(u64),
    /// 0 to 255.
    EntitledMemoryWeight(u8),
}

impl Setting {
    /// The file to write to.
    pub const PATH: &'static str = PATHS[0];

    /// What to write, in one write. The kernel takes the last byte for the line break, so it has to be there.
    pub fn line(self) -> String {
        match self {
            Self::EntitledCapacity(hundredths) => format!("partition_entitled_capacity={hundredths}\n"),
            Self::CapacityWeight(weight) => format!("capacity_weight={weight}\n"),
            Self::EntitledMemory(bytes) => format!("entitled_memory={bytes}\n"),
            Self::EntitledMemoryWeight(weight) => format!("entitled_memory_weight={weight}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_keys_are_typed_and_others_kept() {
        let text = "lparcfg 1.9\nserial_number=IBM,0212345AB\nsystem_type=IBM,9009-42A\npartition_id=3\n\
                    partition_entitled_capacity=100\ncapacity_weight=128\ncapped=0\nbacking_memory=4294967296 bytes\n\
                    partition_name=a=b c\n\nDesEntCap=100\n";
        let expected = Lparcfg {
            serial_number: Some("IBM,0212345AB".into()),
            system_type: Some("IBM,9009-42A".into()),
            partition_id: Some(3),
            partition_name: Some("a=b c".into()),
            partition_entitled_capacity: Some(100),
            capacity_weight: Some(128),
            capped: Some(0),
            others: [("backing_memory", "4294967296 bytes"), ("DesEntCap", "100")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Lparcfg::default()
        };
        assert_eq!(parse(text), Ok(expected));
        assert_eq!(parse(""), Ok(Lparcfg::default()));
    }

    #[test]
    fn a_value_that_is_no_number_is_an_error_that_shows_the_line() {
        let problem = parse("capacity_weight=256\n").unwrap_err();
        assert!(problem.starts_with("\"capacity_weight=256\": "), "{problem}");
        assert!(parse("partition_id=-1").is_err());
    }

    #[test]
    fn settings_are_lines_that_the_kernel_parses() {
        let lines = [
            (Setting::EntitledCapacity(250), "partition_entitled_capacity=250\n"),
            (Setting::CapacityWeight(0), "capacity_weight=0\n"),
            (Setting::EntitledMemory(u64::MAX), "entitled_memory=18446744073709551615\n"),
            (Setting::EntitledMemoryWeight(255), "entitled_memory_weight=255\n"),
        ];
        for (setting, line) in lines {
            assert_eq!(setting.line(), line);
            assert!(line.len() <= 64, "the kernel's buffer (lparcfg_write)");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[a-z_=0-9\\n ]{0,200}") {
            let _ = parse(&text);
        }
    }
}
