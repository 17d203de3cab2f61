//! Unified diffs, applied as patch(1) would, to a tree that streams by.
//!
//! # Theory of operation
//!
//! [`Patch::parse`] turns text into parts, one for each file that a diff touches. [`resolve`] then decides, from names
//! and kinds of files alone, which file each part reads and which it writes; the result, [`Edits`], says for each path
//! of the tree whether the stream must stop for it. [`Edit::apply`] does the work on the bytes of one file.
//!
//! ```text
//! text --parse--> Patch (parts, hunks) --resolve--> Edits (chains of steps per file) --apply--> Edited (files, notices)
//! ```
//!
//! GNU patch 2.7.6 is the reference: names (`name`), headers (`header`), hunks (`hunk`), the order in which places are
//! tried (`locate`), fuzz, and the deferred writes of git diffs (`resolve`). Where it would ask, this fails; where it
//! would skip a part and go on, this fails as a whole. It differs on purpose in these points:
//!
//! - Context diffs, normal diffs, ed scripts, git binary diffs and symbolic links are refused by name.
//! - A name that is absolute, has `..`, or holds control characters is an error; patch(1) ignores such a name and tries
//!   the part's other names.
//! - A last line without its newline counts as a line; patch(1) drops it.
//! - A git diff may modify a file that it has renamed or copied before; patch(1) 2.7 does not find it.
//! - Where fuzz puts new lines behind a last line that has no newline, the line gets one; patch(1) joins the two lines.

mod apply;
mod date;
mod edits;
mod header;
mod hunk;
mod lines;
mod locate;
mod name;
mod nearest;
mod resolve;

use std::sync::Arc;

use crate::limits::Limits;
use crate::printable::printable;

pub use edits::{Edit, Edited, EditedFile, Edits};
pub use resolve::{FileKind, resolve};

use hunk::Hunk;
use lines::PatchReader;
use name::Name;

/// Lines of a patch, and of a file that a patch touches. Ten times the longest text file that people patch (a kernel
/// register header, some 200,000 lines, rounded up); an index of 8 Mi lines takes 32 MiB.
const MAX_LINES: usize = 8 << 20;

/// One patch file.
#[derive(Debug, Clone)]
pub struct Patch {
    parts: Vec<Arc<Part>>,
}

impl Patch {
    /// Reads a patch. `name` is for messages, `strip` is the `N` of `patch -pN`.
    ///
    /// Text before, between and after the diffs is ignored; an empty patch is one that does nothing.
    pub fn parse(name: &str, text: &[u8], strip: usize) -> Result<Self, PatchError> {
        let shown = printable(name.as_bytes());
        if text.len() as u64 > Limits::PATCHED_FILE_BYTES {
            return Err(PatchError::Malformed {
                patch: shown,
                line: 1,
                reason: format!(
                    "the patch has {} bytes, more than the limit of {}",
                    text.len(),
                    Limits::PATCHED_FILE_BYTES
                ),
            });
        }
        let mut reader = PatchReader::new(Arc::from(shown), Arc::from(text));
        let mut parts = Vec::new();
        while let Some(header) = header::scan(&mut reader, strip)? {
            let hunks = hunk::read_all(&mut reader, header.indent, header.strip_cr)?;
            parts.push(Arc::new(Part { patch: reader.patch(), text: reader.text(), header, hunks }));
        }
        if parts.is_empty() && !text.is_empty() {
            return Err(reader.error(1, header::why_no_diff(text)));
        }
        Ok(Self { parts })
    }

    /// Divides the patch: first the parts that name a path of which `is_wanted` holds, then all others. A part that
    /// names both is of the first kind.
    pub fn split(&self, is_wanted: &dyn Fn(&[u8]) -> bool) -> (Self, Self) {
        let (wanted, others) = self.parts.iter().cloned().partition(|part| {
            let header = &part.header;
            [&header.old, &header.new, &header.index].into_iter().flatten().any(|name| is_wanted(&name.path))
        });
        (Self { parts: wanted }, Self { parts: others })
    }
}

/// What a patch says of one file.
#[derive(Debug)]
struct Part {
    /// Name of the patch, printable.
    patch: Arc<str>,
    /// The whole patch, to which the hunks point.
    text: Arc<[u8]>,
    header: Header,
    hunks: Vec<Hunk>,
}

impl Part {
    /// A refusal of this part because of `file`.
    fn refuse(&self, file: &[u8], reason: impl Into<String>) -> PatchError {
        PatchError::Refused {
            patch: self.patch.to_string(),
            line: self.header.line,
            file: printable(file),
            reason: reason.into(),
        }
    }
}

/// What the lines above the hunks say. Pairs are (old, new).
#[derive(Debug, Default)]
struct Header {
    /// Line of the patch where the hunks begin, from 1.
    line: u64,
    old: Option<Name>,
    new: Option<Name>,
    /// From `Index:`; used only where neither old nor new is there.
    index: Option<Name>,
    /// Whether the file is said to be missing before and after.
    presence: [Presence; 2],
    /// Modes of git headers with their file type (0100644), 0 where unsaid.
    modes: [u32; 2],
    is_git: bool,
    transfer: Option<Transfer>,
    /// Columns of white space that are before each line of the diff, as in a quotation.
    indent: usize,
    /// The patch was through a system that ends lines in CR LF: CRs at line ends are dropped.
    strip_cr: bool,
}

/// What a diff says about whether a file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Presence {
    /// Nothing: the file is there.
    #[default]
    There,
    /// A range of `0,0` or an empty blob: it is empty or missing.
    EmptyOrMissing,
    /// `/dev/null`, a time stamp of 1970, or git's `new file`/`deleted file`: it is missing.
    Missing,
}

/// How git makes one file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    Rename,
    Copy,
}

/// Why a patch does not apply. `Display` is one line; [`PatchError::detail`] has more about a hunk.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The text is no patch that can be read.
    #[error("patch {patch}, line {line}: {reason}")]
    Malformed {
        /// Name of the patch, printable.
        patch: String,
        /// Line of the patch, from 1.
        line: u64,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A part of the patch does not fit the tree.
    #[error("patch {patch}, line {line}: {file}: {reason}")]
    Refused {
        /// Name of the patch, printable.
        patch: String,
        /// Line of the patch where the part's hunks begin, from 1.
        line: u64,
        /// The file, printable.
        file: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A hunk does not apply.
    #[error("patch {}, hunk {} at line {}: {}: {}", .0.patch, .0.hunk, .0.line, .0.file, .0.reason)]
    Hunk(Box<RejectedHunk>),
}

/// A hunk that does not apply, and why.
#[derive(Debug)]
pub struct RejectedHunk {
    /// Name of the patch, printable.
    pub patch: String,
    /// Number of the hunk among the hunks of its file, from 1.
    pub hunk: usize,
    /// Line of the patch where the hunk begins, from 1.
    pub line: u64,
    /// The file it was meant for, printable.
    pub file: String,
    /// What is wrong.
    pub reason: String,
    /// The hunk and the nearest match, several lines, printable.
    pub detail: String,
}

impl PatchError {
    /// Several lines for a hunk that does not apply: its text, and the place in the file that comes nearest.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Hunk(hunk) => Some(&hunk.detail),
            Self::Malformed { .. } | Self::Refused { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
