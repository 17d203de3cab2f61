//! Which programs run, by the name that the kernel has for them.

use sysroot::{Process, Sysroot};

/// Whether a process of that name runs. A process that ends while it is looked at counts as not running.
pub(crate) fn is_running(sysroot: &Sysroot, name: &str) -> sysroot::Result<bool> {
    Ok(numbers(sysroot)?.any(|number| is_named(sysroot, number, name)))
}

/// A process that runs.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its end can be waited for.
    Held(Process),
    /// The kernel is too old for that (before Linux 5.3), or out of descriptors.
    Seen,
}

/// A process of that name. One that has ended is none, even if nobody has waited for it yet and it still has its name.
pub(crate) fn find(sysroot: &Sysroot, name: &str) -> sysroot::Result<Option<Found>> {
    Ok(numbers(sysroot)?.find_map(|number| hold(sysroot, number, name)))
}

fn hold(sysroot: &Sysroot, number: u32, name: &str) -> Option<Found> {
    if !is_named(sysroot, number, name) {
        return None;
    }
    let Ok(process) = sysroot.process(number) else { return Some(Found::Seen) };
    // The number may have become another process's before it was held; now it cannot any more.
    process.filter(|process| is_named(sysroot, number, name) && !process.has_ended()).map(Found::Held)
}

fn numbers(sysroot: &Sysroot) -> sysroot::Result<impl Iterator<Item = u32>> {
    Ok(sysroot.list_if_present("proc")?.into_iter().filter_map(|entry| entry.parse().ok()))
}

fn is_named(sysroot: &Sysroot, number: u32, name: &str) -> bool {
    sysroot.read_text(format!("proc/{number}/comm")).is_ok_and(|found| found.trim_end() == name)
}
