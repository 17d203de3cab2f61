//! data.tar: where an entry stream ends in a conversion.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Read, Write};

use super::compress::{Compression, Encoder};
use super::member::TarWriter;
use crate::error::Error;
use crate::plan::path::{implied_directory, parents};
use crate::printable::printable;
use crate::tree::{Entry, EntryKind, Sink, TreePath};

/// Compressed output is written in pieces of this size, in bytes.
const WRITE_BUFFER_BYTES: usize = 128 << 10;

/// Writes a compressed data.tar.
#[derive(Debug)]
pub struct DataWriter<W: Write> {
    tar: TarWriter<Encoder<BufWriter<W>>>,
    directories: BTreeSet<TreePath>,
    /// Time of directories that nobody listed.
    mtime: u64,
}

impl<W: Write> DataWriter<W> {
    /// `size_bytes` estimates the tar; `mtime` is for directories that nobody listed.
    pub fn new(output: W, compression: Compression, size_bytes: u64, mtime: u64) -> Result<Self, Error> {
        let buffered = BufWriter::with_capacity(WRITE_BUFFER_BYTES, output);
        let encoder = Encoder::new(buffered, compression, size_bytes).map_err(unwritable)?;
        let tar = TarWriter::new(encoder, mtime).map_err(unwritable)?;
        Ok(Self { tar, directories: BTreeSet::new(), mtime })
    }

    /// Ends the tar and flushes everything; the output is complete only after this.
    pub fn finish(self) -> Result<W, Error> {
        let encoder = self.tar.finish().map_err(unwritable)?;
        let buffered = encoder.finish().map_err(unwritable)?;
        buffered.into_inner().map_err(|error| unwritable(error.into_error()))
    }

    /// Directories that no entry announced (a patch made a file in a new place) come just before they are needed.
    fn add_parents(&mut self, path: &[u8]) -> Result<(), Error> {
        let missing: Vec<TreePath> =
            parents(path).filter(|parent| !self.directories.contains(*parent)).map(<[u8]>::to_vec).collect();
        for parent in missing {
            let directory = implied_directory(&parent, self.mtime);
            self.tar.entry(&directory, &mut io::empty()).map_err(unwritable)?;
            self.directories.insert(parent);
        }
        Ok(())
    }
}

impl<W: Write> Sink for DataWriter<W> {
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error> {
        self.add_parents(&entry.path)?;
        if entry.kind == EntryKind::Directory {
            self.directories.insert(entry.path.clone());
        }
        // A failing read says so in its own words; a failing write is the disk's.
        self.tar.entry(entry, content).map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::BrokenPipe => unwritable(error),
            _ => Error::malformed(format!("payload entry '{}'", printable(&entry.path)), error.to_string()),
        })
    }
}

fn unwritable(source: io::Error) -> Error {
    Error::Io { operation: "write", path: "data.tar".into(), source }
}
