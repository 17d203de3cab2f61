//! What can go wrong when a machine is read.

/// Why something of the machine could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system did not give it.
    #[error(transparent)]
    System(#[from] sysroot::Error),
    /// It was given and makes no sense.
    #[error("{file}: {problem}")]
    Malformed {
        /// Where, relative to the root.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is more of it than any real machine has.
    #[error("{file}: more than {limit} {of_what}")]
    TooMuch {
        /// Where, relative to the root.
        file: String,
        /// The limit.
        limit: usize,
        /// What is counted.
        of_what: &'static str,
    },
}

/// The result of reading a part of the machine.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn malformed(file: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed { file: file.into(), problem: problem.into() }
    }
}

/// The error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
