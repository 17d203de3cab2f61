//! `/var/log/platform`, where rtas_errd writes each event as hexadecimal text. Only what comes while we look is read.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use platform::rtas::dump::parse;
use platform::rtas::event::decode;
use sysroot::Sysroot;

use super::Reported;

const DIRECTORY: &str = "var/log";
const PATH: &str = "var/log/platform";

/// Read at once: some hundred events.
const PIECE_BYTES: u64 = 1 << 20;

/// The line that ends an event.
const END: &str = "RTAS event end";

/// The file, and how far it was read.
#[derive(Debug)]
pub(super) struct PlatformLog {
    changes: Inotify,
    /// Bytes that were read, in whole events.
    read_bytes: u64,
}

impl PlatformLog {
    /// From its present end on.
    pub(super) fn follow(root: &Path, sysroot: &Sysroot) -> Option<Self> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        // The directory: the file may be rotated away and made again.
        let interest = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        changes.add_watch(&root.join(DIRECTORY), interest).ok()?;
        let read_bytes = sysroot.stat(PATH).ok().flatten().map_or(0, |stat| stat.size_bytes);
        Some(Self { changes, read_bytes })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// The events that were written since the last call.
    pub(super) fn read(&mut self, sysroot: &Sysroot) -> Vec<Reported> {
        // Which file of the directory it was does not matter: the length tells.
        let _ = self.changes.read_events();
        let Ok(new) = self.new_text(sysroot) else { return Vec::new() };
        // rtas_errd writes an event at once; half of one is left for the next time all the same.
        let whole = new.rfind(END).map_or(0, |at| new[at..].find('\n').map_or(0, |end| at + end + 1));
        self.read_bytes += whole as u64;
        parse(&new[..whole])
            .into_iter()
            .filter_map(|dumped| Some(Reported::new(dumped.number, decode(&dumped.bytes).ok()?)))
            .collect()
    }

    fn new_text(&mut self, sysroot: &Sysroot) -> io::Result<String> {
        let mut file = sysroot.open_stream(PATH).map_err(io::Error::other)?;
        if file.metadata()?.len() < self.read_bytes {
            self.read_bytes = 0; // another file of that name
        }
        file.seek(SeekFrom::Start(self.read_bytes))?;
        let mut text = String::new();
        file.take(PIECE_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }
}
