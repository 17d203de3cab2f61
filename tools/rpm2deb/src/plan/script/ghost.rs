//! `%ghost` files: not in the package, made by its programs. rpm removes them with the package, here `purge` does.

use super::quote::quote_path;
use super::{Ghost, check_path};
use crate::error::Error;
use crate::event::Notice;
use crate::printable::printable;

/// Directories whose content does not outlive a boot or is not of this disk.
const VOLATILE: [&[u8]; 6] = [b"dev/", b"proc/", b"sys/", b"run/", b"var/run/", b"tmp/"];

/// Files of the system itself that Debian's packages make in their postinst, so that dpkg does not know of an owner.
const OF_THE_SYSTEM: &[&str] = &[
    "etc/adjtime",
    "etc/environment",
    "etc/fstab",
    "etc/group",
    "etc/group-",
    "etc/gshadow",
    "etc/gshadow-",
    "etc/hostname",
    "etc/hosts",
    "etc/inittab",
    "etc/ld.so.cache",
    "etc/locale.conf",
    "etc/localtime",
    "etc/machine-id",
    "etc/modules",
    "etc/mtab",
    "etc/network/interfaces",
    "etc/nsswitch.conf",
    "etc/passwd",
    "etc/passwd-",
    "etc/profile",
    "etc/resolv.conf",
    "etc/shadow",
    "etc/shadow-",
    "etc/shells",
    "etc/subgid",
    "etc/subuid",
    "etc/timezone",
    "var/log/btmp",
    "var/log/faillog",
    "var/log/lastlog",
    "var/log/wtmp",
];

/// The ghosts that purging may remove. What stays is a note.
pub(super) fn select<'a>(ghosts: &'a [Ghost], notices: &mut Vec<Notice>) -> Result<Vec<&'a Ghost>, Error> {
    let mut selected = Vec::new();
    for ghost in ghosts {
        check_path(&ghost.path)?;
        let is_top = !ghost.path.contains(&b'/');
        let is_volatile = VOLATILE.iter().any(|directory| ghost.path.starts_with(directory));
        let is_of_the_system = OF_THE_SYSTEM.iter().any(|path| path.as_bytes() == ghost.path);
        if is_top || is_volatile || is_of_the_system {
            let text = "%ghost, but a file of the system itself: purging the package leaves it";
            notices.push(Notice::note("ghost-kept", printable(&ghost.path), text));
        } else {
            selected.push(ghost);
        }
    }
    // content before its directory
    selected.sort_by(|a, b| (a.is_directory, &b.path).cmp(&(b.is_directory, &a.path)));
    Ok(selected)
}

/// The shell functions that [`commands`] calls.
pub(super) fn functions(ghosts: &[&Ghost]) -> String {
    let mut functions = String::from(
        r#"
# is_foreign PATH: another package has it, or update-alternatives
is_foreign() {
    case $(readlink "$1") in /etc/alternatives/*) return 0 ;; esac
    dpkg-query --search "$(printf '%s' "$1" | LC_ALL=C sed 's/[][\\*?]/\\&/g')" > /dev/null 2>&1
}
"#,
    );
    if ghosts.iter().any(|ghost| !ghost.is_directory) {
        functions.push_str(
            r#"
remove_ghost() {
    is_foreign "$1" || [ -d "$1" ] || rm -f "$1"
}
"#,
        );
    }
    if ghosts.iter().any(|ghost| ghost.is_directory) {
        functions.push_str(
            r#"
remove_ghost_directory() {
    is_foreign "$1" || rmdir "$1" 2> /dev/null || :
}
"#,
        );
    }
    functions
}

/// One line of shell for each ghost.
pub(super) fn commands(ghosts: &[&Ghost]) -> Vec<Vec<u8>> {
    let line = |ghost: &&Ghost| {
        let function: &[u8] = if ghost.is_directory { b"remove_ghost_directory " } else { b"remove_ghost " };
        [function, &quote_path(&ghost.path)].concat()
    };
    ghosts.iter().map(line).collect()
}
