//! What can go wrong in a lab: the operation, the thing, the cause.

use std::io;

/// An error of the lab.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system said no.
    #[error("{operation} {thing}: {source}")]
    Io {
        /// What was to be done.
        operation: &'static str,
        /// To what.
        thing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A part of the lab said no.
    #[error("{operation} {thing}: {cause}")]
    Failed {
        /// What was to be done.
        operation: &'static str,
        /// To what.
        thing: String,
        /// Why it failed, and what to do about it.
        cause: String,
    },
    /// A guest said no, or nothing.
    #[error("{lpar}: {what}: {cause}")]
    Guest {
        /// The partition.
        lpar: String,
        /// What it was asked.
        what: String,
        /// What came of it.
        cause: String,
    },
    /// The request cannot be met.
    #[error("{0}")]
    Refused(String),
    /// The scenario is wrong.
    #[error(transparent)]
    Scenario(#[from] crate::scenario::ScenarioError),
}

impl Error {
    pub(crate) fn io(operation: &'static str, thing: impl std::fmt::Display, source: io::Error) -> Self {
        Self::Io { operation, thing: thing.to_string(), source }
    }

    pub(crate) fn failed(operation: &'static str, thing: impl std::fmt::Display, cause: impl Into<Cause>) -> Self {
        Self::Failed { operation, thing: thing.to_string(), cause: cause.into().0 }
    }

    pub(crate) fn guest(lpar: &str, what: &str, cause: impl Into<String>) -> Self {
        Self::Guest { lpar: lpar.to_owned(), what: what.to_owned(), cause: cause.into() }
    }
}

/// Why something failed: words, or an error with all that caused it.
pub(crate) struct Cause(String);

impl From<String> for Cause {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl From<&str> for Cause {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}

/// An error and its causes: each error of a chain says its own part only.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

macro_rules! causes {
    ($($error:ty),+) => {
        $(impl From<$error> for Cause {
            fn from(error: $error) -> Self {
                Self(chain(&error))
            }
        })+
    };
}

causes!(
    Error,
    serde_json::Error,
    crate::capture::CaptureError,
    crate::network::NetworkError,
    crate::qemu::QemuError,
    crate::qemu::hotplug::HotplugError,
    crate::qmp::QmpError
);
