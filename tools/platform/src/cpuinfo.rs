//! `/proc/cpuinfo` and the lists under `/sys/devices/system/cpu`: how many processors, threads, and of which kind.

use serde::Serialize;
use sysroot::Sysroot;

use crate::error::{Error, Result};

const CPUINFO: &str = "proc/cpuinfo";
const CPUS: &str = "sys/devices/system/cpu";

/// Linux for ppc64el is built for at most 2048 threads (NR_CPUS); no list may name more than this.
const THREAD_LIMIT: usize = 65_536;

/// The processors in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Processors {
    /// `POWER9 (architected), altivec supported`.
    pub model: Option<String>,
    /// Threads that run.
    pub online_threads: u32,
    /// Threads that the partition has, running or not.
    pub present_threads: u32,
    /// Threads that it may ever have without a new boot.
    pub possible_threads: u32,
    /// Threads of one core: 8 on POWER8 and later in full SMT. None when the device tree does not say.
    pub threads_per_core: Option<u32>,
}

/// Reads what there is. Either the list of running threads or `/proc/cpuinfo` has to be there.
pub fn read(sysroot: &Sysroot) -> Result<Processors> {
    let count = |name: &str| -> Result<Option<u32>> {
        let path = format!("{CPUS}/{name}");
        let Some(text) = sysroot.read_text_if_present(&path)? else { return Ok(None) };
        let threads = parse_list(&text).ok_or_else(|| Error::malformed(path, format!("{text:?} is not a list")))?;
        Ok(u32::try_from(threads.len()).ok())
    };
    let cpuinfo = sysroot.read_text_if_present(CPUINFO)?;
    let online = match count("online")? {
        Some(count) => count,
        None => cpuinfo.as_deref().map(threads).ok_or_else(|| Error::malformed(CPUINFO, "it is not there"))?,
    };
    let present = count("present")?.unwrap_or(online);
    Ok(Processors {
        model: cpuinfo.as_deref().and_then(model),
        online_threads: online,
        present_threads: present,
        possible_threads: count("possible")?.unwrap_or(present),
        threads_per_core: threads_per_core(sysroot)?,
    })
}

/// A list as `0-7,16,24-31` to its numbers. None when it is no such list or absurdly long.
pub fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut found = Vec::new();
    for range in text.trim().split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        let length = usize::try_from(last.checked_sub(first)?).ok()?;
        if found.len() + length >= THREAD_LIMIT {
            return None;
        }
        found.extend(first..=last);
    }
    Some(found)
}

/// `/proc/cpuinfo` has an entry for each running thread.
fn threads(cpuinfo: &str) -> u32 {
    let is_thread = |line: &&str| line.strip_prefix("processor").is_some_and(|rest| rest.trim_start().starts_with(':'));
    u32::try_from(cpuinfo.lines().filter(is_thread).count()).unwrap_or(u32::MAX)
}

/// The first processor's `cpu` line.
fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("cpu")?.trim_start().strip_prefix(':'))?;
    Some(line.trim().to_owned()).filter(|model| !model.is_empty())
}

/// A core of the device tree names its threads.
fn threads_per_core(sysroot: &Sysroot) -> Result<Option<u32>> {
    let cpus = crate::devicetree::root(sysroot).at("cpus");
    if !cpus.exists() {
        return Ok(None);
    }
    for cpu in cpus.children()? {
        // One cell a thread (PAPR, "ibm,ppc-interrupt-server#s").
        if let Some(property) = cpu.property("ibm,ppc-interrupt-server#s")? {
            return Ok(property.cells().and_then(|cells| u32::try_from(cells.len()).ok()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_are_the_kernels() {
        assert_eq!(parse_list("0-3,8\n"), Some(vec![0, 1, 2, 3, 8]));
        assert_eq!(parse_list("0"), Some(vec![0]));
        assert_eq!(parse_list("\n"), Some(vec![]));
        for wrong in ["3-1", "a", "0-", "0-4294967295", "1-2-3"] {
            assert_eq!(parse_list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_model_is_the_first_cpu_line() {
        let text = "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\nclock\t\t: 2500MHz\n";
        assert_eq!(model(text).as_deref(), Some("POWER9 (architected), altivec supported"));
        assert_eq!(model("processor : 0\n"), None);
        assert_eq!(threads(text), 1);
    }

    proptest! {
        #[test]
        fn any_list_ends(text in "[0-9,\\-]{0,40}") {
            prop_assert!(parse_list(&text).is_none_or(|list| list.len() <= THREAD_LIMIT));
        }
    }
}
