//! Patches on the way: a sink that changes the files that patches touch, and lets all others stream by.
//!
//! Patches see the tree as `unpack` writes it: `NAME-VERSION/` with the package's files, and `NAME-VERSION/debian/`.
//! The files pass once, in the payload's order, so what each patch does to each file is resolved from names before the
//! stream; debian/ exists only after it and is patched there.

use std::collections::HashSet;
use std::io::Read;

use crate::deb::debian_dir::DebianDir;
use crate::error::Error;
use crate::event::Notice;
use crate::limits::Limits;
use crate::patch::{Edit, EditedFile, Edits, FileKind, Patch, resolve};
use crate::plan::path::{FilePlan, checked_path, implied_directory};
use crate::printable::printable;
use crate::transform::read_whole;
use crate::tree::{Entry, EntryKind, Sink};

/// Patches that wait for the tree, and those that wait for debian/.
#[derive(Debug)]
pub struct PatchPlan<'a> {
    tree_name: &'a str,
    tree: Edits,
    debian: Vec<Patch>,
}

impl<'a> PatchPlan<'a> {
    /// Resolves what concerns the tree; parts for debian/ are set aside.
    pub fn new(patches: &[Patch], tree_name: &'a str, files: &FilePlan) -> Result<Self, Error> {
        let debian_prefix = format!("{tree_name}/debian/").into_bytes();
        let is_debian = |path: &[u8]| path.starts_with(&debian_prefix);
        let (debian, tree): (Vec<_>, Vec<_>) = patches.iter().map(|patch| patch.split(&is_debian)).unzip();
        let tree_prefix = format!("{tree_name}/").into_bytes();
        let others: HashSet<&[u8]> = files.paths().into_iter().collect();
        let regular: HashSet<&[u8]> = files
            .entries
            .iter()
            .flatten()
            .filter(|entry| matches!(entry.kind, EntryKind::Regular { .. }))
            .map(|entry| entry.path.as_slice())
            .collect();
        let kind = |path: &[u8]| -> Option<FileKind> {
            let path = path.strip_prefix(tree_prefix.as_slice())?;
            if regular.contains(path) {
                Some(FileKind::Regular)
            } else if others.contains(path) {
                Some(FileKind::Other)
            } else {
                files.directories.contains_key(path).then_some(FileKind::Directory)
            }
        };
        Ok(Self { tree_name, tree: resolve(&tree, tree_name.as_bytes(), &kind)?, debian })
    }

    /// Applies the rest to debian/.
    pub fn patch_debian(&self, debian: &mut DebianDir) -> Result<Vec<Notice>, Error> {
        let prefix = format!("{}/debian/", self.tree_name);
        let name_of = |path: &[u8]| -> Result<String, Error> {
            let name = path.strip_prefix(prefix.as_bytes()).and_then(|name| std::str::from_utf8(name).ok());
            name.filter(|name| !name.contains('/')).map(str::to_owned).ok_or_else(|| {
                Error::refused(printable(path), "a patch puts it where debian/ has no files; it takes plain names only")
            })
        };
        let original = debian.clone();
        let kind = |path: &[u8]| -> Option<FileKind> {
            if path == prefix.trim_end_matches('/').as_bytes() {
                return Some(FileKind::Directory);
            }
            let name = name_of(path).ok()?;
            original.contains(&name).then_some(FileKind::Regular)
        };
        let edits = resolve(&self.debian, self.tree_name.as_bytes(), &kind)?;
        let mut notices = Vec::new();
        let mut outputs = Vec::new();
        for (name, content) in original.iter() {
            if let Some(edit) = edits.touching(format!("{prefix}{name}").as_bytes()) {
                let edited = edit.apply(content, DebianDir::mode(name))?;
                debian.remove(name);
                notices.extend(edited.notices);
                outputs.extend(edited.files);
            }
        }
        for edit in edits.created() {
            let edited = edit.apply(b"", 0o644)?;
            notices.extend(edited.notices);
            outputs.extend(edited.files);
        }
        for EditedFile { path, content, .. } in outputs {
            debian.put(&name_of(&path)?, content);
        }
        Ok(notices)
    }
}

/// The sink.
pub struct Patcher<'a> {
    inner: &'a mut dyn Sink,
    plan: &'a PatchPlan<'a>,
    notices: Vec<Notice>,
    mtime: u64,
}

impl<'a> Patcher<'a> {
    /// Passes everything on to `inner`; patched files get `mtime`.
    pub fn new(inner: &'a mut dyn Sink, plan: &'a PatchPlan<'a>, mtime: u64) -> Self {
        Self { inner, plan, notices: Vec::new(), mtime }
    }

    /// Writes the files that exist only through patches.
    pub fn finish(mut self) -> Result<Vec<Notice>, Error> {
        for edit in self.plan.tree.created() {
            let template = implied_directory(b"", self.mtime);
            self.apply(edit, &[], &Entry { mode: 0o644, ..template })?;
        }
        Ok(self.notices)
    }

    fn edit_of(&self, path: &[u8]) -> Option<&'a Edit> {
        self.plan.tree.touching(&[self.plan.tree_name.as_bytes(), b"/", path].concat())
    }

    fn apply(&mut self, edit: &Edit, content: &[u8], template: &Entry) -> Result<(), Error> {
        let edited = edit.apply(content, template.mode)?;
        self.notices.extend(edited.notices);
        let prefix = [self.plan.tree_name.as_bytes(), b"/"].concat();
        for EditedFile { path, mode, content } in edited.files {
            let inside = path.strip_prefix(prefix.as_slice()).unwrap_or(&path);
            let entry = Entry {
                path: checked_path(&[b"/", inside].concat())?,
                kind: EntryKind::Regular { size_bytes: content.len() as u64 },
                mode,
                mtime: self.mtime,
                ..template.clone()
            };
            self.inner.entry(&entry, &mut content.as_slice())?;
        }
        Ok(())
    }
}

impl Sink for Patcher<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        let touched = self.edit_of(&entry.path);
        match (&entry.kind, touched) {
            (EntryKind::Regular { .. }, Some(edit)) => {
                let original = read_whole(entry, content, Limits::PATCHED_FILE_BYTES, "be patched")?;
                self.apply(edit, &original, entry)
            }
            // patch(1) would part the names; in one stream the other name has already gone by.
            (EntryKind::HardLink { target }, touched) if touched.is_some() || self.edit_of(target).is_some() => {
                Err(Error::refused(
                    printable(&entry.path),
                    format!(
                        "is a hard link to '{}', and a patch touches one of them; use unpack, patch and build for this package",
                        printable(target)
                    ),
                ))
            }
            _ => self.inner.entry(entry, content),
        }
    }
}

impl std::fmt::Debug for Patcher<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patcher").field("plan", &self.plan).finish_non_exhaustive()
    }
}
