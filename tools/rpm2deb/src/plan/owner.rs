//! Who owns a file, and who says so: the tar, or the postinst.
//!
//! dpkg unpacks a tar by user *name* and, when the target lacks that name, by number: a setuid file of a missing user
//! would become setuid root. So only names that every Debian system has go into the tar; every other file is shipped
//! as root:root without its setuid and setgid bits, and the postinst gives it to its owner.

use crate::error::Error;
use crate::printable::printable;
use crate::rpm::package::{File, FileKind};

use super::script::OwnedPath;

/// What the tar says, and what the postinst must add.
#[derive(Debug)]
pub struct Ownership {
    /// Permission bits in the tar.
    pub mode: u32,
    /// Owner in the tar.
    pub user: String,
    /// Group in the tar.
    pub group: String,
    /// Set when the tar does not say it all.
    pub by_postinst: Option<OwnedPath>,
}

/// Users and groups with the same name and number on every Debian system: Debian's base-passwd 3.6.1, passwd.master
/// and group.master. (name, uid if a user, gid if a group)
const STATIC_NAMES: [(&str, Option<u32>, Option<u32>); 40] = [
    ("root", Some(0), Some(0)),
    ("daemon", Some(1), Some(1)),
    ("bin", Some(2), Some(2)),
    ("sys", Some(3), Some(3)),
    ("sync", Some(4), None),
    ("adm", None, Some(4)),
    ("tty", None, Some(5)),
    ("games", Some(5), Some(60)),
    ("disk", None, Some(6)),
    ("man", Some(6), Some(12)),
    ("lp", Some(7), Some(7)),
    ("mail", Some(8), Some(8)),
    ("news", Some(9), Some(9)),
    ("uucp", Some(10), Some(10)),
    ("proxy", Some(13), Some(13)),
    ("kmem", None, Some(15)),
    ("dialout", None, Some(20)),
    ("fax", None, Some(21)),
    ("voice", None, Some(22)),
    ("cdrom", None, Some(24)),
    ("floppy", None, Some(25)),
    ("tape", None, Some(26)),
    ("sudo", None, Some(27)),
    ("audio", None, Some(29)),
    ("dip", None, Some(30)),
    ("www-data", Some(33), Some(33)),
    ("backup", Some(34), Some(34)),
    ("operator", None, Some(37)),
    ("list", Some(38), Some(38)),
    ("irc", Some(39), Some(39)),
    ("src", None, Some(40)),
    ("shadow", None, Some(42)),
    ("utmp", None, Some(43)),
    ("video", None, Some(44)),
    ("sasl", None, Some(45)),
    ("plugdev", None, Some(46)),
    ("staff", None, Some(50)),
    ("users", None, Some(100)),
    ("nogroup", None, Some(65534)),
    ("nobody", Some(65534), None),
];

/// The number of a user that every Debian system has.
pub fn static_uid(user: &str) -> Option<u32> {
    STATIC_NAMES.iter().find(|(name, _, _)| *name == user).and_then(|(_, uid, _)| *uid)
}

/// The number of a group that every Debian system has.
pub fn static_gid(group: &str) -> Option<u32> {
    STATIC_NAMES.iter().find(|(name, _, _)| *name == group).and_then(|(_, _, gid)| *gid)
}

const SETUID_AND_SETGID: u32 = 0o6000;

/// Divides a file's ownership between the tar and the postinst.
pub fn decide(file: &File, target: &[u8]) -> Ownership {
    let root = || "root".to_owned();
    if matches!(file.kind, FileKind::Symlink { .. }) {
        // The owner of a symbolic link has no effect.
        return Ownership { mode: 0o777, user: root(), group: root(), by_postinst: None };
    }
    if static_uid(&file.user).is_some() && static_gid(&file.group).is_some() {
        return Ownership { mode: file.mode, user: file.user.clone(), group: file.group.clone(), by_postinst: None };
    }
    let by_postinst =
        OwnedPath { path: target.to_vec(), user: file.user.clone(), group: file.group.clone(), mode: file.mode };
    Ownership { mode: file.mode & !SETUID_AND_SETGID, user: root(), group: root(), by_postinst: Some(by_postinst) }
}

/// A user or group name that shadow's useradd would take; anything else could be read as syntax by a script.
pub fn check_name(name: &str, path: &[u8]) -> Result<(), Error> {
    let mut bytes = name.bytes();
    let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let goes_on_well = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if starts_well && goes_on_well && name.len() <= 32 {
        return Ok(());
    }
    Err(Error::refused(
        printable(path),
        format!("the owner '{}' is not a valid name of a user or group", printable(name.as_bytes())),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_or_chown_would_misread_are_refused() {
        for good in ["root", "service", "_apt", "www-data", "Debian-exim", "a.b"] {
            assert!(check_name(good, b"/x").is_ok(), "{good}");
        }
        for bad in ["", "-x", "a:b", "a b", "a;b", "a$(b)", "a\nb", "0", "é", &"a".repeat(33)] {
            assert!(check_name(bad, b"/x").is_err(), "{bad}");
        }
    }
}
