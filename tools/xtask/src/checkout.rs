//! Where things are: the checkout, its own tools, the cache, the lock on it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use nix::fcntl::{Flock, FlockArg};

use crate::program;

/// The checkout in which xtask runs.
#[derive(Debug)]
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    pub(crate) cache: PathBuf,
}

impl Checkout {
    /// From the working directory upwards.
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::current_dir().context("find the working directory")?;
        let root = here.ancestors().find(|dir| dir.join("tests/debian/cache").is_file());
        let root = root.with_context(|| format!("{} is in no checkout of lparkit", here.display()))?.to_path_buf();
        let cache = program::output(&mut Command::new(root.join("tests/debian/cache")))?;
        Ok(Self { root, cache: PathBuf::from(cache.trim_end()) })
    }

    /// One xtask at a time downloads and builds; the others wait.
    pub(crate) fn lock_cache(&self) -> Result<Flock<File>> {
        let path = self.cache.join("xtask.lock");
        let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| anyhow!(error)).context("lock the cache")
    }
}

/// Makes a directory of the cache, whole or not at all: `fill` gets another one, which then takes the name.
pub(crate) fn make_directory(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().with_context(|| format!("{} has no parent", path.display()))?;
    fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
    let fresh = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).context("make a directory in the cache")?;
    fill(fresh.path())?;
    fs::rename(fresh.path(), path).with_context(|| format!("make {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_directory_appears_whole_or_not_at_all() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("a/b");
        let failing = make_directory(&path, |dir| {
            fs::write(dir.join("f"), "half")?;
            Err(anyhow!("no space"))
        });
        assert!(failing.is_err() && !path.exists());
        make_directory(&path, |dir| Ok(fs::write(dir.join("f"), "whole")?)).unwrap();
        make_directory(&path, |_| Err(anyhow!("made twice"))).unwrap();
        assert_eq!(fs::read_to_string(path.join("f")).unwrap(), "whole");
        assert_eq!(fs::read_dir(cache.path().join("a")).unwrap().count(), 1);
    }
}
