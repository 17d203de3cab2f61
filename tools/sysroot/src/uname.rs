//! What `uname` says; a recorded machine's `proc/sys/kernel/` says the same.

use std::ffi::OsStr;
use std::path::Path;

use crate::error::{Error, Operation};
use crate::{Mode, Result, Sysroot};

/// The kernel's name for itself. A field that a recorded machine lacks is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uname {
    /// `Linux`.
    pub system: String,
    /// The host's name.
    pub node: String,
    /// `6.12.43+deb13-powerpc64le`.
    pub release: String,
    /// `#1 SMP Debian 6.12.43-1 (2026-08-27)`.
    pub version: String,
    /// `ppc64le`.
    pub machine: String,
}

impl Sysroot {
    /// Asks the kernel, or the record, for its name.
    pub fn uname(&self) -> Result<Uname> {
        match self.mode {
            Mode::Live => live(),
            Mode::Recorded => self.recorded(),
        }
    }

    fn recorded(&self) -> Result<Uname> {
        let field = |name: &str| -> Result<String> {
            let text = self.read_text_if_present(Path::new("proc/sys/kernel").join(name))?;
            Ok(text.unwrap_or_default().trim_end().to_owned())
        };
        Ok(Uname {
            system: field("ostype")?,
            node: field("hostname")?,
            release: field("osrelease")?,
            version: field("version")?,
            machine: field("arch")?,
        })
    }
}

fn live() -> Result<Uname> {
    let name = nix::sys::utsname::uname().map_err(Error::because(Operation::Uname, Path::new("kernel")))?;
    let text = |part: &OsStr| part.to_string_lossy().into_owned();
    Ok(Uname {
        system: text(name.sysname()),
        node: text(name.nodename()),
        release: text(name.release()),
        version: text(name.version()),
        machine: text(name.machine()),
    })
}
