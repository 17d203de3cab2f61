//! Where a lab keeps its sockets, disks and logs: one directory a lab, locked by its supervisor as long as it lives.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::error::Error;

/// The directory of all labs of this user: `LPARLAB_DIR`, or `lparlab` in the user's run-time directory, or in /tmp. Short,
/// because the paths of unix sockets are.
pub fn base() -> PathBuf {
    if let Some(directory) = std::env::var_os("LPARLAB_DIR") {
        return directory.into();
    }
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|directory| directory.is_dir()) {
        Some(directory) => directory.join("lparlab"),
        None => format!("/tmp/lparlab-{}", nix::unistd::getuid()).into(),
    }
}

/// Makes the directory of all labs, for this user alone; refuses one that somebody else made.
pub fn make_base() -> Result<PathBuf, Error> {
    let base = base();
    let failed = |source| Error::io("make directory", base.display(), source);
    DirBuilder::new().recursive(true).mode(0o700).create(&base).map_err(failed)?;
    let owner = std::fs::symlink_metadata(&base).map_err(failed)?;
    if !owner.is_dir() || owner.uid() != nix::unistd::getuid().as_raw() {
        return Err(failed(io::Error::other("it belongs to somebody else; set LPARLAB_DIR")));
    }
    Ok(base)
}

/// A lab's name, if it is one: it becomes part of a path, below which `down` removes everything.
pub fn name(text: &str) -> Result<String, String> {
    let is_name =
        !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_name { Ok(text.to_owned()) } else { Err("a lab's name has letters, digits and '-', 40 at most".into()) }
}

/// The directory of the lab called `name`.
pub fn of(name: &str) -> PathBuf {
    base().join(name)
}

/// Where the supervisor listens.
pub fn control_socket(directory: &Path) -> PathBuf {
    directory.join("control")
}

/// Makes a lab's directory and locks it; refuses when the lab runs. What a dead lab left is removed.
pub fn claim(directory: &Path) -> Result<(), Error> {
    let failed = |source| Error::io("make directory", directory.display(), source);
    if directory.exists() {
        if is_locked(directory)? {
            let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(Error::Refused(format!("lab {name} runs already: lparlab --lab {name} status, or down")));
        }
        std::fs::remove_dir_all(directory).map_err(failed)?;
    }
    DirBuilder::new().mode(0o700).create(directory).map_err(failed)
}

/// Locks the directory for the life of the returned value.
pub fn lock(directory: &Path) -> Result<Flock<File>, Error> {
    let path = directory.join("lock");
    let failed = |source| Error::io("lock", path.display(), source);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| failed(errno.into()))
}

/// Whether a supervisor holds the directory's lock.
pub fn is_locked(directory: &Path) -> Result<bool, Error> {
    let path = directory.join("lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(Error::io("look at", path.display(), source)),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Ok(false),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(true),
        Err((_, errno)) => Err(Error::io("look at", path.display(), errno.into())),
    }
}

/// The labs of this user: name and whether it runs.
pub fn all() -> Result<Vec<(String, bool)>, Error> {
    let base = base();
    let entries = match std::fs::read_dir(&base) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::io("list", base.display(), source)),
    };
    let mut labs = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        labs.push((name, is_locked(&entry.path())?));
    }
    labs.sort();
    Ok(labs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_directory_of_all_labs() {
        assert_eq!(name("faults-4711").as_deref(), Ok("faults-4711"));
        for bad in ["", "..", "../x", "a/b", "a b", "x\0"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_lab_that_runs_is_not_claimed_again_and_a_dead_one_is_cleared() {
        let base = tempfile::tempdir().unwrap();
        let lab = base.path().join("x");
        claim(&lab).unwrap();
        let held = lock(&lab).unwrap();
        std::fs::write(lab.join("left"), "").unwrap();
        assert!(claim(&lab).unwrap_err().to_string().contains("runs already"));
        assert!(lock(&lab).is_err());
        drop(held);
        claim(&lab).unwrap();
        assert!(!lab.join("left").exists());
    }
}
