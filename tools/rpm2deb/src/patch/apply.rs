//! Applies one part of a patch to the bytes of one file.

use crate::event::Notice;
use crate::limits::Limits;
use crate::printable::printable;

use super::hunk::{Hunk, Mark};
use super::lines::FileLines;
use super::locate::{Budget, Exhausted, Pattern, Progress, signed, unsigned};
use super::{Part, PatchError, Presence, RejectedHunk, nearest};

/// A part, the file that it is for, and what it has cost so far.
pub(super) struct Application<'a> {
    pub(super) part: &'a Part,
    /// The file as it is called afterwards.
    pub(super) file: &'a [u8],
    pub(super) budget: &'a mut Budget,
    pub(super) notices: &'a mut Vec<Notice>,
}

/// A file that is being written.
struct Output {
    bytes: Vec<u8>,
    /// Unlike patch(1)'s idea of it, this is about the last line written, which may be empty.
    ends_in_newline: bool,
}

/// Why a hunk fails.
#[derive(Clone, Copy)]
enum Failure {
    Mismatch,
    Reversed,
    Misordered,
    Exhausted,
    TooLarge,
}

impl From<Exhausted> for Failure {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

impl Application<'_> {
    /// The new content. `content` is none where the file is missing; it is returned unchanged where the part has no
    /// hunks.
    pub(super) fn run(&mut self, content: Option<&[u8]>) -> Result<Vec<u8>, PatchError> {
        self.check_presence(content)?;
        let content = content.unwrap_or_default();
        if self.budget.spend_bytes(content.len() / 4).is_err() {
            return Err(self.part.refuse(self.file, TOO_MUCH_WORK));
        }
        if self.part.hunks.is_empty() {
            return Ok(content.to_vec());
        }
        let Some(lines) = FileLines::new(content) else {
            return Err(self.part.refuse(self.file, format!("the file has more than {} lines", super::MAX_LINES)));
        };
        if self.part.header.strip_cr {
            let text = "the patch has CR LF line ends; they are read as LF, as patch(1) does";
            self.notices.push(Notice::note("patch-cr", self.subject(), text));
        }
        self.hunks(&lines)
    }

    fn hunks(&mut self, lines: &FileLines) -> Result<Vec<u8>, PatchError> {
        let mut output = Output { bytes: Vec::new(), ends_in_newline: true };
        let mut progress = Progress { frozen: 0, offset: 0 };
        let mut growth = 0;
        for (at, hunk) in self.part.hunks.iter().enumerate() {
            let found = find(self.part, hunk, at == 0, lines, progress, self.budget);
            let (place, fuzz) = found.map_err(|failure| self.failure(failure, lines, hunk, at + 1, progress))?;
            if hunk.old.count > 0 {
                progress.offset = place - hunk.old.first;
            }
            let reached = progress;
            write_hunk(self.part, hunk, lines, place, &mut progress, &mut output)
                .map_err(|failure| self.failure(failure, lines, hunk, at + 1, reached))?;
            self.report(at + 1, place + growth, progress.offset, fuzz);
            growth += signed(hunk.new.count) - signed(hunk.old.count);
        }
        output.copy(lines, &mut progress.frozen, signed(lines.count()));
        Ok(output.bytes)
    }

    /// patch(1)'s first look at whether the patch has been applied before.
    fn check_presence(&self, content: Option<&[u8]>) -> Result<(), PatchError> {
        let presence = self.part.header.presence;
        let Some(content) = content else { return Ok(()) };
        let is_known_empty = presence == [Presence::EmptyOrMissing, Presence::Missing];
        let reason = if content.is_empty() && presence[1] > Presence::There && !is_known_empty {
            "the patch would empty or delete this file, which is already empty: it was applied before, or is reversed"
        } else if !content.is_empty() && presence[0] == Presence::Missing {
            "the patch would create this file, which exists: it was applied before, or is reversed"
        } else {
            return Ok(());
        };
        Err(self.part.refuse(self.file, reason))
    }

    fn subject(&self) -> String {
        format!("{}: {}", self.part.patch, printable(self.file))
    }

    fn report(&mut self, number: usize, line: i64, offset: i64, fuzz: i64) {
        let lines = if offset == 1 { "line" } else { "lines" };
        let notice = match (offset, fuzz) {
            (0, 0) => return,
            (_, 0) => {
                let text = format!("hunk {number} at line {line}: offset {offset} {lines}");
                Notice::note("patch-offset", self.subject(), text)
            }
            (0, _) => {
                let text = format!("hunk {number} at line {line}: fuzz {fuzz}");
                Notice::warning("patch-fuzz", self.subject(), text)
            }
            _ => {
                let text = format!("hunk {number} at line {line}: offset {offset} {lines}, fuzz {fuzz}");
                Notice::warning("patch-fuzz", self.subject(), text)
            }
        };
        self.notices.push(notice);
    }

    fn failure(
        &self,
        failure: Failure,
        lines: &FileLines,
        hunk: &Hunk,
        number: usize,
        progress: Progress,
    ) -> PatchError {
        let expected = hunk.old.first + progress.offset;
        let reason = match failure {
            Failure::Reversed => "the hunk fits in reverse: it was applied before, or the patch is reversed".to_owned(),
            Failure::Misordered => "the hunk fits only before an earlier hunk of the same file".to_owned(),
            Failure::Exhausted => TOO_MUCH_WORK.to_owned(),
            Failure::TooLarge => {
                format!("the patched file has more than the limit of {} bytes", Limits::PATCHED_FILE_BYTES)
            }
            Failure::Mismatch if line_ends_differ(self.part, hunk, lines, expected) => {
                "the hunk does not fit: the line ends of file and patch differ (CR LF and LF)".to_owned()
            }
            Failure::Mismatch => "the hunk does not fit anywhere in the file".to_owned(),
        };
        PatchError::Hunk(Box::new(RejectedHunk {
            patch: self.part.patch.to_string(),
            hunk: number,
            line: hunk.line,
            file: printable(self.file),
            reason,
            detail: nearest::describe(self.part, hunk, lines, expected),
        }))
    }
}

const TOO_MUCH_WORK: &str =
    "too much work: the patch repeats itself or the file's lines so often that finding its places is not bounded";

/// Place and fuzz of a hunk. A first hunk that fits only in reverse has been applied before.
fn find(
    part: &Part,
    hunk: &Hunk,
    is_first: bool,
    lines: &FileLines,
    progress: Progress,
    budget: &mut Budget,
) -> Result<(i64, i64), Failure> {
    let pattern = Pattern { lines: hunk.old_lines(&part.text).collect(), range: hunk.old, context: hunk.context };
    let reverse = Pattern { lines: hunk.new_lines(&part.text).collect(), range: hunk.new, context: hunk.context };
    for fuzz in 0..=pattern.max_fuzz() {
        if let Some(place) = pattern.locate(lines, progress, fuzz, budget)? {
            return Ok((place, fuzz));
        }
        let is_reversed =
            is_first && !reverse.lines.is_empty() && reverse.locate(lines, progress, fuzz, budget)?.is_some();
        if is_reversed {
            return Err(Failure::Reversed);
        }
    }
    Err(Failure::Mismatch)
}

/// Writes the file up to the last change of a hunk that fits at `place`. Context is taken from the file, which differs
/// from the patch's where there was fuzz.
fn write_hunk(
    part: &Part,
    hunk: &Hunk,
    lines: &FileLines,
    place: i64,
    progress: &mut Progress,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut next = place;
    for line in &hunk.lines {
        if line.mark == Mark::Context {
            next += 1;
            continue;
        }
        if progress.frozen > next - 1 {
            return Err(Failure::Misordered);
        }
        output.copy(lines, &mut progress.frozen, next - 1);
        if line.mark == Mark::New {
            let line = line.get(&part.text, 1);
            output.push(line.body, line.has_newline);
        } else {
            progress.frozen += 1;
            next += 1;
        }
        if output.bytes.len() as u64 > Limits::PATCHED_FILE_BYTES {
            return Err(Failure::TooLarge);
        }
    }
    Ok(())
}

impl Output {
    fn push(&mut self, body: &[u8], has_newline: bool) {
        if !self.ends_in_newline {
            self.bytes.push(b'\n');
        }
        self.bytes.extend_from_slice(body);
        if has_newline {
            self.bytes.push(b'\n');
        }
        self.ends_in_newline = has_newline;
    }

    /// Copies the file's lines behind `frozen` up to `last`, which becomes frozen.
    fn copy(&mut self, lines: &FileLines, frozen: &mut i64, last: i64) {
        let bytes = lines.bytes(unsigned(*frozen + 1), unsigned(last));
        *frozen = (*frozen).max(last);
        if !bytes.is_empty() {
            let body = bytes.strip_suffix(b"\n");
            self.push(body.unwrap_or(bytes), body.is_some());
        }
    }
}

/// Whether one of patch and file has CR LF where the other has LF.
fn line_ends_differ(part: &Part, hunk: &Hunk, lines: &FileLines, expected: i64) -> bool {
    if lines.count() == 0 {
        return false;
    }
    let in_file = lines.line(unsigned(expected).clamp(1, lines.count())).body.ends_with(b"\r");
    hunk.old_lines(&part.text).next().is_some_and(|line| line.body.ends_with(b"\r") != in_file)
}
