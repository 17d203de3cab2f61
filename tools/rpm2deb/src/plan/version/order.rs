//! Debian's order of versions, as Debian policy 5.6.12 states it.
//!
//! Two strings are compared piece by piece: a stretch without digits, then a number, and so on. In a stretch without
//! digits, `~` comes before the end, the end before letters, letters before everything else. Numbers compare by value,
//! a missing one is 0.

use std::cmp::Ordering;

/// Compares two upstream versions or two revisions.
pub(super) fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = split(a, |byte| !byte.is_ascii_digit());
        let (text_b, rest_b) = split(b, |byte| !byte.is_ascii_digit());
        let (number_a, next_a) = split(rest_a, u8::is_ascii_digit);
        let (number_b, next_b) = split(rest_b, u8::is_ascii_digit);
        let order = compare_text(text_a, text_b).then_with(|| compare_number(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

fn split(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| belongs(byte)).count())
}

fn compare_text(a: &[u8], b: &[u8]) -> Ordering {
    let weights = |text: &[u8], at: usize| text.get(at).map_or(0, |byte| weight(*byte));
    (0..a.len().max(b.len()))
        .map(|at| weights(a, at).cmp(&weights(b, at)))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// `~` before the end (0), the end before letters, letters before the rest.
fn weight(byte: u8) -> i32 {
    match byte {
        b'~' => -1,
        byte if byte.is_ascii_alphabetic() => i32::from(byte),
        byte => i32::from(byte) + 256,
    }
}

/// By value, for any number of digits.
fn compare_number(a: &[u8], b: &[u8]) -> Ordering {
    let (_, a) = split(a, |byte| *byte == b'0');
    let (_, b) = split(b, |byte| *byte == b'0');
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
