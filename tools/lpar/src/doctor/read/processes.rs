//! Which programs run, by the names that the kernel has of them.

use std::collections::BTreeSet;

use sysroot::Sysroot;

use super::told;
use crate::doctor::Told;

/// The names of all processes, cut after 15 characters as the kernel does.
#[derive(Debug, Clone)]
pub(super) struct Processes(Told<BTreeSet<String>>);

impl Processes {
    pub(super) fn read(sysroot: &Sysroot) -> Self {
        let names = |entries: Vec<String>| -> BTreeSet<String> {
            let processes = entries.into_iter().filter(|entry| entry.bytes().all(|byte| byte.is_ascii_digit()));
            // One that ended meanwhile has no name any more.
            let name = |process: String| sysroot.read_text(format!("proc/{process}/comm")).ok();
            processes.filter_map(name).map(|name| name.trim_end().to_owned()).collect()
        };
        Self(
            told(sysroot.list("proc"))
                .map(names)
                .and_then(|names| if names.is_empty() { Err("no process is recorded".to_owned()) } else { Ok(names) }),
        )
    }

    /// Whether one has this name.
    pub(super) fn has(&self, name: &str) -> Told<bool> {
        self.0.clone().map(|names| names.contains(name))
    }

    /// Those of these names that there are.
    pub(super) fn those_of(&self, wanted: &[&'static str]) -> Told<Vec<&'static str>> {
        self.0.clone().map(|names| wanted.iter().filter(|name| names.contains(**name)).copied().collect())
    }

    /// All names.
    pub(super) fn names(&self) -> Told<BTreeSet<String>> {
        self.0.clone()
    }
}
