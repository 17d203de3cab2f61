//! The only door to the operating system.
//!
//! # Theory of operation
//!
//! Everything that reads or writes `/proc`, `/sys`, `/dev`, `/etc`, `/var` or runs a program takes a [`Sysroot`]: a
//! descriptor of one directory. `Sysroot::at("/")` is the running system (live). Any other directory is a recorded machine:
//! plain files under `proc/`, `sys/`, `etc/`; what is written changes the files, and programs answer from `commands/`.
//! So a test, `--sysroot DIR` and a bug report all use the same code as production. Tests of what programs are told have a third
//! kind, with the feature `staged`: the files of a recorded machine, and programs of its own that run.
//!
//! - Paths are relative to the root; an absolute path and `..` are refused before any system call.
//! - Symbolic links: live, the kernel resolves them as ever. In a recorded machine they are resolved beneath its root by
//!   `openat2(RESOLVE_IN_ROOT)` (nix has it; Linux 5.6), so that an absolute link of the recorded machine stays in the record.
//! - Reads are bounded. Every error names operation, path and cause; [`Error::errno`] gives the kernel's number.
//! - [`Sysroot::rtas`] and [`Sysroot::rtas_through_work_area`] call the firmware, for the few calls on their lists.
//! - These, [`Sysroot::system_parameter`], [`Sysroot::process`] and what programs do not inherit are the only unsafe code of
//!   the workspace.
//! - [`Sysroot::write_attribute`] is one `write(2)`, as sysfs and procfs want it. [`Sysroot::replace_file`] is whole or absent.
//!
//! The rule is enforced: crates that use this one link their `clippy.toml` to `callers/clippy.toml` here, which disallows
//! `std::fs` and `std::process::Command`.

mod child;
mod clock;
mod command;
mod datagram;
mod error;
mod lock;
mod process;
mod read;
mod resolve;
mod rtas;
mod socket;
mod space;
mod system_parameter;
mod uname;
mod work_area;
mod write;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

pub use command::{Ended, Outcome, Program};
pub use error::{Error, Operation};
pub use lock::{Guard, Owner};
pub use process::Process;
pub use read::{READ_LIMIT_BYTES, Stat};
pub use space::Space;
pub use uname::Uname;
pub use work_area::WORK_AREA_BYTES;

/// The result of every operation here.
pub type Result<T> = std::result::Result<T, Error>;

/// A root directory of a machine: the running system or a recorded one.
#[derive(Debug)]
pub struct Sysroot {
    root: OwnedFd,
    mode: Mode,
    /// Where the programs are that run; none where they answer from a record.
    programs: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Live,
    Recorded,
}

impl Sysroot {
    /// Opens the machine at `dir`: `/` is the running system, everything else is a recorded one.
    pub fn at(dir: impl AsRef<Path>) -> Result<Self> {
        let path = dir.as_ref();
        let mode = if path == Path::new("/") { Mode::Live } else { Mode::Recorded };
        let root = resolve::open_root(path).map_err(Error::because(Operation::Open, path))?;
        let programs = (mode == Mode::Live).then(|| path.to_owned());
        Ok(Self { root, mode, programs })
    }

    /// Opens a machine that a test has made: a recorded one, but that its programs run. They see all of this system. No program
    /// has this: what is in a machine that somebody else recorded must never run.
    #[cfg(feature = "staged")]
    pub fn staged(dir: impl AsRef<Path>) -> Result<Self> {
        let path = dir.as_ref();
        let root = resolve::open_root(path).map_err(Error::because(Operation::Open, path))?;
        Ok(Self { root, mode: Mode::Recorded, programs: Some(path.to_owned()) })
    }

    /// Whether this is the running system.
    pub fn is_live(&self) -> bool {
        self.mode == Mode::Live
    }
}
