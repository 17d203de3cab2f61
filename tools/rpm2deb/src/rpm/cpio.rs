//! cpio archives as RPM writes them: "newc", and RPM's own stripped form for files without a size limit.
//!
//! A newc entry has a text header of 110 bytes, a name and data, each padded to 4 bytes. A stripped entry (magic
//! `07070X`) has the file's number in the header's list and nothing else; sizes and types are the header's
//! (rpm's `docs/manual/format_v6.md` and `lib/cpio.cc`). The trailer is a newc entry in both.

use std::io::{self, Read};

use crate::error::Error;
use crate::limits::Limits;
use crate::printable::printable;

const TRAILER: &[u8] = b"TRAILER!!!";

/// The header of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// newc.
    Named {
        /// As in the archive, without the final NUL.
        name: Vec<u8>,
        /// File type and permissions.
        mode: u32,
        /// Bytes of data that follow.
        size_bytes: u32,
    },
    /// Stripped: the number of a file in the header's list. The reader must be told the size, see [`Reader::expect`].
    Numbered(u32),
}

/// Reads entry after entry; between two calls of [`Reader::next_entry`] the reader itself gives the entry's data.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    position: u64,
    remaining: u64,
    /// Name or number of the entry under way, for messages.
    current: String,
}

impl<R: Read> Reader<R> {
    /// Starts at the archive's first byte.
    pub fn new(inner: R) -> Self {
        Self { inner, position: 0, remaining: 0, current: "start".to_owned() }
    }

    /// Skips what is left of the current entry and reads the next header; `None` at the trailer.
    pub fn next_entry(&mut self) -> Result<Option<Head>, Error> {
        self.skip_data()?;
        let mut magic = [0; 6];
        self.fill(&mut magic)?;
        match &magic {
            b"070701" | b"070702" => self.named(),
            b"07070X" => self.numbered().map(Some),
            _ => Err(self.damaged(&format!("is followed by '{}' in place of an entry", printable(&magic)))),
        }
    }

    /// Tells the size of a numbered entry's data.
    pub fn expect(&mut self, size_bytes: u64) {
        self.remaining = size_bytes;
    }

    /// Ends the archive: hands back the reader behind the trailer.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Bytes of archive read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn named(&mut self) -> Result<Option<Head>, Error> {
        let mut fields = [0; 104];
        self.fill(&mut fields)?;
        let field = |number: usize| hex_field(&fields[number * 8..number * 8 + 8]);
        let (Some(mode), Some(size_bytes), Some(name_bytes)) = (field(1), field(6), field(11)) else {
            return Err(self.damaged("is followed by a header with digits that are not hexadecimal"));
        };
        if name_bytes == 0 || name_bytes as usize > Limits::PATH_BYTES + 1 {
            return Err(self.damaged(&format!("is followed by an entry whose name has {name_bytes} bytes")));
        }
        let mut name = vec![0; name_bytes as usize];
        self.fill(&mut name)?;
        if name.pop() != Some(0) || name.contains(&0) {
            return Err(self.damaged("is followed by an entry whose name does not end where it should"));
        }
        self.skip_padding()?;
        if name == TRAILER {
            return Ok(None);
        }
        self.current = printable(&name);
        self.remaining = u64::from(size_bytes);
        Ok(Some(Head::Named { name, mode, size_bytes }))
    }

    fn numbered(&mut self) -> Result<Head, Error> {
        let mut digits = [0; 8];
        self.fill(&mut digits)?;
        let number =
            hex_field(&digits).ok_or_else(|| self.damaged("is followed by a file number that is not hexadecimal"))?;
        self.skip_padding()?;
        self.current = format!("number {number}");
        Ok(Head::Numbered(number))
    }

    fn skip_data(&mut self) -> Result<(), Error> {
        if self.remaining > 0 {
            let skipped = io::copy(&mut (&mut *self).take(u64::MAX), &mut io::sink());
            skipped.map_err(|error| self.damaged(&error.to_string()))?;
        }
        self.skip_padding()
    }

    fn skip_padding(&mut self) -> Result<(), Error> {
        let count = (self.position.wrapping_neg() % 4) as usize;
        self.fill(&mut [0; 4][..count])
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.inner.read_exact(buffer).map_err(|error| self.damaged(&format!("is not followed by another: {error}")))?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn damaged(&self, reason: &str) -> Error {
        Error::malformed(format!("payload entry '{}'", self.current), reason)
    }
}

impl<R: Read> Read for Reader<R> {
    /// The current entry's data; ends at its size. An archive that ends before is an error, never a short file.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the payload ends in the middle of the file"));
        }
        self.remaining -= count as u64;
        self.position += count as u64;
        Ok(count)
    }
}

fn hex_field(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((value << 4) | digit)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn named(name: &str, mode: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = format!(
            "070701{:08x}{mode:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
            1,
            0,
            0,
            1,
            0,
            data.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0
        )
        .into_bytes();
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn entries_come_in_order_with_their_data() {
        let mut archive = named("./a", 0o100_644, b"hello");
        archive.extend(named("./b", 0o100_755, b""));
        archive.extend(b"07070X00000007\0\0stripped");
        archive.extend(named("TRAILER!!!", 0, b""));
        let mut reader = Reader::new(archive.as_slice());
        let mut text = String::new();

        let Some(Head::Named { name, size_bytes: 5, .. }) = reader.next_entry().unwrap() else { panic!("no ./a") };
        assert_eq!(name, b"./a");
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        // ./b has no data and is skipped unread.
        assert!(matches!(reader.next_entry().unwrap(), Some(Head::Named { size_bytes: 0, .. })));
        assert_eq!(reader.next_entry().unwrap(), Some(Head::Numbered(7)));
        reader.expect(8);
        text.clear();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "stripped");
        assert_eq!(reader.next_entry().unwrap(), None);
    }

    #[test]
    fn damage_is_an_error_that_names_the_entry() {
        let good = named("./a", 0o100_644, b"hello");
        let cases: [(Vec<u8>, &str); 5] = [
            (b"garbage".to_vec(), "in place of an entry"),
            (good[..50].to_vec(), "not followed"),
            (good[..good.len() - 5].to_vec(), "middle of the file"),
            (good.clone(), "'./a'"),
            (
                named("./x", 0o100_644, b"").iter().map(|byte| if *byte == b'x' { 0 } else { *byte }).collect(),
                "does not end",
            ),
        ];
        for (bytes, expected) in cases {
            let mut reader = Reader::new(bytes.as_slice());
            let error = loop {
                match reader.next_entry() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("no error where '{expected}' was expected"),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(error.contains(expected), "{error} does not say {expected}");
        }
    }
}
