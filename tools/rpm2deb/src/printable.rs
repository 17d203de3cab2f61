//! Bytes from a package, made safe to print: names come from strangers and may hold terminal escapes.

use std::fmt;

/// Shows bytes as text: UTF-8 stays, control characters and stray bytes become `\n`, `\x1b`, `\xff`.
///
/// A name printed this way is always one line and cannot steer a terminal.
#[derive(Clone, Copy)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_plain(character) {
                    write!(f, "{character}")?;
                } else {
                    write!(f, "{}", character.escape_default())?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Not a control character, nor one that reorders or hides its neighbours (Unicode "bidi" and zero-width controls).
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

impl fmt::Debug for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

/// [`Printable`], owned.
pub fn printable(bytes: &[u8]) -> String {
    Printable(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn hostile_names_become_one_harmless_line() {
        let cases: [(&[u8], &str); 6] = [
            (b"usr/bin/x", "usr/bin/x"),
            (b"a\nb", "a\\nb"),
            (b"\x1b[2J", "\\u{1b}[2J"),
            (b"caf\xe9", "caf\\xe9"),
            ("café".as_bytes(), "café"),
            ("a\u{202e}b".as_bytes(), "a\\u{202e}b"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(printable(bytes), expected);
        }
    }
}
