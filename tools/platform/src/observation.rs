//! Everything a console or a person asks first, read in one go.
//!
//! What cannot be read is a gap with its reason, never an error: half of the truth is better than none, and `lpar doctor`
//! says which half is missing.

use std::time::Duration;

use serde::Serialize;
use sysroot::{Sysroot, Uname};

use crate::adapter::{self, Adapter};
use crate::capability::{self, Capabilities};
use crate::cpuinfo::{self, Processors};
use crate::dcaps::{self, Words};
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
    /// What can be done to the partition.
    pub capabilities: Capabilities,
    /// How a console shows that.
    pub words: Words,
    /// Time since boot, with the time suspended.
    pub uptime: Option<Duration>,
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
    let capabilities = capability::read(sysroot);
    Observation {
        identity,
        os: gaps.keep("os", os::read(sysroot)),
        host_name: gaps.keep("host name", sysroot.uname()).and_then(host_name),
        processors: gaps.keep("processors", cpuinfo::read(sysroot)),
        memory: gaps.keep("memory", meminfo::read(sysroot)),
        lparcfg,
        adapters: gaps.keep("adapters", adapter::read(sysroot)).unwrap_or_default(),
        words: dcaps::compute(&capabilities),
        capabilities,
        uptime: gaps.keep("uptime", sysroot.since_boot()),
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

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
