//! `-c cpu`: cores with their threads; `-b` with their caches; `-p` the caches alone.

use std::fmt::Write;

use platform::cpu::{self, Cache, Core};
use sysroot::Sysroot;

use super::options::Options;
use super::{LEVEL_ALL, STATUS_FAILED, Trouble};

const LPAR_CAPABLE: &str = "proc/device-tree/ibm,lpar-capable";
/// The column of threads when caches follow.
const THREADS_WIDTH: usize = 25;

pub(super) fn list(sysroot: &Sysroot, options: &Options, list: &mut String) -> Result<(), Trouble> {
    if !sysroot.exists(LPAR_CAPABLE) {
        return Err(Trouble::Nothing("\nThe system is not LPAR.\n\n", STATUS_FAILED));
    }
    if options.caches {
        caches(&cpu::caches(sysroot)?, list);
        return Ok(());
    }
    let mut cores = cpu::cores(sysroot)?;
    if cores.is_empty() {
        let text = "\nThere are no dynamically reconfigurable CPUs on this system.\n\n";
        return Err(Trouble::Nothing(text, STATUS_FAILED));
    }
    // The last connector comes first, as ever.
    cores.reverse();
    if options.cpus_and_caches {
        cores_and_caches(&cores, &cpu::caches(sysroot)?, list);
    } else {
        let all = options.level >= LEVEL_ALL;
        plain(cores.iter().filter(|core| all || core.present.is_some()), list);
    }
    Ok(())
}

fn plain<'a>(cores: impl Iterator<Item = &'a Core>, list: &mut String) {
    let _ = writeln!(list, "{:<10}{:<20}{:<11}{:<13}", "drc-name", "OFDT-node", "drc_index", "thread id(s)");
    for core in cores {
        let _ = writeln!(list, "{}{}", beginning(core), threads(core));
    }
}

fn cores_and_caches(cores: &[Core], caches: &[Cache], list: &mut String) {
    let header = ("drc-name", "OFDT-node", "drc_index", "thread id(s)", "l2-cache", "l3-cache");
    let _ = writeln!(
        list,
        "{:<10}{:<20}{:<11}{:<25}{:<15}{:<15}",
        header.0, header.1, header.2, header.3, header.4, header.5
    );
    let find = |phandle: Option<u32>| caches.iter().find(|cache| Some(cache.phandle) == phandle);
    for core in cores {
        let second = core.present.as_ref().and_then(|present| find(present.cache));
        let third = second.and_then(|cache| find(cache.next));
        let name = |cache: Option<&Cache>| cache.map_or_else(|| "N/A".to_owned(), |cache| cache.name.clone());
        let _ = writeln!(
            list,
            "{}{:<THREADS_WIDTH$}{:<15}{:<15}",
            beginning(core),
            threads(core),
            name(second),
            name(third)
        );
    }
}

fn caches(caches: &[Cache], list: &mut String) {
    list.push_str("cache-name              phandle\n");
    for cache in caches.iter().rev() {
        let _ = writeln!(list, "{:<21}{:<8x}", cache.name, cache.phandle);
    }
}

/// The first three columns.
fn beginning(core: &Core) -> String {
    let node = core.present.as_ref().map_or("--", |present| present.node.as_str());
    format!("{:<10}{node:<20}{:<11x}", core.name, core.index.0)
}

fn threads(core: &Core) -> String {
    let ids = core.present.iter().flat_map(|present| &present.threads);
    ids.map(|thread| format!("{:<2x} ", thread.id)).collect()
}
