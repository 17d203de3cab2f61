//! Users and groups, read from `/etc/passwd` and `/etc/group`.
//!
//! Not through the C library: a statically linked agent would have to load its name service modules. The agent's user and
//! group are made by sysusers, so they are in these files.

use sysroot::Sysroot;

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) gid: u32,
    members: Vec<String>,
}

/// The user of that name.
pub(crate) fn user(sysroot: &Sysroot, name: &str) -> sysroot::Result<Option<User>> {
    let passwd = sysroot.read_text_if_present("etc/passwd")?.unwrap_or_default();
    Ok(passwd.lines().filter_map(user_line).find(|user| user.name == name))
}

/// Whether a user, known by number, is in the group of that name: by its main group or as a listed member.
pub(crate) fn is_member(sysroot: &Sysroot, uid: u32, gid: u32, group: &str) -> sysroot::Result<bool> {
    let groups = sysroot.read_text_if_present("etc/group")?.unwrap_or_default();
    let Some(group) = groups.lines().find_map(|line| group_line(line, group)) else { return Ok(false) };
    if group.gid == gid {
        return Ok(true);
    }
    let passwd = sysroot.read_text_if_present("etc/passwd")?.unwrap_or_default();
    let mut names = passwd.lines().filter_map(user_line).filter(|user| user.uid == uid);
    Ok(names.any(|user| group.members.contains(&user.name)))
}

/// `lpard:x:990:990:agent:/:/usr/sbin/nologin`
fn user_line(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { name, uid, gid })
}

/// `lpar:x:991:alice,bob`
fn group_line(line: &str, name: &str) -> Option<Group> {
    let mut fields = line.strip_prefix(name)?.strip_prefix(':')?.split(':');
    let gid = fields.nth(1)?.parse().ok()?;
    let members = fields.next().unwrap_or_default().split(',').filter(|member| !member.is_empty());
    Some(Group { gid, members: members.map(str::to_owned).collect() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nnonsense\nlpard:x:990:989::/:/usr/sbin/nologin\n\
                          alice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:991::/home/bob:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nlparx:x:5:eve\nlpar:x:991:alice,\n";

    fn machine() -> (tempfile::TempDir, Sysroot) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        std::fs::write(directory.path().join("etc/passwd"), PASSWD).unwrap();
        std::fs::write(directory.path().join("etc/group"), GROUP).unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        (directory, sysroot)
    }

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let (_directory, sysroot) = machine();
        assert_eq!(user(&sysroot, "lpard").unwrap(), Some(User { name: "lpard".into(), uid: 990, gid: 989 }));
        assert_eq!(user(&sysroot, "lpar").unwrap(), None);
        assert_eq!(user(&sysroot, "nonsense").unwrap(), None);
    }

    #[test]
    fn members_are_those_listed_and_those_whose_main_group_it_is() {
        let (_directory, sysroot) = machine();
        for (uid, gid, expected) in [(1000, 1000, true), (1001, 991, true), (990, 989, false), (7, 7, false)] {
            assert_eq!(is_member(&sysroot, uid, gid, "lpar").unwrap(), expected, "{uid}");
        }
        assert!(!is_member(&sysroot, 1000, 1000, "no-such-group").unwrap());
    }
}
