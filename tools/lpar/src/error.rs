//! What can go wrong, and what to do about it.

use std::io;

use crate::agent;
use crate::cli::dlpar::BadValue;
use crate::exit::Exit;

/// Why a verb could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `--sysroot` is no directory, or the root cannot be opened.
    #[error(transparent)]
    Root(sysroot::Error),
    /// The machine does not show something that the verb is about.
    #[error(transparent)]
    Machine(#[from] platform::Error),
    /// A value on the command line is not what it should be.
    #[error(transparent)]
    Value(#[from] BadValue),
    /// What is done with the agent's own parts where it does not run.
    #[error("go on without lpard")]
    Engine(#[from] lpard::Error),
    /// A file of the machine.
    #[error(transparent)]
    System(#[from] sysroot::Error),
    /// The user's file cannot be read.
    #[error("read {name}")]
    Input {
        name: String,
        #[source]
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{name}: there is no RTAS event in it, and no line of the kernel about one")]
    NoEvent { name: String },
    /// No file of the record has one.
    #[error("no event of the firmware is recorded: neither in {} nor in {}", looked_at[0], looked_at[1])]
    NothingRecorded { looked_at: [&'static str; 2] },
    /// Who replaces an adapter is asked when it is in its slot.
    #[error("an adapter is replaced with somebody beside its slot, who is asked here; standard input is no terminal")]
    Nobody,
    /// The agent did not answer, or said no.
    #[error(transparent)]
    Agent(#[from] agent::Error),
    /// Standard output does not take the report.
    #[error("write the report to standard output")]
    Output(#[source] io::Error),
    /// A report cannot be JSON.
    #[error("write the report as JSON")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// What to do about it, when that is known.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Root(_) => Some("--sysroot names the directory of a recorded machine; without it, this one is read"),
            Self::Agent(error) => error.advice(),
            Self::Nobody => Some("lpar dlpar slot remove, then put the new one in, then lpar dlpar slot add"),
            Self::NoEvent { .. } => {
                Some("it takes what /proc/ppc64/rtas/error_log gives, /var/log/platform, and the kernel's log")
            }
            Self::NothingRecorded { .. } => {
                Some("lpar events --decode FILE reads any other log, as the kernel's that was recorded: DIR/dev/kmsg")
            }
            Self::Machine(_) | Self::System(_) => {
                Some("lpar doctor tells whether this is a partition, and what is wrong with it")
            }
            _ => None,
        }
    }

    /// How the program ends with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Root(_) | Self::Value(_) | Self::Nobody => Exit::Usage,
            Self::Agent(agent::Error::NotRunning) => Exit::NoAgent,
            _ => Exit::Failed,
        }
    }
}

/// The result of a verb.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error and what caused it, one after the other.
pub(crate) fn causes(error: &dyn std::error::Error) -> impl Iterator<Item = &dyn std::error::Error> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The same in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
