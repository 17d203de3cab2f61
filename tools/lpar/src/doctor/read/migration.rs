//! What the kernel says about migrations, and the hooks.

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

pub(super) fn read(sysroot: &Sysroot) -> Seen {
    Seen {
        able: capability::read(sysroot).answer(Fact::Migration).clone(),
        log: kernel_log::read(sysroot).map(|log| log.lines().filter_map(mobility::parse).collect()),
        hooks: told(hooks(sysroot)),
    }
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
