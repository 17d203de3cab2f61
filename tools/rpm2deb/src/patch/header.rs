//! The lines above the hunks: finds the next diff in a patch and reads whose diff it is.

use super::lines::{PatchLine, PatchReader};
use super::name::{self, Name};
use super::{Header, PatchError, Presence, Transfer};

/// Type bits of a mode.
const TYPE: u32 = 0o170_000;

/// What has been read of a header so far. Until the end, the name of `---` is in `minus` and that of `+++` in `plus`.
#[derive(Debug, Default)]
struct Scan {
    header: Header,
    minus: Option<Vec<u8>>,
    plus: Option<Vec<u8>>,
    index: Option<Vec<u8>>,
    /// Time stamps of `---` and `+++` that are the epoch.
    is_epoch: [bool; 2],
    has_header: bool,
    /// git lines that make sense without hunks.
    is_extended: bool,
    from_to: [Option<Transfer>; 2],
    /// Line of the first command of an ed script.
    ed_command: Option<u64>,
    prereq: Option<u64>,
}

/// Passes ignored text and the next header. The reader then stands at the first hunk, or, for a git diff without hunks,
/// at the next diff. None at the end of the patch.
pub(super) fn scan(reader: &mut PatchReader, strip: usize) -> Result<Option<Header>, PatchError> {
    let mut scan = Scan::default();
    let (mut was_command, mut was_stars) = (false, false);
    loop {
        let bookmark = reader.bookmark();
        let Some(line) = reader.next(0, false) else {
            return scan.at_end(reader);
        };
        let (indent, text) = unindented(reader.bytes(line));
        if scan.is_extended && text.starts_with(b"diff --git ") {
            reader.return_to(bookmark);
            return scan.finish(reader, line.number).map(Some);
        }
        if scan.has_header && text.starts_with(b"@@ -") {
            scan.ranges(text);
            scan.header.indent = indent;
            reader.return_to(bookmark);
            return scan.finish(reader, line.number).map(Some);
        }
        scan.line(text, strip, line, was_stars);
        if scan.has_header {
            scan.refuse_other_formats(reader, text, line, was_command, was_stars)?;
        }
        was_command = is_normal_command(text);
        was_stars = text.starts_with(b"********");
    }
}

impl Scan {
    /// One line of header or of ignored text.
    fn line(&mut self, text: &[u8], strip: usize, line: PatchLine, was_stars: bool) {
        let strip_cr = text.ends_with(b"\r");
        if let Some(rest) = text.strip_prefix(b"+++ ") {
            self.take_plus(rest, strip);
            self.header.strip_cr = strip_cr;
        } else if !was_stars && text.starts_with(b"*** ") {
            self.take_plus(&text[4..], strip);
        } else if let Some(rest) = text.strip_prefix(b"Index:") {
            self.has_header = true;
            if let Some(name) = name::fetch(rest, strip, false).and_then(|fetched| fetched.name) {
                self.index = Some(name);
            }
            self.header.strip_cr = strip_cr;
        } else if let Some(rest) = text.strip_prefix(b"Prereq:") {
            self.prereq = (!rest.trim_ascii().is_empty()).then_some(line.number);
        } else if let Some(rest) = text.strip_prefix(b"diff --git ") {
            self.take_git_names(rest, strip);
        } else if !(self.header.is_git && self.git_line(text)) {
            let Some(rest) = undashed(text).strip_prefix(b"--- ") else { return };
            self.has_header = true;
            self.header.strip_cr = strip_cr;
            if let Some(fetched) = name::fetch(rest, strip, true) {
                self.minus = fetched.name.or(self.minus.take());
                self.is_epoch[0] = fetched.is_epoch.unwrap_or(self.is_epoch[0]);
            }
        }
    }

    fn take_plus(&mut self, rest: &[u8], strip: usize) {
        self.has_header = true;
        if let Some(fetched) = name::fetch(rest, strip, true) {
            self.plus = fetched.name.or(self.plus.take());
            self.is_epoch[1] = fetched.is_epoch == Some(true);
        }
    }

    /// `diff --git a/x b/y`. Names with unquoted white space cannot be told apart and are left to the other lines.
    fn take_git_names(&mut self, rest: &[u8], strip: usize) {
        (self.minus, self.plus) = (None, None);
        if let Some((old, rest)) = name::fetch_git(rest, strip) {
            match name::fetch_git(rest, strip) {
                Some((new, after)) if after.trim_ascii().is_empty() => (self.minus, self.plus) = (Some(old), Some(new)),
                _ => {}
            }
        }
        self.header.is_git = true;
        self.has_header = true;
    }

    /// One of git's extended header lines; false where it is none. File names in `rename from` and the like lack the
    /// prefix that is stripped, so only their presence counts.
    fn git_line(&mut self, text: &[u8]) -> bool {
        let header = &mut self.header;
        if let Some(rest) = text.strip_prefix(b"index ") {
            let Some((old, new, mode)) = blobs(rest) else { return true };
            header.presence = [blob_presence(old), blob_presence(new)];
            if let Some(mode) = mode {
                header.modes = [mode; 2];
            }
        } else if let Some(rest) = text.strip_prefix(b"old mode ") {
            header.modes[0] = mode(rest);
        } else if let Some(rest) = text.strip_prefix(b"new mode ") {
            header.modes[1] = mode(rest);
        } else if let Some(rest) = text.strip_prefix(b"deleted file mode ") {
            header.modes[0] = mode(rest);
            header.presence[1] = Presence::Missing;
        } else if let Some(rest) = text.strip_prefix(b"new file mode ") {
            header.modes[1] = mode(rest);
            header.presence[0] = Presence::Missing;
        } else if text.starts_with(b"rename from ") {
            self.from_to[0] = Some(Transfer::Rename);
        } else if text.starts_with(b"rename to ") {
            self.from_to[1] = Some(Transfer::Rename);
        } else if text.starts_with(b"copy from ") {
            self.from_to[0] = Some(Transfer::Copy);
        } else if text.starts_with(b"copy to ") {
            self.from_to[1] = Some(Transfer::Copy);
        } else {
            return false;
        }
        self.is_extended = true;
        true
    }

    /// The first `@@` line says whether the file is missing before or after.
    fn ranges(&mut self, text: &[u8]) {
        let rest = &text[4..];
        let presence = |is_epoch| if is_epoch { Presence::Missing } else { Presence::EmptyOrMissing };
        if starts_with_zero(rest) {
            self.header.presence[0] = presence(self.is_epoch[0]);
        }
        let after = rest.iter().position(|&b| b == b' ').map_or(&rest[rest.len()..], |at| &rest[at..]);
        if after.trim_ascii_start().strip_prefix(b"+").is_some_and(starts_with_zero) {
            self.header.presence[1] = presence(self.is_epoch[1]);
        }
    }

    fn refuse_other_formats(
        &mut self,
        reader: &PatchReader,
        text: &[u8],
        line: PatchLine,
        was_command: bool,
        was_stars: bool,
    ) -> Result<(), PatchError> {
        let format = if self.header.is_git && text.starts_with(b"GIT binary patch") {
            "a git binary diff"
        } else if was_stars && text.starts_with(b"*** ") {
            "a context diff"
        } else if was_command && (text.starts_with(b"< ") || text.starts_with(b"> ")) {
            "a normal diff"
        } else if self.ed_command.is_some() && text.trim_ascii_end() == b"." {
            "an ed script"
        } else {
            if is_ed_command(text) {
                self.ed_command = self.ed_command.or(Some(line.number));
            }
            return Ok(());
        };
        Err(refused_format(reader, line.number, format))
    }

    fn at_end(self, reader: &PatchReader) -> Result<Option<Header>, PatchError> {
        let line = reader.lines_passed();
        match self.ed_command {
            Some(line) => Err(refused_format(reader, line, "an ed script")),
            None if self.is_extended => self.finish(reader, line).map(Some),
            None => Ok(None),
        }
    }

    /// Checks what was read. `line` is the first line behind the header.
    fn finish(self, reader: &PatchReader, line: u64) -> Result<Header, PatchError> {
        let fail = |reason: String| reader.error(line, reason);
        if let Some(line) = self.prereq {
            return Err(reader.error(line, "'Prereq:' is not supported; remove the line if the patch fits"));
        }
        let mut header = self.header;
        header.line = line;
        let checked = |name: Option<Vec<u8>>| name.map(Name::checked).transpose().map_err(fail);
        (header.old, header.new) = (checked(self.minus)?, checked(self.plus)?);
        if header.old.is_none() && header.new.is_none() {
            header.index = checked(self.index)?;
        }
        for mode in header.modes {
            if !matches!(mode & TYPE, 0 | 0o100_000) {
                let reason = format!("mode {mode:06o}: only regular files can be patched, not symbolic links");
                return Err(fail(reason));
            }
        }
        header.transfer = match self.from_to {
            [Some(from), Some(to)] if from == to => Some(from),
            [None, None] => None,
            _ => return Err(fail("'rename from' or 'copy from' without its 'to', or the reverse".to_owned())),
        };
        if header.transfer.is_some() && (header.old.is_none() || header.new.is_none()) {
            return Err(fail("cannot rename or copy without two file names in 'diff --git'".to_owned()));
        }
        if header.transfer.is_some() && header.presence.contains(&Presence::Missing) {
            return Err(fail("a file is renamed or copied and created or deleted at once".to_owned()));
        }
        Ok(header)
    }
}

fn refused_format(reader: &PatchReader, line: u64, format: &str) -> PatchError {
    reader.error(line, format!("this is {format}; only unified diffs are applied (make one with 'diff -u')"))
}

/// Why a text in which no diff was found is none.
pub(super) fn why_no_diff(text: &[u8]) -> String {
    let mut lines = text.split(|&b| b == b'\n').map(|line| unindented(line).1);
    let found = lines.find_map(|line| {
        if is_normal_command(line) {
            Some("it looks like a normal diff; only unified diffs are applied (make one with 'diff -u')")
        } else if is_ed_command(line) {
            Some("it looks like an ed script; only unified diffs are applied (make one with 'diff -u')")
        } else if line.starts_with(b"@@ -") {
            Some("it has hunks, but no '---' and '+++' lines that name a file with enough slashes to strip")
        } else {
            None
        }
    });
    format!("no diff was found: {}", found.unwrap_or("there are no '---' and '+++' lines with hunks"))
}

/// The columns of white space (and `X`, as in patch(1)) before a line, and the rest.
fn unindented(line: &[u8]) -> (usize, &[u8]) {
    let mut column = 0;
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b' ' | b'X' => column += 1,
            b'\t' => column = (column + 8) & !7,
            _ => return (column, &line[at..]),
        }
    }
    (column, &[])
}

/// Without the `- ` that RFC 934 puts before lines that begin with a dash.
fn undashed(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(b"- ") {
        text = rest;
    }
    text
}

/// `0` and no further digit.
fn starts_with_zero(text: &[u8]) -> bool {
    text.first() == Some(&b'0') && !text.get(1).is_some_and(u8::is_ascii_digit)
}

/// Six octal digits; 0 for anything else.
fn mode(text: &[u8]) -> u32 {
    let text = text.trim_ascii();
    let is_mode = text.len() == 6 && text.iter().all(|digit| (b'0'..=b'7').contains(digit));
    if is_mode { text.iter().fold(0, |mode, digit| (mode << 3) | u32::from(digit - b'0')) } else { 0 }
}

/// `0123abc..456def[ 100644]`.
fn blobs(rest: &[u8]) -> Option<(&[u8], &[u8], Option<u32>)> {
    let (old, rest) = hex_digits(rest)?;
    let (new, rest) = hex_digits(rest.strip_prefix(b"..")?)?;
    if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
        return None;
    }
    let rest = rest.trim_ascii();
    Some((old, new, (!rest.is_empty()).then(|| mode(rest))))
}

fn hex_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
    (end > 0).then(|| text.split_at(end))
}

/// All zeros is git's "no file"; the other name is that of the empty blob.
fn blob_presence(blob: &[u8]) -> Presence {
    if blob.iter().all(|&digit| digit == b'0') {
        Presence::Missing
    } else if b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391".starts_with(blob) {
        Presence::EmptyOrMissing
    } else {
        Presence::There
    }
}

/// `12`, `12,34`: what is behind it.
fn after_range(text: &[u8]) -> Option<&[u8]> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = digits(text);
    let rest = &text[first..];
    let rest = rest.strip_prefix(b",").map_or(rest, |second| &second[digits(second)..]);
    (first > 0).then_some(rest)
}

/// A normal diff's `12,13c14`.
fn is_normal_command(text: &[u8]) -> bool {
    let Some([b'a' | b'c' | b'd', rest @ ..]) = after_range(text) else { return false };
    after_range(rest).is_some_and(|rest| rest.trim_ascii().is_empty())
}

/// An ed script's `12,13c`.
fn is_ed_command(text: &[u8]) -> bool {
    let Some([b'a' | b'c' | b'd' | b'i' | b's', rest @ ..]) = after_range(text) else { return false };
    matches!(rest.trim_ascii_end(), b"" | b"/.//")
}
