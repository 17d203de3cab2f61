//! Lines of a byte stream, none longer than the channel's limit: what is longer is dropped up to its newline.

use std::io::{self, BufRead, BufReader, Read};

use super::LINE_LIMIT_BYTES;

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line without its newline.
    Text(Vec<u8>),
    /// A line that was longer than the limit; its bytes are gone.
    TooLong,
}

/// Reads lines.
#[derive(Debug)]
pub struct Lines<R> {
    input: BufReader<R>,
    unfinished: Vec<u8>,
    too_long: bool,
}

impl<R: Read> Lines<R> {
    /// Lines of this stream.
    pub fn new(input: R) -> Self {
        Self { input: BufReader::with_capacity(8192, input), unfinished: Vec::new(), too_long: false }
    }

    /// The bytes of a line whose end has not come.
    pub fn unfinished(&self) -> &[u8] {
        &self.unfinished
    }

    /// Begins with the start of a line that came over another stream, as when a guest migrates in the middle of one.
    #[must_use]
    pub fn continuing(mut self, unfinished: &[u8]) -> Self {
        self.unfinished = unfinished.to_vec();
        self
    }

    /// The next line; None at the end of the stream. After an error (a read timeout) it can be asked again: nothing is lost.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let available = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = &available[..end.unwrap_or(available.len())];
            // The newline counts too.
            if self.too_long || self.unfinished.len() + taken.len() >= LINE_LIMIT_BYTES {
                self.too_long = true;
                self.unfinished.clear();
            } else {
                self.unfinished.extend_from_slice(taken);
            }
            let used = taken.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                let text = std::mem::take(&mut self.unfinished);
                let was_too_long = std::mem::take(&mut self.too_long);
                return Ok(Some(if was_too_long { Line::TooLong } else { Line::Text(text) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(bytes);
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    fn text(line: &str) -> Line {
        Line::Text(line.as_bytes().to_vec())
    }

    #[test]
    fn lines_end_with_newlines() {
        for (bytes, expected) in [
            ("", vec![]),
            ("a", vec![]),
            ("a\n\nbc\nd", vec![text("a"), text(""), text("bc")]),
            ("a\r\n", vec![text("a\r")]),
        ] {
            assert_eq!(all(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_line_at_the_limit_comes_and_a_longer_one_does_not() {
        let at = "x".repeat(LINE_LIMIT_BYTES - 1);
        let over = "x".repeat(LINE_LIMIT_BYTES);
        let much = "x".repeat(3 * LINE_LIMIT_BYTES);
        let stream = format!("{at}\n{over}\n{much}\nb\n");
        assert_eq!(all(stream.as_bytes()), [text(&at), Line::TooLong, Line::TooLong, text("b")]);
    }

    #[test]
    fn a_line_can_begin_on_one_stream_and_end_on_another() {
        let mut first = Lines::new(&b"one\ntw"[..]);
        assert_eq!(first.next_line().unwrap(), Some(text("one")));
        assert_eq!(first.next_line().unwrap(), None);
        let mut second = Lines::new(&b"o\nthree\n"[..]).continuing(first.unfinished());
        assert_eq!(second.next_line().unwrap(), Some(text("two")));
        assert_eq!(second.next_line().unwrap(), Some(text("three")));
    }
}
