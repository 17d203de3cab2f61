//! Reading: texts, bytes, lists, links; always bounded.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{OFlag, readlinkat};
use nix::sys::stat::{SFlag, fstat};

use crate::error::{Error, Operation, absent_is_none};
use crate::{Result, Sysroot};

/// The largest file that is read without saying how large it may be: 1 MiB. The largest one of interest, a device tree's
/// `ibm,dynamic-memory` of a 64 TiB partition, is about 6 MiB and has a limit of its own.
pub const READ_LIMIT_BYTES: usize = 1 << 20;

/// Most files of the kernel are no larger: one read has them, and a second one finds their end.
const USUAL_BYTES: usize = 512;

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// A directory.
    pub is_directory: bool,
    /// A regular file.
    pub is_file: bool,
    /// Size in bytes as the file system tells it; 0 for most files of procfs.
    pub size_bytes: u64,
    /// Permission bits.
    pub mode: u32,
}

impl Sysroot {
    /// The bytes of a file of at most [`READ_LIMIT_BYTES`].
    pub fn read_bytes(&self, path: impl AsRef<Path>) -> Result<Vec<u8>> {
        self.read_bytes_at_most(path, READ_LIMIT_BYTES)
    }

    /// The bytes of a file of at most `limit_bytes`.
    pub fn read_bytes_at_most(&self, path: impl AsRef<Path>, limit_bytes: usize) -> Result<Vec<u8>> {
        let path = path.as_ref();
        let file = File::from(self.open(Operation::Read, path, OFlag::O_RDONLY, 0)?);
        let mut bytes = Vec::with_capacity(limit_bytes.min(USUAL_BYTES));
        // A file of procfs does not know its size: one byte more than the limit shows that there is more.
        let room = u64::try_from(limit_bytes).unwrap_or(u64::MAX).saturating_add(1);
        file.take(room).read_to_end(&mut bytes).map_err(Error::because(Operation::Read, path))?;
        if bytes.len() > limit_bytes {
            return Err(Error::TooLarge { operation: Operation::Read, path: path.to_owned(), limit_bytes });
        }
        Ok(bytes)
    }

    /// The text of a file of at most [`READ_LIMIT_BYTES`].
    pub fn read_text(&self, path: impl AsRef<Path>) -> Result<String> {
        let path = path.as_ref();
        String::from_utf8(self.read_bytes(path)?)
            .map_err(|_| Error::NotText { operation: Operation::Read, path: path.to_owned() })
    }

    /// The text of a file, or `None` when there is no such file.
    pub fn read_text_if_present(&self, path: impl AsRef<Path>) -> Result<Option<String>> {
        absent_is_none(self.read_text(path))
    }

    /// The bytes of a file, or `None` when there is no such file.
    pub fn read_bytes_if_present(&self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        absent_is_none(self.read_bytes(path))
    }

    /// The names in a directory, sorted, without `.` and `..`. A name that is not UTF-8 comes with replacement characters and
    /// so cannot be opened: what the kernel names is always text.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<String>> {
        let path = path.as_ref();
        let opened = self.open(Operation::List, path, OFlag::O_RDONLY | OFlag::O_DIRECTORY, 0)?;
        let mut directory = Dir::from_fd(opened).map_err(Error::because(Operation::List, path))?;
        let mut names = Vec::new();
        for entry in directory.iter() {
            let entry = entry.map_err(Error::because(Operation::List, path))?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The names in a directory, or none when there is no such directory.
    pub fn list_if_present(&self, path: impl AsRef<Path>) -> Result<Vec<String>> {
        Ok(absent_is_none(self.list(path))?.unwrap_or_default())
    }

    /// What a path is, links followed; `None` when there is nothing.
    pub fn stat(&self, path: impl AsRef<Path>) -> Result<Option<Stat>> {
        let path = path.as_ref();
        let Some(opened) = absent_is_none(self.open(Operation::Look, path, OFlag::O_PATH, 0))? else {
            return Ok(None);
        };
        let found = fstat(&opened).map_err(Error::because(Operation::Look, path))?;
        let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
        Ok(Some(Stat {
            is_directory: kind == SFlag::S_IFDIR,
            is_file: kind == SFlag::S_IFREG,
            size_bytes: u64::try_from(found.st_size).unwrap_or(0),
            mode: found.st_mode & 0o7777,
        }))
    }

    /// Whether there is something. What cannot be looked at counts as absent.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.stat(path), Ok(Some(_)))
    }

    /// Whether there is a directory. What cannot be looked at counts as absent.
    pub fn is_dir(&self, path: impl AsRef<Path>) -> bool {
        matches!(self.stat(path), Ok(Some(Stat { is_directory: true, .. })))
    }

    /// Where a symbolic link points, as it is written there.
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let path = path.as_ref();
        let (directory, name) = self.open_parent(Operation::ReadLink, path)?;
        readlinkat(&directory, name).map(PathBuf::from).map_err(Error::because(Operation::ReadLink, path))
    }

    /// A file to poll and read piece by piece without blocking: `/dev/kmsg`, the RTAS error log.
    pub fn open_stream(&self, path: impl AsRef<Path>) -> Result<File> {
        self.open(Operation::Open, path.as_ref(), OFlag::O_RDONLY | OFlag::O_NONBLOCK, 0).map(File::from)
    }
}
