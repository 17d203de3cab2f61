//! What patches do to each file: chains of steps, to be run when the file's content comes by.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::Notice;
use crate::limits::Limits;

use super::apply::Application;
use super::locate::Budget;
use super::resolve::{Source, Step};
use super::{Part, PatchError};

/// What a set of patches does to a tree.
#[derive(Debug)]
pub struct Edits {
    touched: HashMap<Vec<u8>, Edit>,
    created: Vec<Edit>,
}

/// What a set of patches does to one file.
#[derive(Debug)]
pub struct Edit {
    /// The file before any patch; none where patches create it.
    original: Option<Vec<u8>>,
    steps: Vec<EditStep>,
    /// Files that come of it: path, and the step whose result it is (none: the original content).
    outputs: Vec<(Vec<u8>, Option<usize>)>,
    /// Shared by all edits: what work is left.
    work: Arc<AtomicU64>,
}

#[derive(Debug)]
struct EditStep {
    part: Arc<Part>,
    /// An earlier step of the same edit; none for the original content.
    source: Option<usize>,
    file: Vec<u8>,
    was_renamed: bool,
}

/// One file after all patches.
#[derive(Debug)]
pub struct Edited {
    /// What becomes of it: nothing where it is deleted, several files where it is copied.
    pub files: Vec<EditedFile>,
    /// Fuzz, offsets and other things that a reader of the patch may want to know.
    pub notices: Vec<Notice>,
}

/// A file that a patch has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedFile {
    /// Relative to the directory in which patch(1) would run.
    pub path: Vec<u8>,
    /// Permission bits, 07777.
    pub mode: u32,
    /// All of its bytes.
    pub content: Vec<u8>,
}

/// A file between two steps. None where it does not exist.
#[derive(Debug, Clone)]
struct State {
    content: Option<Arc<Vec<u8>>>,
    mode: u32,
}

impl Edits {
    /// Sorts steps by the original file that they start from.
    pub(super) fn new(
        steps: Vec<Step>,
        finally: HashMap<Vec<u8>, Option<Source>>,
        is_original: impl Fn(&[u8]) -> bool,
    ) -> Self {
        let work = Arc::new(AtomicU64::new(Budget::TOTAL));
        let new_edit = |original| Edit { original, steps: Vec::new(), outputs: Vec::new(), work: Arc::clone(&work) };
        let mut edits: Vec<Edit> = Vec::new();
        let mut by_path: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut edit_of = |edits: &mut Vec<Edit>, path: Vec<u8>| {
            *by_path.entry(path.clone()).or_insert_with(|| {
                edits.push(new_edit(Some(path)));
                edits.len() - 1
            })
        };
        let mut homes: Vec<(usize, usize)> = Vec::with_capacity(steps.len());
        for step in steps {
            let (home, source) = match step.source {
                Some(Source::Original(path)) => (edit_of(&mut edits, path), None),
                Some(Source::Step(at)) => (homes[at].0, Some(homes[at].1)),
                None => {
                    edits.push(new_edit(None));
                    (edits.len() - 1, None)
                }
            };
            homes.push((home, edits[home].steps.len()));
            let (part, file, was_renamed) = (step.part, step.file, step.was_renamed);
            edits[home].steps.push(EditStep { part, source, file, was_renamed });
        }
        let mut outputs: Vec<_> = finally.into_iter().collect();
        outputs.sort_by(|a, b| a.0.cmp(&b.0));
        let mut replaced = std::collections::HashSet::new();
        for (path, source) in outputs {
            if is_original(&path) {
                edit_of(&mut edits, path.clone());
                replaced.insert(path.clone());
            }
            match source {
                Some(Source::Step(at)) => edits[homes[at].0].outputs.push((path, Some(homes[at].1))),
                Some(Source::Original(from)) => {
                    let home = edit_of(&mut edits, from);
                    edits[home].outputs.push((path, None));
                }
                None => {}
            }
        }
        let mut sorted = Self { touched: HashMap::new(), created: Vec::new() };
        for mut edit in edits {
            match edit.original.clone() {
                Some(path) => {
                    if !replaced.contains(&path) {
                        edit.outputs.insert(0, (path.clone(), None)); // only copied from
                    }
                    sorted.touched.insert(path, edit);
                }
                None => sorted.created.push(edit),
            }
        }
        sorted
    }

    /// What happens to the file that is at `path` before any patch. Its content must then be held and given to
    /// [`Edit::apply`]; all other files pass untouched.
    pub fn touching(&self, path: &[u8]) -> Option<&Edit> {
        self.touched.get(path)
    }

    /// Files that exist only through patches, in the order in which patches create them. Apply them to no content. A
    /// file that a later part deletes again is among them, and yields nothing.
    pub fn created(&self) -> impl Iterator<Item = &Edit> {
        self.created.iter()
    }

    /// All paths for which [`Edits::touching`] answers, to see at the end of a stream that each has come by.
    pub fn touched_paths(&self) -> impl Iterator<Item = &[u8]> {
        self.touched.keys().map(Vec::as_slice)
    }

    /// Whether no file is touched.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.created.is_empty()
    }
}

impl Edit {
    /// Paths of the files that come of it, before their content is known: none where it is deleted.
    pub fn outputs(&self) -> impl Iterator<Item = &[u8]> {
        self.outputs.iter().map(|(path, _)| path.as_slice())
    }

    /// Runs all steps on a file. `mode` is its permission bits, 07777; for a created file both arguments are ignored,
    /// and it gets 0644 unless the patch says more.
    ///
    /// As with patch(1), a file that is patched loses its setuid, setgid and sticky bits; a notice says so.
    pub fn apply(&self, content: &[u8], mode: u32) -> Result<Edited, PatchError> {
        let mut budget = Budget { left: self.work.load(Ordering::Relaxed) };
        let before = budget.left;
        let edited = self.run(content, mode, &mut budget);
        self.work.fetch_sub(before - budget.left, Ordering::Relaxed);
        edited
    }

    fn run(&self, content: &[u8], mode: u32, budget: &mut Budget) -> Result<Edited, PatchError> {
        let mut notices = Vec::new();
        let origin = match &self.original {
            Some(path) => {
                if content.len() as u64 > Limits::PATCHED_FILE_BYTES {
                    return Err(self.too_large(path));
                }
                State { content: Some(Arc::new(content.to_vec())), mode }
            }
            None => State { content: None, mode: 0o644 },
        };
        let mut last_use = vec![0; self.steps.len()];
        for (at, step) in self.steps.iter().enumerate() {
            if let Some(source) = step.source {
                last_use[source] = at;
            }
        }
        for (_, source) in &self.outputs {
            if let Some(source) = source {
                last_use[*source] = usize::MAX;
            }
        }
        let mut states: Vec<Option<State>> = Vec::with_capacity(self.steps.len());
        let mut held = 0;
        for (at, step) in self.steps.iter().enumerate() {
            let source = step.source.map_or(Some(&origin), |source| states[source].as_ref()).unwrap_or(&origin);
            let state = step.run(source, budget, &mut notices)?;
            held += state.size();
            if held > 2 * Limits::PATCHED_FILE_BYTES {
                return Err(self.too_large(&step.file));
            }
            states.push(Some(state));
            if let Some(source) = step.source {
                if last_use[source] == at {
                    held -= states[source].take().map_or(0, |state| state.size());
                }
            }
        }
        let mut files = Vec::with_capacity(self.outputs.len());
        for (path, source) in &self.outputs {
            let state = source.map_or(Some(&origin), |source| states[source].as_ref()).unwrap_or(&origin);
            let content = state.content.as_ref().map(|content| content.to_vec()).unwrap_or_default();
            files.push(EditedFile { path: path.clone(), mode: state.mode, content });
        }
        Ok(Edited { files, notices })
    }

    /// For a file that is too large: `path`, and the first patch that touches it.
    fn too_large(&self, path: &[u8]) -> PatchError {
        let reason = format!("too large to be patched: the limit is {} bytes", Limits::PATCHED_FILE_BYTES);
        match self.steps.first() {
            Some(step) => step.part.refuse(path, reason),
            None => PatchError::Malformed { patch: String::new(), line: 0, reason },
        }
    }
}

impl EditStep {
    fn run(&self, before: &State, budget: &mut Budget, notices: &mut Vec<Notice>) -> Result<State, PatchError> {
        let mut application = Application { part: &self.part, file: &self.file, budget, notices };
        let content = application.run(before.content.as_ref().map(|content| content.as_slice()))?;
        if self.part.deletes() {
            if !content.is_empty() {
                let reason = "not deleted, as patch(1) would not: its content differs from what the patch removes";
                return Err(self.part.refuse(&self.file, reason));
            }
            return Ok(State { content: None, mode: 0o644 });
        }
        let subject = || format!("{}: {}", self.part.patch, crate::printable::printable(&self.file));
        if self.was_renamed {
            let text = "the patch renames or copies to this file, which is already there; it is patched in place";
            notices.push(Notice::warning("patch-renamed-before", subject(), text));
        }
        let mode = self.part.new_mode().unwrap_or(before.mode & 0o777);
        if before.mode & 0o7000 != 0 {
            let text = format!("mode {:04o} becomes {mode:04o}, as patch(1) does", before.mode);
            notices.push(Notice::warning("patch-mode", subject(), text));
        }
        Ok(State { content: Some(Arc::new(content)), mode })
    }
}

impl State {
    fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, |content| content.len() as u64)
    }
}
