//! What the kernel says about migrations, and the hooks.

use std::time::Duration;

use platform::capability::{self, Fact};
use platform::mobility;
use sysroot::Sysroot;

use super::{kernel_log, told};
use crate::doctor::migration::{Hook, Obstacle, Seen};

/// Ours and those of Debian's drmgr; below each a directory a phase, or a kind of resource.
const HOOKS: [&str; 2] = ["etc/lparkit/hooks.d", "etc/drmgr.d"];
/// The agent runs what its owner may execute and not everybody may write to.
const OWNER_EXECUTES: u32 = 0o100;
const OTHERS_WRITE: u32 = 0o002;

pub(super) fn read(sysroot: &Sysroot, is_connected: Option<bool>, has_rsct: bool) -> Seen {
    let log = kernel_log::read(sysroot);
    let now = told(sysroot.since_boot());
    Seen {
        able: capability::read(sysroot).answer(Fact::Migration).clone(),
        moved_ago: log.clone().and_then(|log| Ok(now?.checked_sub(moved_at(&log).unwrap_or(Duration::MAX)))),
        log: log.map(|log| log.lines().filter_map(mobility::parse).collect()),
        is_connected,
        has_rsct,
        hooks: told(hooks(sysroot)),
    }
}

/// When the kernel said last that a migration is over. `6,1234,5678901,-;text`: priority, number, microseconds since the boot.
fn moved_at(log: &str) -> Option<Duration> {
    let mut watch = mobility::Watch::default();
    let line = log.lines().filter(|line| mobility::parse(line).is_some_and(|event| watch.is_over(&event))).last()?;
    Some(Duration::from_micros(line.split(',').nth(2)?.parse().ok()?))
}

fn hooks(sysroot: &Sysroot) -> sysroot::Result<Vec<Hook>> {
    let mut found = Vec::new();
    for root in HOOKS {
        for phase in sysroot.list_if_present(root)? {
            for name in sysroot.list_if_present(format!("{root}/{phase}"))? {
                let path = format!("{root}/{phase}/{name}");
                let stat = sysroot.stat(&path)?.filter(|stat| stat.is_file);
                found.extend(stat.map(|stat| Hook { path, obstacle: obstacle(stat.mode) }));
            }
        }
    }
    Ok(found)
}

fn obstacle(mode: u32) -> Option<Obstacle> {
    match mode {
        mode if mode & OWNER_EXECUTES == 0 => Some(Obstacle::NotExecutable),
        mode if mode & OTHERS_WRITE != 0 => Some(Obstacle::Writable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_when_it_was() {
        let woken = "6,900,41000000,-;mobility: CPU 0 waking all threads";
        let over = "3,901,42000000,-;mobility: H_VASI_STATE return error (-95)";
        assert_eq!(moved_at(""), None);
        assert_eq!(moved_at(woken), None);
        assert_eq!(moved_at(&format!("{woken}\n{over}\n6,902,50000000,-;other\n")), Some(Duration::from_secs(42)));
        assert_eq!(moved_at(&over.replace("42000000", "soon")), None);
    }
}
