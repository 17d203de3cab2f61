//! Hunks of unified diffs: reads them, and checks that they are what their first line says.

use super::lines::{Line, PatchLine, PatchReader};
use super::{MAX_LINES, PatchError};

/// One hunk. It points into the patch's text.
#[derive(Debug)]
pub(super) struct Hunk {
    /// Line of the patch that begins with `@@`, from 1.
    pub(super) line: u64,
    /// The bytes of the whole hunk in the patch.
    pub(super) span: (usize, usize),
    pub(super) old: Range,
    pub(super) new: Range,
    pub(super) lines: Vec<HunkLine>,
    /// Lines of context before the first and behind the last change.
    pub(super) context: (usize, usize),
}

/// The lines that one side of a hunk is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// First line, from 1; for an empty range the line behind it.
    pub(super) first: i64,
    pub(super) count: usize,
}

/// A line of a hunk: `start..end` in the patch's text, without its mark and newline.
#[derive(Debug, Clone, Copy)]
pub(super) struct HunkLine {
    start: u32,
    end: u32,
    pub(super) mark: Mark,
    /// Whether the line ends in a newline in the old and in the new file.
    newline: [bool; 2],
}

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// In both files.
    Context,
    /// In the old file only.
    Old,
    /// In the new file only.
    New,
}

impl Hunk {
    /// The lines of the old file.
    pub(super) fn old_lines<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
        self.lines.iter().filter(|line| line.mark != Mark::New).map(|line| line.get(text, 0))
    }

    /// The lines of the new file.
    pub(super) fn new_lines<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
        self.lines.iter().filter(|line| line.mark != Mark::Old).map(|line| line.get(text, 1))
    }
}

impl HunkLine {
    /// The line in the old (0) or new (1) file.
    pub(super) fn get<'a>(&self, text: &'a [u8], side: usize) -> Line<'a> {
        Line { body: &text[self.start as usize..self.end as usize], has_newline: self.newline[side] }
    }
}

/// Reads hunks until a line that begins none.
pub(super) fn read_all(reader: &mut PatchReader, indent: usize, strip_cr: bool) -> Result<Vec<Hunk>, PatchError> {
    let mut hunks = Vec::new();
    loop {
        let bookmark = reader.bookmark();
        match reader.next(indent, strip_cr) {
            Some(line) if reader.bytes(line).starts_with(b"@@ -") => {
                hunks.push(read_hunk(reader, line, indent, strip_cr)?);
            }
            _ => {
                reader.return_to(bookmark);
                return Ok(hunks);
            }
        }
    }
}

fn read_hunk(reader: &mut PatchReader, first: PatchLine, indent: usize, strip_cr: bool) -> Result<Hunk, PatchError> {
    let Some((mut old, mut new)) = ranges(&reader.bytes(first)[4..]) else {
        return Err(reader.error(first.number, "malformed '@@' line: expected '@@ -LINE,COUNT +LINE,COUNT @@'"));
    };
    if reader.lines_passed() > MAX_LINES as u64 {
        return Err(reader.error(first.number, format!("the patch has more than {MAX_LINES} lines")));
    }
    let mut filler = Filler { left: [old.count, new.count], lines: Vec::new(), before: None, context: 0 };
    let mut end = first.end;
    while filler.left != [0, 0] {
        let line = match reader.next(indent, strip_cr) {
            Some(line) => line,
            // Mailers drop empty lines at the end; patch(1) forgives three.
            None if filler.left[1] < 4 => PatchLine { start: end, end, number: reader.lines_passed() },
            None => return Err(reader.error(first.number, "the patch ends inside this hunk")),
        };
        end = line.end;
        filler.take(reader, line).map_err(|reason| reader.error(line.number, reason))?;
    }
    let Some(before) = filler.before else {
        return Err(reader.error(first.number, "malformed patch: this hunk changes nothing"));
    };
    old.first += i64::from(old.count == 0);
    new.first += i64::from(new.count == 0);
    let context = (before, filler.context);
    Ok(Hunk { line: first.number, span: (first.start, end), old, new, lines: filler.lines, context })
}

/// Collects the lines of a hunk.
struct Filler {
    /// Lines that are still to come, old and new.
    left: [usize; 2],
    lines: Vec<HunkLine>,
    /// Context before the first change, once there is one.
    before: Option<usize>,
    /// Context since the last change.
    context: usize,
}

impl Filler {
    fn take(&mut self, reader: &mut PatchReader, line: PatchLine) -> Result<(), &'static str> {
        let (mark, start) = match reader.bytes(line).first() {
            None | Some(b'\t') => (Mark::Context, line.start), // a lost space
            Some(b' ' | b'=') => (Mark::Context, line.start + 1),
            Some(b'-') => (Mark::Old, line.start + 1),
            Some(b'+') => (Mark::New, line.start + 1),
            Some(_) => return Err("malformed patch: a line of a hunk begins with ' ', '-' or '+'"),
        };
        if self.lines.len() >= MAX_LINES {
            return Err("a hunk has too many lines");
        }
        let mut newline = [true; 2];
        for (side, other) in [(0, Mark::New), (1, Mark::Old)] {
            if mark == other {
                continue;
            }
            let Some(left) = self.left[side].checked_sub(1) else {
                return Err("malformed patch: the hunk has more lines than its '@@' line says");
            };
            self.left[side] = left;
            if left == 0 && reader.pass_backslash_line() {
                newline[side] = false;
                if mark == Mark::Context {
                    newline[1] = false;
                }
            }
        }
        if mark == Mark::Context {
            self.context += 1;
        } else {
            self.before = self.before.or(Some(self.context));
            self.context = 0;
        }
        let place = |at: usize| u32::try_from(at).map_err(|_| "the patch is too long");
        self.lines.push(HunkLine { start: place(start)?, end: place(line.end)?, mark, newline });
        Ok(())
    }
}

/// `12,3 +14,5 @@`, a count of 1 left out.
fn ranges(text: &[u8]) -> Option<(Range, Range)> {
    let (old, rest) = range(text)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let (new, rest) = range(rest.strip_prefix(b"+")?)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    rest.starts_with(b"@").then_some((old, new))
}

fn range(text: &[u8]) -> Option<(Range, &[u8])> {
    let (first, rest) = number(text)?;
    let (count, rest) = match rest.strip_prefix(b",") {
        Some(rest) => number(rest)?,
        None => (1, rest),
    };
    Some((Range { first: i64::from(first), count: usize::try_from(count).ok()? }, rest))
}

/// A line number. A file of [`super::Limits::PATCHED_FILE_BYTES`] has far fewer lines than fit.
fn number(text: &[u8]) -> Option<(i32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}
