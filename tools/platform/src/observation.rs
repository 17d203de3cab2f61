//! Everything a console or a person asks first, read in one go.
//!
//! What cannot be read is a gap with its reason, never an error: half of the truth is better than none, and `lpar doctor`
//! says which half is missing.

use serde::Serialize;
use sysroot::{Sysroot, Uname};

use crate::adapter::{self, Adapter};
use crate::capability::{self, Capabilities};
use crate::cpuinfo::{self, Processors};
use crate::error::chain;
use crate::identity::{self, Identity};
use crate::lparcfg::{self, Lparcfg};
use crate::meminfo::{self, Meminfo};
use crate::os::{self, OperatingSystem};

/// The machine at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Observation {
    /// Machine and partition.
    pub identity: Option<Identity>,
    /// Distribution and kernel.
    pub os: Option<OperatingSystem>,
    /// The host's name.
    pub host_name: Option<String>,
    /// Threads and cores.
    pub processors: Option<Processors>,
    /// Memory.
    pub memory: Option<Meminfo>,
    /// Entitlement and weights; `None` also where the kernel has no such file.
    pub lparcfg: Option<Lparcfg>,
    /// Virtual Ethernet adapters.
    pub adapters: Vec<Adapter>,
    /// What can be done to the partition; `dcaps::compute` makes a console's words of it.
    pub capabilities: Capabilities,
    /// Time since boot, with the time suspended, in seconds.
    pub uptime_s: Option<u64>,
    /// What could not be read, and why.
    pub gaps: Vec<Gap>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Which part of the observation.
    pub part: &'static str,
    /// The error with its causes.
    pub why: String,
}

/// Reads the machine.
pub fn observe(sysroot: &Sysroot) -> Observation {
    let mut gaps = Gaps::default();
    let lparcfg = gaps.keep("lparcfg", lparcfg::read(sysroot)).flatten();
    let identity = gaps.keep("identity", identity::read(sysroot, lparcfg.as_ref()));
    Observation {
        identity,
        os: gaps.keep("os", os::read(sysroot)),
        host_name: gaps.keep("host name", sysroot.uname()).and_then(host_name),
        processors: gaps.keep("processors", cpuinfo::read(sysroot)),
        memory: gaps.keep("memory", meminfo::read(sysroot)),
        lparcfg,
        adapters: gaps.keep("adapters", adapter::read(sysroot)).unwrap_or_default(),
        capabilities: capability::read(sysroot),
        uptime_s: gaps.keep("uptime", sysroot.since_boot()).map(|uptime| uptime.as_secs()),
        gaps: gaps.0,
    }
}

fn host_name(uname: Uname) -> Option<String> {
    Some(uname.node).filter(|name| !name.is_empty())
}

#[derive(Default)]
struct Gaps(Vec<Gap>);

impl Gaps {
    /// The value, or a gap.
    fn keep<T, E: std::error::Error>(&mut self, part: &'static str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.push(Gap { part, why: chain(&error) });
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::machine;

    #[test]
    fn a_machine_that_tells_nothing_is_observed_with_its_gaps() {
        let (_dir, sysroot) = machine([]);
        let found = observe(&sysroot);
        let parts: Vec<_> = found.gaps.iter().map(|gap| gap.part).collect();
        assert_eq!(parts, ["processors", "memory", "uptime"]);
        assert_eq!(found.gaps[1].why, "read proc/meminfo: No such file or directory (os error 2)");
        assert_eq!(found.identity, Some(Identity::default()));
        assert_eq!(found.os.unwrap().to_string(), "Linux, release not told");
    }
}
