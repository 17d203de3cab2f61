//! Wakes the agent when RSCT may have come or gone: nothing asks for it from time to time.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Where RSCT's directory appears.
const DIRECTORY: &str = "opt";

/// Changes of the directory.
#[derive(Debug)]
pub(crate) struct Watch(Inotify);

impl Watch {
    /// None where there is no such directory.
    pub(crate) fn open(root: &Path) -> Option<Self> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_ONLYDIR;
        changes.add_watch(&root.join(DIRECTORY), flags).ok()?;
        Some(Self(changes))
    }

    /// Whether something has come or gone since the last call.
    pub(crate) fn has_changed(&self) -> bool {
        self.0.read_events().is_ok_and(|events| !events.is_empty())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_comes_and_goes_is_noticed_and_what_changes_elsewhere_is_not() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Watch::open(directory.path()).is_none());
        let opt = directory.path().join(DIRECTORY);
        std::fs::create_dir(&opt).unwrap();
        let watch = Watch::open(directory.path()).unwrap();
        assert!(!watch.has_changed());
        std::fs::create_dir(opt.join("rsct")).unwrap();
        assert!(watch.has_changed() && !watch.has_changed());
        std::fs::write(opt.join("rsct/x"), "").unwrap();
        assert!(!watch.has_changed(), "what is installed into it is of no interest");
        std::fs::remove_dir_all(opt.join("rsct")).unwrap();
        assert!(watch.has_changed());
    }
}
