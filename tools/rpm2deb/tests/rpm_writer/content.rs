//! What is in a file: bytes at hand, or gigabytes that are made while they are written.

use std::io::{self, Write};

/// The content of one file.
#[derive(Debug, Clone)]
pub enum Content {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// This many zero bytes, never held in memory.
    Zeros(u64),
}

impl Content {
    /// Number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Zeros(length) => *length,
        }
    }

    /// Writes all bytes to `sink`.
    pub fn write_to(&self, sink: &mut dyn Write) -> io::Result<()> {
        match self {
            Content::Bytes(bytes) => sink.write_all(bytes),
            Content::Zeros(length) => {
                let zeros = vec![0; 1 << 20];
                let mut left = *length;
                while left > 0 {
                    let now = left.min(zeros.len() as u64);
                    sink.write_all(&zeros[..now as usize])?;
                    left -= now;
                }
                Ok(())
            }
        }
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Content::Bytes(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::Bytes(bytes)
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Content::Bytes(bytes.to_vec())
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A digest as a sink.
pub struct DigestSink<D>(pub D);

impl<D: sha2::Digest> Write for DigestSink<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
