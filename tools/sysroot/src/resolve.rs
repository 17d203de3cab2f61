//! From a path to a descriptor, without leaving the root.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::Mode as FileMode;

use crate::error::{Error, Operation};
use crate::{Mode, Result, Sysroot};

/// How often openat2 is asked again when the tree changes under it (it answers EAGAIN).
const RACES: usize = 16;

/// The directory that everything else is relative to.
pub(crate) fn open_root(path: &Path) -> nix::Result<OwnedFd> {
    open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, FileMode::empty())
}

/// Refuses what could lead out of the root.
fn check(operation: Operation, path: &Path) -> Result<()> {
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside && !path.as_os_str().is_empty() {
        return Ok(());
    }
    Err(Error::Outside { operation, path: path.to_owned() })
}

/// One attempt.
fn open_once(sysroot: &Sysroot, path: &Path, flags: OFlag, mode: FileMode) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_CLOEXEC;
    match sysroot.mode {
        Mode::Live => openat(&sysroot.root, path, flags, mode),
        Mode::Recorded => {
            let how = OpenHow::new().flags(flags).mode(mode).resolve(ResolveFlag::RESOLVE_IN_ROOT);
            openat2(&sysroot.root, path, how)
        }
    }
}

impl Sysroot {
    /// Opens a path beneath the root.
    pub(crate) fn open(&self, operation: Operation, path: &Path, flags: OFlag, mode: u32) -> Result<OwnedFd> {
        check(operation, path)?;
        let mode = if flags.contains(OFlag::O_CREAT) { FileMode::from_bits_truncate(mode) } else { FileMode::empty() };
        let mut opened = open_once(self, path, flags, mode);
        for _ in 0..RACES {
            if !matches!(opened, Err(Errno::EAGAIN | Errno::EINTR)) {
                break;
            }
            opened = open_once(self, path, flags, mode);
        }
        opened.map_err(Error::because(operation, path))
    }

    /// Opens the directory that a path is in, and gives the path's last part.
    pub(crate) fn open_parent<'a>(&self, operation: Operation, path: &'a Path) -> Result<(OwnedFd, &'a OsStr)> {
        check(operation, path)?;
        let name = path.file_name().ok_or_else(|| Error::Outside { operation, path: path.to_owned() })?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = self.open(operation, parent, OFlag::O_RDONLY | OFlag::O_DIRECTORY, 0)?;
        Ok((directory, name))
    }
}
