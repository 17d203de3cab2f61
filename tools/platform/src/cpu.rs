//! Processor cores: the connectors they may be plugged into, the nodes of those the partition has, and their threads.
//!
//! A core is what firmware gives and takes; the kernel counts threads. `ibm,ppc-interrupt-server#s` of a core's node lists
//! the hardware numbers of its threads, `physical_id` of `/sys/devices/system/cpu/cpuN` says which of them cpuN is.

use std::collections::BTreeMap;

use sysroot::Sysroot;

use crate::cpuinfo::parse_list;
use crate::devicetree::{self, Node};
use crate::drc::{self, DrcIndex};
use crate::error::{Error, Result};

const NODES: &str = "cpus";
const THREADS: &str = "sys/devices/system/cpu";

/// A core that the partition has or may get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Its connector.
    pub index: DrcIndex,
    /// Its connector's name, `CPU 0`.
    pub name: String,
    /// What is there when the partition has it.
    pub present: Option<Present>,
}

/// What a core that the partition has looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Its node's name, `PowerPC,POWER9@0`.
    pub node: String,
    /// Its threads by the kernel's number, ascending.
    pub threads: Vec<Thread>,
    /// The phandle of its cache.
    pub cache: Option<u32>,
}

/// One thread of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread {
    /// The N of cpuN.
    pub id: u32,
    /// Whether it runs. A thread that cannot be switched off runs.
    pub online: bool,
}

impl Core {
    /// Whether one of its threads runs.
    pub fn is_online(&self) -> bool {
        self.present.as_ref().is_some_and(|present| present.threads.iter().any(|thread| thread.online))
    }
}

/// A cache that cores share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Its node's name, `l2-cache@2000`.
    pub name: String,
    /// What cores and caches refer to it by.
    pub phandle: u32,
    /// The phandle of the cache behind it.
    pub next: Option<u32>,
}

/// Every core the partition has or may get, in the order of firmware's connectors. Empty when firmware lists none.
pub fn cores(sysroot: &Sysroot) -> Result<Vec<Core>> {
    let connectors = drc::read(&devicetree::root(sysroot).at(NODES))?.unwrap_or_default();
    let mut present = present_cores(sysroot)?;
    let core = |connector: drc::Connector| Core {
        present: present.remove(&connector.index),
        index: connector.index,
        name: connector.name,
    };
    Ok(connectors.into_iter().map(core).collect())
}

/// The caches that have nodes of their own.
pub fn caches(sysroot: &Sysroot) -> Result<Vec<Cache>> {
    let mut caches = Vec::new();
    for node in devicetree::root(sysroot).at(NODES).addressed_children()? {
        if !node.name().contains("-cache@") {
            continue;
        }
        let Some(phandle) = node.cell("ibm,phandle")? else { continue };
        caches.push(Cache { name: node.name().to_owned(), phandle, next: node.cell("l2-cache")? });
    }
    Ok(caches)
}

fn present_cores(sysroot: &Sysroot) -> Result<BTreeMap<DrcIndex, Present>> {
    let threads = threads(sysroot)?;
    let mut cores = BTreeMap::new();
    for node in devicetree::root(sysroot).at(NODES).addressed_children()? {
        let Some(index) = node.cell("ibm,my-drc-index")? else { continue };
        let mut of_core: Vec<Thread> =
            servers(&node)?.iter().filter_map(|server| threads.get(server).copied()).collect();
        of_core.sort_by_key(|thread| thread.id);
        let cache = node.cell("l2-cache")?;
        cores.insert(DrcIndex(index), Present { node: node.name().to_owned(), threads: of_core, cache });
    }
    Ok(cores)
}

/// The hardware numbers of a core's threads.
fn servers(node: &Node<'_>) -> Result<Vec<u32>> {
    const SERVERS: &str = "ibm,ppc-interrupt-server#s";
    let Some(servers) = node.property(SERVERS)? else { return Ok(Vec::new()) };
    servers.cells().ok_or_else(|| Error::malformed(node.property_path(SERVERS), "it is not a list of numbers"))
}

/// The kernel's threads by hardware number. Only those that are present: of one that never had a core Linux 6.1 says 0, which
/// is another one's. One without a core says -1, which is no number.
fn threads(sysroot: &Sysroot) -> Result<BTreeMap<u32, Thread>> {
    let mut threads = BTreeMap::new();
    let present = sysroot.read_text_if_present(format!("{THREADS}/present"))?.and_then(|text| parse_list(&text));
    for name in sysroot.list_if_present(THREADS)? {
        let Some(id) = name.strip_prefix("cpu").and_then(|number| number.parse().ok()) else { continue };
        if present.as_ref().is_some_and(|present| !present.contains(&id)) {
            continue;
        }
        let attribute = |attribute: &str| sysroot.read_text_if_present(format!("{THREADS}/{name}/{attribute}"));
        let server = attribute("physical_id")?.and_then(|text| text.trim().parse().ok());
        let online = attribute("online")?.is_none_or(|text| text.trim() == "1");
        if let Some(server) = server {
            threads.insert(server, Thread { id, online });
        }
    }
    Ok(threads)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::recorded::machine;

    /// As in the lab's guest: cpu2 never had a core, and says that its core is the first.
    #[test]
    fn a_thread_without_a_core_is_no_other_threads_core() {
        let (_dir, sysroot) = machine([
            ("sys/devices/system/cpu/present", b"0-1\n" as &[u8]),
            ("sys/devices/system/cpu/cpu0/physical_id", b"0\n"),
            ("sys/devices/system/cpu/cpu1/physical_id", b"1\n"),
            ("sys/devices/system/cpu/cpu2/physical_id", b"0\n"),
            ("sys/devices/system/cpu/cpu2/online", b"0\n"),
        ]);
        let found = threads(&sysroot).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [0, 1].map(|id| (id, Thread { id, online: true })));
    }

    #[test]
    fn a_power7_under_powervm_names_its_cores_by_their_first_thread() {
        let machine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines/power7-9179-mhb");
        let cores = cores(&Sysroot::at(machine).unwrap()).unwrap();
        assert_eq!(cores.len(), 64);
        for (core, n) in cores.iter().zip(0u32..) {
            assert_eq!(
                (core.index, core.name.as_str()),
                (DrcIndex(0x1000_0000 + 4 * n), format!("CPU {}", 4 * n + 1).as_str())
            );
            assert_eq!(core.present.as_ref().unwrap().node, format!("PowerPC,POWER7@{:x}", 4 * n));
        }
    }
}
