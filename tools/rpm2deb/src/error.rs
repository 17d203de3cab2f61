//! Every way a conversion can fail: the operation, the thing and the cause. The cause is the `source`, never repeated
//! in the message; `report` prints the chain.

use std::io;
use std::path::PathBuf;

/// A failed conversion. Nothing has been written when one of these comes back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call on a path of ours failed.
    #[error("cannot {operation} {path}", path = path.display())]
    Io {
        /// Verb: `open`, `write`, …
        operation: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The bytes of the RPM are not what its format demands.
    #[error("{part}: {reason}")]
    Malformed {
        /// Which part: `lead`, `header index entry 12 (tag 1028)`, `payload entry 'usr/bin/x'`.
        part: String,
        /// What is wrong.
        reason: String,
    },
    /// A digest does not match.
    #[error("{digest} of the {what} is wrong: expected {expected}, found {found}; the file is damaged or was altered")]
    Digest {
        /// `SHA256`, `MD5`, …
        digest: &'static str,
        /// `header`, `payload`, `file usr/bin/x`.
        what: String,
        /// From the RPM, hex.
        expected: String,
        /// As computed, hex.
        found: String,
    },
    /// A limit was exceeded.
    #[error("{what} is {found}, more than the limit of {limit}{advice}")]
    Limit {
        /// What was measured.
        what: String,
        /// Its value.
        found: u64,
        /// The bound.
        limit: u64,
        /// How to move the bound: `; raise it with --max-size`, or empty.
        advice: &'static str,
    },
    /// The package says something that no Debian package can say, or that we refuse to do.
    #[error("{subject}: {reason}")]
    Refused {
        /// What it is about, printable.
        subject: String,
        /// Why, and what to do about it.
        reason: String,
    },
    /// A patch does not apply.
    #[error(transparent)]
    Patch(#[from] crate::patch::PatchError),
}

impl Error {
    /// An [`Error::Malformed`].
    pub fn malformed(part: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Malformed { part: part.into(), reason: reason.into() }
    }

    /// An [`Error::Refused`].
    pub fn refused(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { subject: subject.into(), reason: reason.into() }
    }

    /// Adapter for `map_err`: what was done to which path.
    pub fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}
