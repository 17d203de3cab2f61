//! Where each file goes: the header's paths, checked, and mapped to where Debian keeps such files.
//!
//! A path that leaves this module is relative, normalised, free of control characters, and has only directories among
//! its parents. That is what makes "never writes outside its output" true for everything downstream.

use std::collections::{BTreeMap, BTreeSet};

use super::owner;
use super::relocate::Relocation;
use super::script::{Ghost, OwnedPath};
use crate::error::Error;
use crate::event::Notice;
use crate::limits::Limits;
use crate::printable::printable;
use crate::rpm::package::{File, FileKind, Package};
use crate::rpm::payload::is_linkable;
use crate::tree::{Entry, EntryKind, TreePath};

/// The fate of every file, decided before the payload is touched.
#[derive(Debug, Default)]
pub struct FilePlan {
    /// By position in the header's list: the entry to write, or `None` for a file that is left out.
    pub entries: Vec<Option<Entry>>,
    /// Every directory of the package, listed by the RPM or implied by its files; parents before children.
    pub directories: BTreeMap<TreePath, Entry>,
    /// Files that dpkg must not overwrite without asking.
    pub conffiles: Vec<TreePath>,
    /// Files whose owner the postinst sets, because the tar cannot name it safely.
    pub owned: Vec<OwnedPath>,
    /// Files with capabilities, and the capabilities' text.
    pub capabilities: Vec<(TreePath, String)>,
    /// %ghost files: not shipped, removed on purge.
    pub ghosts: Vec<Ghost>,
    /// Text files (`.pc`, `.la`) that name the library directory which moved.
    pub rewritten: BTreeSet<TreePath>,
    /// Libraries that the RPM ships executable and Debian does not.
    pub libraries_made_plain: usize,
}

impl FilePlan {
    /// Whether the package will have something at `path`.
    pub fn contains(&self, path: &[u8], paths: &BTreeSet<&[u8]>) -> bool {
        self.directories.contains_key(path) || paths.contains(path)
    }

    /// All paths but directories, sorted.
    pub fn paths(&self) -> BTreeSet<&[u8]> {
        self.entries
            .iter()
            .flatten()
            .filter(|entry| entry.kind != EntryKind::Directory)
            .map(|entry| entry.path.as_slice())
            .collect()
    }
}

/// Decides for every file of the package.
///
/// `newest_mtime` clamps modification times, in seconds since 1970.
pub fn plan(
    package: &Package,
    relocation: &Relocation,
    newest_mtime: Option<u64>,
) -> Result<(FilePlan, Vec<Notice>), Error> {
    let mut notices = Vec::new();
    let checked = package.files.iter().map(|file| checked_path(&file.path)).collect::<Result<Vec<_>, _>>()?;
    let is_directory = |position: usize| package.files[position].kind == FileKind::Directory;
    let targets = relocation.map_all(&checked, &is_directory, &mut notices);
    let mut plan = FilePlan::default();
    let mut merged = BTreeSet::new();
    for (file, (source, target)) in package.files.iter().zip(checked.iter().zip(targets)) {
        owner::check_name(&file.user, &file.path)?;
        owner::check_name(&file.group, &file.path)?;
        if source.is_empty() && file.kind != FileKind::Directory {
            return Err(Error::refused("/", "the package ships the root directory as something else"));
        }
        let is_merged = file.kind == FileKind::Directory && !merged.insert(target.clone());
        if is_build_id(source) || is_merged {
            plan.entries.push(None);
            continue;
        }
        if file.has(File::GHOST) {
            plan.ghosts.push(Ghost { path: target, is_directory: file.kind == FileKind::Directory });
            plan.entries.push(None);
            continue;
        }
        let entry = plan_entry(file, source, target, relocation, newest_mtime, &mut plan)?;
        plan.entries.push(Some(entry));
    }
    check_hard_links(package, &plan)?;
    add_directories(&mut plan, package.build_time, newest_mtime);
    check_parents(&plan)?;
    check_duplicates(&plan)?;
    plan.conffiles.sort();
    report_dropped(package, &checked, &mut notices);
    if plan.libraries_made_plain > 0 {
        notices.push(Notice::note(
            "library-mode",
            "libraries",
            format!("{} lost their executable bits, which Debian's libraries do not have", plan.libraries_made_plain),
        ));
    }
    Ok((plan, notices))
}

/// The header's path without its leading slash, if it is one that may be written anywhere at all.
pub fn checked_path(path: &[u8]) -> Result<TreePath, Error> {
    let refused = |reason: &str| Err(Error::refused(printable(path), reason));
    let Some(relative) = path.strip_prefix(b"/") else {
        return refused("the path is not absolute; an RPM's paths are");
    };
    if path.len() > Limits::PATH_BYTES {
        return refused("the path is longer than 4095 bytes, which no Linux system can hold");
    }
    if let Some(byte) = path.iter().find(|byte| byte.is_ascii_control()) {
        return refused(&format!("the path holds the control character {byte:#04x}, which dpkg does not accept"));
    }
    // The root directory itself.
    if relative.is_empty() {
        return Ok(TreePath::new());
    }
    for component in relative.split(|byte| *byte == b'/') {
        match component {
            b"" => return refused("the path has an empty component"),
            b"." | b".." => return refused("the path has a '.' or '..' component"),
            long if long.len() > Limits::NAME_BYTES => {
                return refused("the path has a component longer than 255 bytes");
            }
            _ => {}
        }
    }
    if relative.split(|byte| *byte == b'/').next() == Some(b"debian") {
        return refused("the package has a directory /debian, where the packaging itself belongs during conversion");
    }
    Ok(relative.to_vec())
}

fn plan_entry(
    file: &File,
    source: &[u8],
    target: TreePath,
    relocation: &Relocation,
    newest_mtime: Option<u64>,
    plan: &mut FilePlan,
) -> Result<Entry, Error> {
    let kind = match &file.kind {
        FileKind::Directory => EntryKind::Directory,
        FileKind::Regular { size_bytes } => EntryKind::Regular { size_bytes: *size_bytes },
        FileKind::Symlink { target: link } => {
            EntryKind::Symlink { target: relocation.map_link(source, &target, checked_link(file, link)?) }
        }
        FileKind::CharDevice { major, minor } => EntryKind::CharDevice { major: *major, minor: *minor },
        FileKind::BlockDevice { major, minor } => EntryKind::BlockDevice { major: *major, minor: *minor },
        FileKind::Fifo => EntryKind::Fifo,
    };
    let is_regular = matches!(kind, EntryKind::Regular { .. });
    if is_regular && (target.starts_with(b"etc/") || file.has(File::CONFIG)) {
        plan.conffiles.push(target.clone());
    }
    if is_regular && relocation.names_moved_directory(source, &target) {
        plan.rewritten.insert(target.clone());
    }
    if let Some(text) = &file.capabilities {
        plan.capabilities.push((target.clone(), text.clone()));
    }
    let mut ownership = owner::decide(file, &target);
    if is_regular && is_library(&target) && ownership.mode & 0o111 != 0 && ownership.mode & 0o6000 == 0 {
        ownership.mode &= !0o111;
        plan.libraries_made_plain += 1;
    }
    plan.owned.extend(ownership.by_postinst);
    Ok(Entry {
        path: target,
        kind,
        mode: ownership.mode,
        user: ownership.user,
        group: ownership.group,
        mtime: newest_mtime.map_or(file.mtime, |newest| file.mtime.min(newest)),
    })
}

fn checked_link<'a>(file: &File, link: &'a [u8]) -> Result<&'a [u8], Error> {
    let refused = |reason: &str| Err(Error::refused(printable(&file.path), reason));
    if link.is_empty() {
        return refused("the symbolic link has no target");
    }
    if link.len() > Limits::PATH_BYTES {
        return refused("the symbolic link's target is longer than 4095 bytes");
    }
    if link.iter().any(u8::is_ascii_control) {
        return refused("the symbolic link's target holds a control character");
    }
    Ok(link)
}

/// Libraries by their names, where libraries are: dh_fixperms(1) makes the same files not executable, and lintian calls
/// an executable library an error.
fn is_library(path: &[u8]) -> bool {
    let in_library_directory = [b"usr/lib".as_slice(), b"lib"].iter().any(|start| path.starts_with(start));
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let ends = [b".so".as_slice(), b".a", b".la"].iter().any(|end| name.ends_with(end));
    in_library_directory && (ends || name.windows(4).any(|window| window == b".so."))
}

/// `/usr/lib/.build-id/ab/cdef… -> …`: RPM's debugger look-up; Debian's gdb does not read it, and packages built from
/// the same binary would conflict over it.
fn is_build_id(path: &[u8]) -> bool {
    path == b"usr/lib/.build-id" || path.starts_with(b"usr/lib/.build-id/")
}

/// Lists every directory once: those of the RPM with their modes, the implied ones as 0755 root:root.
fn add_directories(plan: &mut FilePlan, build_time: Option<u64>, newest_mtime: Option<u64>) {
    let mtime = newest_mtime.or(build_time).unwrap_or(0);
    let mut directories = BTreeMap::new();
    for entry in plan.entries.iter().flatten() {
        for parent in parents(&entry.path) {
            directories.entry(parent.to_vec()).or_insert_with(|| implied_directory(parent, mtime));
        }
    }
    for entry in plan.entries.iter().flatten().filter(|entry| entry.kind == EntryKind::Directory) {
        directories.insert(entry.path.clone(), entry.clone());
    }
    directories.remove(b"".as_slice());
    plan.directories = directories;
}

/// A directory that nobody listed.
pub fn implied_directory(path: &[u8], mtime: u64) -> Entry {
    Entry {
        path: path.to_vec(),
        kind: EntryKind::Directory,
        mode: 0o755,
        user: "root".to_owned(),
        group: "root".to_owned(),
        mtime,
    }
}

/// `usr`, `usr/share` for `usr/share/x`.
pub fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// A file below a symlink would be written wherever the link points; below a file it is nonsense.
fn check_parents(plan: &FilePlan) -> Result<(), Error> {
    let not_directories: BTreeMap<&[u8], &EntryKind> = plan
        .entries
        .iter()
        .flatten()
        .filter(|entry| entry.kind != EntryKind::Directory)
        .map(|entry| (entry.path.as_slice(), &entry.kind))
        .collect();
    for entry in plan.entries.iter().flatten() {
        for parent in parents(&entry.path) {
            let what = match not_directories.get(parent) {
                None => continue,
                Some(EntryKind::Symlink { .. }) => "a symbolic link",
                Some(_) => "not a directory",
            };
            return Err(Error::refused(
                printable(&entry.path),
                format!("lies below '{}', which the same package makes {what}", printable(parent)),
            ));
        }
    }
    Ok(())
}

fn check_duplicates(plan: &FilePlan) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for entry in plan.entries.iter().flatten() {
        if !seen.insert(entry.path.as_slice()) {
            return Err(Error::refused(printable(&entry.path), "two files of the package end up at this path"));
        }
    }
    Ok(())
}

fn report_dropped(package: &Package, checked: &[TreePath], notices: &mut Vec<Notice>) {
    let build_ids = checked.iter().filter(|path| is_build_id(path)).count();
    if build_ids > 0 {
        notices.push(Notice::note(
            "build-id-dropped",
            "usr/lib/.build-id",
            format!("{build_ids} build-id links are left out: Debian's debuggers do not use them"),
        ));
    }
    if package.files.iter().any(|file| file.has(File::NOREPLACE)) {
        notices.push(Notice::note(
            "noreplace",
            "%config(noreplace)",
            "has no counterpart in dpkg: the files are conffiles, and dpkg asks before it replaces a changed one",
        ));
    }
}

/// Names of one file have one owner, mode and content; a package that says otherwise would give a name the setuid bit of
/// another.
fn check_hard_links(package: &Package, plan: &FilePlan) -> Result<(), Error> {
    for members in link_groups(package, plan).into_values() {
        let first = &package.files[members[0]];
        let attributes = |file: &File| {
            (
                file.kind.clone(),
                file.mode,
                file.user.clone(),
                file.group.clone(),
                file.digest.clone(),
                file.capabilities.clone(),
            )
        };
        for other in members[1..].iter().map(|index| &package.files[*index]) {
            if attributes(other) != attributes(first) {
                return Err(Error::refused(
                    printable(&other.path),
                    format!(
                        "is a hard link to '{}', but their mode, owner, size or digest differ",
                        printable(&first.path)
                    ),
                ));
            }
        }
    }
    Ok(())
}

/// Hard links of one content, as positions in the header's list; only groups of two and more that stay in the package.
pub fn link_groups(package: &Package, plan: &FilePlan) -> BTreeMap<(u32, u32), Vec<usize>> {
    let mut groups: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (index, file) in package.files.iter().enumerate() {
        if is_linkable(file) && plan.entries[index].is_some() {
            groups.entry(file.inode).or_default().push(index);
        }
    }
    groups.retain(|_, members| members.len() > 1);
    groups
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_plain_absolute_paths_pass() {
        for good in ["/usr/bin/x", "/etc/-rf", "/opt/a b;$(x)'", "/usr/share/doc/debian/x", "/", "/opt/..."] {
            assert_eq!(checked_path(good.as_bytes()).unwrap(), good.as_bytes()[1..]);
        }
        for bad in [
            "usr/bin/x",
            "",
            "//usr",
            "/usr//x",
            "/usr/",
            "/usr/./x",
            "/../x",
            "/usr/..",
            "/a\nb",
            "/a\x1b[2J",
            "/a\x7f",
            "/debian",
            "/debian/rules",
        ] {
            assert!(checked_path(bad.as_bytes()).is_err(), "{bad:?} was accepted");
        }
        assert!(checked_path(&[b"/", [b'a'; 256].as_slice()].concat()).is_err());
        assert!(checked_path(b"/caf\xe9").is_ok());
    }

    #[test]
    fn parents_come_from_the_root_down() {
        assert_eq!(parents(b"usr/share/x").collect::<Vec<_>>(), [b"usr".as_slice(), b"usr/share"]);
        assert_eq!(parents(b"x").count(), 0);
    }
}
