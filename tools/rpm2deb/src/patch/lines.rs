//! Lines of a patch, and lines of a file: both are only ever pointed at, never copied.

use std::sync::Arc;

use super::{MAX_LINES, PatchError};

/// Hands out the lines of a patch. Lines that begin with `#` are comments, as in patch(1).
#[derive(Debug)]
pub(super) struct PatchReader {
    patch: Arc<str>,
    text: Arc<[u8]>,
    position: usize,
    /// Lines passed so far.
    passed: u64,
}

/// Where a reader was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bookmark {
    position: usize,
    passed: u64,
}

/// A line of the patch: the bytes `start..end`, without its newline.
#[derive(Debug, Clone, Copy)]
pub(super) struct PatchLine {
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 1.
    pub(super) number: u64,
}

impl PatchReader {
    pub(super) fn new(patch: Arc<str>, text: Arc<[u8]>) -> Self {
        Self { patch, text, position: 0, passed: 0 }
    }

    pub(super) fn patch(&self) -> Arc<str> {
        Arc::clone(&self.patch)
    }

    pub(super) fn text(&self) -> Arc<[u8]> {
        Arc::clone(&self.text)
    }

    pub(super) fn error(&self, line: u64, reason: impl Into<String>) -> PatchError {
        PatchError::Malformed { patch: self.patch.to_string(), line, reason: reason.into() }
    }

    pub(super) fn bookmark(&self) -> Bookmark {
        Bookmark { position: self.position, passed: self.passed }
    }

    pub(super) fn return_to(&mut self, bookmark: Bookmark) {
        self.position = bookmark.position;
        self.passed = bookmark.passed;
    }

    pub(super) fn lines_passed(&self) -> u64 {
        self.passed
    }

    pub(super) fn bytes(&self, line: PatchLine) -> &[u8] {
        &self.text[line.start..line.end]
    }

    /// The next line, without up to `indent` columns of leading white space (or `X`, as in patch(1)), and without a CR
    /// at its end where `strip_cr` is set.
    pub(super) fn next(&mut self, indent: usize, strip_cr: bool) -> Option<PatchLine> {
        loop {
            if self.position >= self.text.len() {
                return None;
            }
            let mut start = self.position;
            let mut end = start + line_length(&self.text[start..]);
            self.position = (end + 1).min(self.text.len());
            self.passed += 1;
            let mut column = 0;
            while start < end && column < indent {
                match self.text[start] {
                    b' ' | b'X' => column += 1,
                    b'\t' => column = (column + 8) & !7,
                    _ => break,
                }
                start += 1;
            }
            if self.text.get(start) == Some(&b'#') && start < end {
                continue;
            }
            if strip_cr && end > start && self.text[end - 1] == b'\r' {
                end -= 1;
            }
            return Some(PatchLine { start, end, number: self.passed });
        }
    }

    /// Passes a line such as `\ No newline at end of file`; says whether there was one.
    pub(super) fn pass_backslash_line(&mut self) -> bool {
        let found = self.text.get(self.position) == Some(&b'\\');
        if found {
            self.position = (self.position + line_length(&self.text[self.position..]) + 1).min(self.text.len());
            self.passed += 1;
        }
        found
    }
}

/// Bytes up to the next newline, or all.
fn line_length(text: &[u8]) -> usize {
    text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len())
}

/// One line as hunks and files compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Line<'a> {
    /// Without the newline.
    pub(super) body: &'a [u8],
    pub(super) has_newline: bool,
}

/// The lines of a file. Numbers are from 1, as in diffs.
#[derive(Debug)]
pub(super) struct FileLines<'a> {
    content: &'a [u8],
    /// Where each line begins, and the end of the content.
    starts: Vec<u32>,
}

impl<'a> FileLines<'a> {
    /// Finds the lines; none where there are too many.
    pub(super) fn new(content: &'a [u8]) -> Option<Self> {
        let mut starts = vec![0_u32];
        let mut at = 0;
        while at < content.len() {
            if starts.len() > MAX_LINES {
                return None;
            }
            at = (at + line_length(&content[at..]) + 1).min(content.len());
            starts.push(u32::try_from(at).ok()?);
        }
        Some(Self { content, starts })
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Bytes of lines `from..=to` with their newlines; lines that are not there have none.
    pub(super) fn bytes(&self, from: usize, to: usize) -> &'a [u8] {
        let last = self.count();
        let (from, to) = (from.max(1).min(last + 1), to.min(last));
        if to < from {
            return &[];
        }
        &self.content[self.starts[from - 1] as usize..self.starts[to] as usize]
    }

    pub(super) fn line(&self, number: usize) -> Line<'a> {
        let bytes = self.bytes(number, number);
        match bytes.strip_suffix(b"\n") {
            Some(body) => Line { body, has_newline: true },
            None => Line { body: bytes, has_newline: false },
        }
    }
}
