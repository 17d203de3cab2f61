//! What can go wrong at the door: operation, path, cause.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use crate::lock::Owner;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{operation} {}", path.display())]
    System {
        /// What was tried.
        operation: Operation,
        /// On what, relative to the root.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is larger than the caller's limit.
    #[error("{operation} {}: larger than {limit_bytes} bytes", path.display())]
    TooLarge {
        /// What was tried.
        operation: Operation,
        /// On what, relative to the root.
        path: PathBuf,
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// The content is not text.
    #[error("{operation} {}: not UTF-8", path.display())]
    NotText {
        /// What was tried.
        operation: Operation,
        /// On what, relative to the root.
        path: PathBuf,
    },
    /// The path is absolute, empty or has `..` in it.
    #[error("{operation} {}: a path here is relative to the root and has no `..`", path.display())]
    Outside {
        /// What was tried.
        operation: Operation,
        /// The path as it was given.
        path: PathBuf,
    },
    /// The kernel took only a part of an attribute, which has to be one write.
    #[error("{operation} {}: only {written} of {length} bytes were taken", path.display())]
    ShortWrite {
        /// What was tried.
        operation: Operation,
        /// On what, relative to the root.
        path: PathBuf,
        /// How much the kernel took.
        written: usize,
        /// How much there was.
        length: usize,
    },
    /// Somebody else has the lock, and the deadline passed.
    #[error("{operation} {}: held by {owner} after waiting {:.1} s", path.display(), waited.as_secs_f64())]
    Held {
        /// What was tried.
        operation: Operation,
        /// The lock's file.
        path: PathBuf,
        /// Who has it.
        owner: Owner,
        /// How long this call waited.
        waited: Duration,
    },
    /// It cannot be done here at all.
    #[error("{operation} {}: {why}", path.display())]
    Impossible {
        /// What was tried.
        operation: Operation,
        /// On what, relative to the root.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A recorded machine has no answer to this question.
    #[error("{operation} {}: not recorded; wanted is the file {}", path.display(), wanted.display())]
    NotRecorded {
        /// What was tried.
        operation: Operation,
        /// What was asked about.
        path: PathBuf,
        /// The file that would have held its answer.
        wanted: PathBuf,
    },
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the names say it
pub enum Operation {
    Append,
    Ask,
    Clock,
    Connect,
    CreateDirectory,
    List,
    Lock,
    Look,
    Open,
    Read,
    ReadLink,
    Remove,
    Rename,
    Replace,
    Rtas,
    Run,
    Send,
    Uname,
    Write,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Append => "append to",
            Self::Ask => "ask",
            Self::Clock => "read the clock",
            Self::Connect => "connect to",
            Self::CreateDirectory => "create directory",
            Self::List => "list",
            Self::Lock => "lock",
            Self::Look => "look at",
            Self::Open => "open",
            Self::Read => "read",
            Self::ReadLink => "read link",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::Replace => "replace",
            Self::Rtas => "call the firmware's",
            Self::Run => "run",
            Self::Send => "send to",
            Self::Uname => "uname",
            Self::Write => "write",
        })
    }
}

impl Error {
    /// For `map_err`: the system's answer with what was tried on what.
    pub(crate) fn because<E: Into<io::Error>>(operation: Operation, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self::System { operation, path: path.to_owned(), source: source.into() }
    }

    /// The kernel's error number, where the kernel gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::System { source, .. } => source.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }

    /// Whether the thing was not there. Absence is an answer for many files of `/proc` and `/sys`.
    pub fn is_absent(&self) -> bool {
        matches!(self.errno(), Some(Errno::ENOENT | Errno::ENOTDIR))
    }
}

/// Turns absence into `None`.
pub(crate) fn absent_is_none<T>(result: crate::Result<T>) -> crate::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}
