//! Text files that name a library directory which moves: rewritten as they pass.

use std::io::Read;

use crate::error::Error;
use crate::event::Notice;
use crate::plan::path::FilePlan;
use crate::plan::relocate::Relocation;
use crate::printable::printable;
use crate::transform::read_whole;
use crate::tree::{Entry, EntryKind, Sink};

/// `.pc` and `.la` files have a few hundred bytes; a larger one is not what its name says.
const LIMIT_BYTES: u64 = 1 << 20;

/// A sink that rewrites the files of [`FilePlan::rewritten`].
pub struct Rewriter<'a> {
    inner: &'a mut dyn Sink,
    plan: &'a FilePlan,
    relocation: &'a Relocation,
    notices: &'a mut Vec<Notice>,
}

impl<'a> Rewriter<'a> {
    /// Passes everything on to `inner`.
    pub fn new(
        inner: &'a mut dyn Sink,
        plan: &'a FilePlan,
        relocation: &'a Relocation,
        notices: &'a mut Vec<Notice>,
    ) -> Self {
        Self { inner, plan, relocation, notices }
    }
}

impl Sink for Rewriter<'_> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        if !self.plan.rewritten.contains(&entry.path) {
            return self.inner.entry(entry, content);
        }
        let text = read_whole(entry, content, LIMIT_BYTES, "be rewritten for its new library directory")?;
        let rewritten = self.relocation.rewrite(&text);
        if rewritten != text {
            self.notices.push(Notice::note(
                "library-directory-rewritten",
                printable(&entry.path),
                "names the library directory, which moved: changed accordingly",
            ));
        }
        let kind = EntryKind::Regular { size_bytes: rewritten.len() as u64 };
        self.inner.entry(&Entry { kind, ..entry.clone() }, &mut rewritten.as_slice())
    }
}

impl std::fmt::Debug for Rewriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rewriter").finish_non_exhaustive()
    }
}
