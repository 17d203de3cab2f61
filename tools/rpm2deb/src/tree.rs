//! The one shape in which files travel: a stream of [`Entry`] into a [`Sink`].
//!
//! A source (an RPM's payload, an unpacked directory) feeds a chain of sinks: the patcher, the inspector, and at its end
//! a data.tar or a directory. Every path is relative to the package's root, without leading `/` or `./`, and has passed
//! [`crate::plan::path`]: no `..`, no control characters, no symlink among its parents.

use std::io::Read;

use crate::error::Error;

/// A path inside the package: bytes, relative, normalised.
pub type TreePath = Vec<u8>;

/// One file on its way. Contents travel beside it, as a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it goes.
    pub path: TreePath,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits, 07777.
    pub mode: u32,
    /// Owner's name.
    pub user: String,
    /// Group's name.
    pub group: String,
    /// Seconds since 1970.
    pub mtime: u64,
}

/// Kinds of entry, as tar knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum EntryKind {
    Directory,
    Regular {
        size_bytes: u64,
    },
    Symlink {
        target: Vec<u8>,
    },
    /// Another name of an entry that has already passed.
    HardLink {
        target: TreePath,
    },
    CharDevice {
        major: u32,
        minor: u32,
    },
    BlockDevice {
        major: u32,
        minor: u32,
    },
    Fifo,
}

/// Where entries go. Regular files come with exactly `size_bytes` of content, all others with none.
pub trait Sink {
    /// Takes one entry; must read `content` to its end.
    fn entry(&mut self, entry: &Entry, content: &mut dyn Read) -> Result<(), Error>;
}
