//! Which file each part of each patch reads and writes, decided from names alone before any content is seen.
//!
//! The tree is the original one with an overlay of what parts have done so far. In a git diff all parts speak of the
//! tree as it was before the whole diff: a file may be copied from after it was changed, and two files may swap their
//! names. So, as GNU patch does it, outputs of git parts wait in a queue until a part touches one of them again, or the
//! git diff ends. Only creations and deletions take effect at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::printable::printable;

use super::edits::Edits;
use super::name::{Name, best, directories};
use super::{Part, Patch, PatchError, Presence, Transfer};

/// What is at a path of the tree before any patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file; all names of a hard-linked file are files of their own to a patch.
    Regular,
    /// A directory.
    Directory,
    /// Anything else: symbolic links (which are not followed), devices, FIFOs.
    Other,
}

/// The bytes that are at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The file that was at this path before any patch.
    Original(Vec<u8>),
    /// The result of a step.
    Step(usize),
}

/// A part and the file it is applied to.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) part: Arc<Part>,
    /// None where the part creates a file.
    pub(super) source: Option<Source>,
    /// The file as it is called afterwards.
    pub(super) file: Vec<u8>,
    /// A rename whose source is gone and whose target is there.
    pub(super) was_renamed: bool,
}

/// Decides which file each part of each patch touches, before any content is seen.
///
/// Paths are relative to the directory in which patch(1) would run. `root` (`librtas-1.3.6`) is the directory in it
/// that holds the whole tree; nothing outside of it is touched or created. `kind` says what is at a path, directories
/// included (it is never asked about `root` itself).
pub fn resolve(patches: &[Patch], root: &[u8], kind: &dyn Fn(&[u8]) -> Option<FileKind>) -> Result<Edits, PatchError> {
    let mut tree =
        Tree { root, kind, overlay: HashMap::new(), queue: Vec::new(), queued: HashSet::new(), steps: Vec::new() };
    for patch in patches {
        let mut was_git = false;
        for part in &patch.parts {
            if was_git && !part.header.is_git {
                tree.flush();
            }
            was_git = part.header.is_git;
            tree.part(part)?;
        }
        tree.flush();
    }
    tree.check_created()?;
    Ok(Edits::new(tree.steps, tree.overlay, |path| kind(path) == Some(FileKind::Regular)))
}

struct Tree<'a> {
    root: &'a [u8],
    kind: &'a dyn Fn(&[u8]) -> Option<FileKind>,
    /// What parts have put at a path, or none where they have deleted it.
    overlay: HashMap<Vec<u8>, Option<Source>>,
    /// Outputs of the git diff that is being read.
    queue: Vec<(Vec<u8>, Source)>,
    /// Existing files that are in the queue.
    queued: HashSet<Vec<u8>>,
    steps: Vec<Step>,
}

/// What a part is about.
struct Target {
    /// The file it reads; it may not exist.
    input: Vec<u8>,
    exists: bool,
    /// The file it writes.
    output: Vec<u8>,
    was_renamed: bool,
}

impl Tree<'_> {
    fn part(&mut self, part: &Arc<Part>) -> Result<(), PatchError> {
        let target = self.target(part)?;
        let is_inside = |path: &[u8]| path.strip_prefix(self.root).is_some_and(|rest| rest.starts_with(b"/"));
        for path in [&target.input, &target.output] {
            if !self.root.is_empty() && !is_inside(path) {
                let reason = format!("outside of the package's directory '{}'", printable(self.root));
                return Err(part.refuse(path, reason));
            }
        }
        if part.header.is_git {
            if self.queued.contains(&target.output) {
                self.flush();
            }
            if self.kind_of(&target.output).is_some() {
                self.queued.insert(target.output.clone());
            }
        }
        for path in [&target.input, &target.output] {
            if self.kind_of(path).is_some_and(|kind| kind != FileKind::Regular) {
                return Err(part.refuse(path, "not a regular file; only those can be patched"));
            }
        }
        let source = if target.exists { self.source(&target.input) } else { None };
        if target.exists || !part.is_idle() {
            self.step(part, source, target);
        }
        Ok(())
    }

    fn step(&mut self, part: &Arc<Part>, source: Option<Source>, target: Target) {
        let result = Source::Step(self.steps.len());
        if part.deletes() {
            self.overlay.insert(target.output.clone(), None);
        } else if part.header.is_git && part.header.presence[0] != Presence::Missing {
            self.queue.push((target.output.clone(), result));
        } else {
            self.overlay.insert(target.output.clone(), Some(result));
        }
        if part.header.transfer == Some(Transfer::Rename) && target.input != target.output {
            self.overlay.insert(target.input, None);
        }
        let (file, was_renamed) = (target.output, target.was_renamed);
        self.steps.push(Step { part: Arc::clone(part), source, file, was_renamed });
    }

    /// The queued outputs take effect.
    fn flush(&mut self) {
        for (path, source) in self.queue.drain(..) {
            self.overlay.insert(path, Some(source));
        }
        self.queued.clear();
    }

    /// Chooses among the names of a part as patch(1) does: the best of those that exist, else, where the part creates a
    /// file, the best of those that need the fewest new directories.
    fn target(&mut self, part: &Part) -> Result<Target, PatchError> {
        let header = &part.header;
        let names = || [&header.old, &header.new, &header.index].into_iter().flatten();
        let Some(last) = names().last() else {
            return Err(part.refuse(b"", "the diff names no file (or one with too few slashes to strip)"));
        };
        let mut chosen = best(names().filter(|name| self.kind_of(&name.path).is_some()));
        if chosen.is_none() && header.presence[0] == Presence::There {
            chosen = best(names().filter(|name| self.queue.iter().any(|(path, _)| *path == name.path)));
            if chosen.is_some() {
                self.flush();
            }
        }
        let exists = chosen.is_some();
        let is_new_and_empty = header.presence == [Presence::Missing, Presence::EmptyOrMissing];
        if !exists && header.presence[1] > Presence::There && !is_new_and_empty {
            let reason = "the patch would delete or empty this file, which does not exist: \
                          it was applied before, or is reversed";
            return Err(part.refuse(&last.path, reason));
        }
        if !exists && header.presence[0] > Presence::There {
            chosen = self.best_new(names());
        }
        let Some(chosen) = chosen else {
            let tried: Vec<String> = names().map(|name| format!("'{}'", printable(&name.written))).collect();
            let reason = format!("no such file; tried {} (is the strip count right?)", tried.join(" and "));
            return Err(part.refuse(&last.path, reason));
        };
        let input = chosen.path.clone();
        let output = match (header.transfer, &header.new) {
            (Some(_), Some(new)) => new.path.clone(),
            _ => input.clone(),
        };
        let was_renamed = header.transfer.is_some() && input == output;
        Ok(Target { input, exists, output, was_renamed })
    }

    /// The best of the names that need the fewest new directories.
    fn best_new<'n>(&self, names: impl Iterator<Item = &'n Name>) -> Option<&'n Name> {
        let missing = |name: &Name| {
            let is_missing = |dir: &&[u8]| !matches!(self.kind_of(&normal(dir)), Some(FileKind::Directory));
            directories(&name.written).skip_while(|dir| !is_missing(dir)).count()
        };
        let names: Vec<(usize, &Name)> = names.map(|name| (missing(name), name)).collect();
        let fewest = names.iter().map(|&(count, _)| count).min()?;
        best(names.into_iter().filter(|&(count, _)| count == fewest).map(|(_, name)| name))
    }

    /// What is at a path, queue aside.
    fn kind_of(&self, path: &[u8]) -> Option<FileKind> {
        match self.overlay.get(path) {
            Some(Some(_)) => Some(FileKind::Regular),
            Some(None) => None,
            None if path.is_empty() || path == self.root => Some(FileKind::Directory),
            None => (self.kind)(path),
        }
    }

    fn source(&self, path: &[u8]) -> Option<Source> {
        match self.overlay.get(path) {
            Some(source) => source.clone(),
            None => Some(Source::Original(path.to_vec())),
        }
    }

    /// No file may come to lie under a file or a symbolic link.
    fn check_created(&self) -> Result<(), PatchError> {
        for (path, source) in &self.overlay {
            let Some(Source::Step(step)) = source else { continue };
            let blocked =
                directories(path).find(|dir| self.kind_of(dir).is_some_and(|kind| kind != FileKind::Directory));
            if let Some(dir) = blocked {
                let reason = format!("cannot be created: '{}' is not a directory", printable(dir));
                return Err(self.steps[*step].part.refuse(path, reason));
            }
        }
        Ok(())
    }
}

impl Part {
    /// Removes its file, which must then be empty.
    pub(super) fn deletes(&self) -> bool {
        self.header.presence[1] == Presence::Missing
    }

    /// The permission bits that the file gets, where the patch changes them.
    pub(super) fn new_mode(&self) -> Option<u32> {
        let [old, new] = self.header.modes;
        (new != 0 && new != old).then_some(new & 0o777)
    }

    /// Does nothing; patch(1) then does not even create the file.
    fn is_idle(&self) -> bool {
        self.hunks.is_empty() && self.new_mode().is_none() && self.header.transfer.is_none() && !self.deletes()
    }
}

/// Without `.` and doubled slashes.
fn normal(path: &[u8]) -> Vec<u8> {
    let components: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    components.join(&b'/')
}
