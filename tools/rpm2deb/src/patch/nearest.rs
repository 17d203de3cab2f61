//! For a hunk that does not apply: its text, and the place in the file where most of its old lines are.

use std::collections::HashMap;
use std::fmt::Write;

use crate::printable::Printable;

use super::Part;
use super::hunk::Hunk;
use super::lines::{FileLines, Line};
use super::locate::{signed, unsigned};

/// Lines and columns of a hunk that are shown.
const SHOWN_LINES: usize = 60;
const SHOWN_COLUMNS: usize = 160;
/// Pairs of equal lines that are counted; after that the best place so far will do.
const MAX_VOTES: usize = 1 << 24;

/// The hunk's text and the nearest match, several lines.
pub(super) fn describe(part: &Part, hunk: &Hunk, file: &FileLines, expected: i64) -> String {
    let mut out = String::from("the hunk:\n");
    let text = &part.text[hunk.span.0..hunk.span.1];
    push_lines(&mut out, "  ", text.split(|&byte| byte == b'\n'));
    let old: Vec<Line> = hunk.old_lines(&part.text).collect();
    match nearest(&old, file, expected) {
        Some((place, equal)) => {
            let _ = writeln!(
                out,
                "nearest match: line {place} of the file, where {equal} of {} old lines agree; the others:",
                old.len()
            );
            push_differences(&mut out, &old, file, place);
        }
        None if file.count() == 0 => out.push_str("nearest match: none, the file is empty or missing\n"),
        None => out.push_str("nearest match: none, no old line of the hunk is in the file\n"),
    }
    out
}

/// The first line and the number of equal lines of the place with most of them, the one next to `expected` of several.
fn nearest(old: &[Line], file: &FileLines, expected: i64) -> Option<(i64, u32)> {
    let mut positions: HashMap<Line, Vec<usize>> = HashMap::new();
    for (at, line) in old.iter().enumerate() {
        positions.entry(*line).or_default().push(at);
    }
    // A place may begin before the file does: place p is at index p - 1 + old.len().
    let mut votes = vec![0_u32; file.count() + old.len() + 1];
    let mut counted = 0;
    'file: for number in 1..=file.count() {
        for at in positions.get(&file.line(number)).into_iter().flatten() {
            votes[number - 1 + old.len() - at] += 1;
            counted += 1;
            if counted > MAX_VOTES {
                break 'file;
            }
        }
    }
    let places = votes.iter().enumerate().map(|(at, &equal)| (signed(at) + 1 - signed(old.len()), equal));
    let best = places.max_by_key(|&(place, equal)| (equal, -(place - expected).abs()))?;
    (best.1 > 0).then_some(best)
}

fn push_differences(out: &mut String, old: &[Line], file: &FileLines, place: i64) {
    let mut shown = 0;
    for (at, line) in old.iter().enumerate() {
        let number = unsigned(place + signed(at));
        let is_there = number >= 1 && number <= file.count();
        if is_there && file.line(number) == *line {
            continue;
        }
        shown += 1;
        if shown > SHOWN_LINES {
            out.push_str("  …\n");
            return;
        }
        let _ = writeln!(out, "  line {}, the patch has: {}", place + signed(at), shortened(line));
        if is_there {
            let _ = writeln!(out, "  line {number}, the file has:  {}", shortened(&file.line(number)));
        } else {
            let _ = writeln!(out, "  the file has no such line");
        }
    }
}

fn shortened(line: &Line) -> String {
    let mut text = clipped(line.body);
    if !line.has_newline {
        text.push_str(" (no newline at the end)");
    }
    text
}

fn clipped(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(4 * SHOWN_COLUMNS)];
    let text = Printable(head).to_string();
    let mut short: String = text.chars().take(SHOWN_COLUMNS).collect();
    if short.len() < text.len() || head.len() < bytes.len() {
        short.push('…');
    }
    short
}

fn push_lines<'a>(out: &mut String, margin: &str, lines: impl Iterator<Item = &'a [u8]>) {
    for (at, line) in lines.enumerate() {
        if at == SHOWN_LINES {
            let _ = writeln!(out, "{margin}…");
            return;
        }
        let _ = writeln!(out, "{margin}{}", clipped(line));
    }
}
