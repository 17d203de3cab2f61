//! Where in a file a hunk applies: the places and the order in which GNU patch tries them, with bounded work.

use super::hunk::Range;
use super::lines::{FileLines, Line};

/// Work that a set of patches may still cost, in comparisons of a line (or of 16 bytes).
///
/// A hostile patch can ask for (lines of the patch) x (lines of the file) comparisons; honest ones need a few for each
/// line of the file.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) left: u64,
}

impl Budget {
    /// Comparisons for all patches of a conversion: a second or two. Enough to read a file of 64 MiB a hundred times.
    pub(super) const TOTAL: u64 = 1 << 27;

    pub(super) fn spend(&mut self, units: u64) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(units).ok_or(Exhausted)?;
        Ok(())
    }

    /// For comparing so many bytes.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.spend(bytes as u64 / 16 + 1)
    }
}

/// The patch costs too much work.
#[derive(Debug)]
pub(super) struct Exhausted;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Pattern<'a> {
    pub(super) lines: Vec<Line<'a>>,
    pub(super) range: Range,
    /// Lines of context at the beginning and at the end.
    pub(super) context: (usize, usize),
}

/// How far a file has been patched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Lines of the old file that are used up.
    pub(super) frozen: i64,
    /// How far the last hunk was from where it said it would be.
    pub(super) offset: i64,
}

impl Pattern<'_> {
    /// Most context that may be ignored at each end.
    pub(super) fn max_fuzz(&self) -> i64 {
        const MAX_FUZZ: i64 = 2; // patch(1)'s default
        MAX_FUZZ.min(signed(self.context.0.max(self.context.1)))
    }

    /// The line of `file` at which the pattern fits when `fuzz` lines of context may differ.
    ///
    /// Less context at one end than at the other means that the hunk is at that end of the file, as diff makes it; it
    /// then fits only there, until fuzz makes up for the difference. Everywhere else the guess is tried first, then
    /// ever farther places, later ones before earlier ones.
    pub(super) fn locate(
        &self,
        file: &FileLines,
        progress: Progress,
        fuzz: i64,
        budget: &mut Budget,
    ) -> Result<Option<i64>, Exhausted> {
        let (before, after) = (signed(self.context.0), signed(self.context.1));
        let context = before.max(after);
        let (skip_before, skip_after) = (fuzz + before - context, fuzz + after - context);
        let (length, total) = (signed(self.lines.len()), signed(file.count()));
        let guess = self.range.first + progress.offset;
        if length == 0 {
            return Ok((guess > 0).then_some(guess));
        }
        let earliest = progress.frozen + 1;
        if skip_before < 0 && self.range.first <= 1 {
            let is_free = progress.frozen <= before && total - (length - skip_after) >= 0;
            let fits = is_free && self.fits(file, 1, (0, skip_after), budget)?;
            return Ok(fits.then_some(1));
        }
        let skip_before = skip_before.max(0);
        if skip_after < 0 {
            let only = total - length + 1;
            let fits = only >= earliest && self.fits(file, only, (skip_before, 0), budget)?;
            return Ok(fits.then_some(only));
        }
        let latest = total - (length - skip_after) + 1;
        for place in places(guess, earliest, latest) {
            if self.fits(file, place, (skip_before, skip_after), budget)? {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Whether the lines are those of the file at `place`, without `skip` lines at either end.
    fn fits(&self, file: &FileLines, place: i64, skip: (i64, i64), budget: &mut Budget) -> Result<bool, Exhausted> {
        budget.spend(1)?;
        let Ok(place) = usize::try_from(place) else { return Ok(false) };
        let skip = (unsigned(skip.0), unsigned(skip.1));
        let end = self.lines.len().saturating_sub(skip.1);
        if place == 0 {
            return Ok(false);
        }
        for (at, line) in self.lines.iter().enumerate().take(end).skip(skip.0) {
            budget.spend_bytes(line.body.len())?;
            if place + at > file.count() || file.line(place + at) != *line {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The places to try, in GNU patch's order. A guess that lies in lines which earlier hunks have used is where patch(1)
/// is odd: it also tries places mirrored at the guess, which succeed where only context overlaps.
fn places(guess: i64, earliest: i64, latest: i64) -> impl Iterator<Item = i64> {
    let (up, down) = (latest - guess, guess - earliest);
    let first = if up < 0 { -up } else { down.min(0) };
    (first..=up.max(down)).flat_map(move |distance| {
        let later = (distance <= up).then_some(guess + distance);
        let earlier = (distance <= down).then_some(guess - distance);
        later.into_iter().chain(earlier)
    })
}

/// Counts of lines are below 2^26.
#[allow(clippy::cast_possible_wrap)]
pub(super) fn signed(count: usize) -> i64 {
    count as i64
}

/// Negative is none.
pub(super) fn unsigned(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}
