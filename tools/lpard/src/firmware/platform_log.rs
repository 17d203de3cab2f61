//! `/var/log/platform`, where rtas_errd writes each event as hexadecimal text. What was there before is history.

use std::fs::Metadata;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

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
const END: &[u8] = b"RTAS event end";

/// The log, from where it ended when it was opened.
#[derive(Debug)]
pub(super) struct PlatformLog {
    changes: Inotify,
    path: PathBuf,
    /// The file's number in its file system; none before there was a file.
    inode: Option<u64>,
    /// Bytes of it that were read, in whole events.
    read_bytes: u64,
}

impl PlatformLog {
    /// From its present end on.
    pub(super) fn follow(root: &Path, sysroot: &Sysroot) -> Option<Self> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        // The file may be rotated away and made again. What is written to other logs wakes nobody.
        let made = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        changes.add_watch(&root.join(DIRECTORY), made).ok()?;
        let metadata = sysroot.open_stream(PATH).ok().and_then(|file| file.metadata().ok());
        let read_bytes = metadata.as_ref().map_or(0, Metadata::len);
        let log = Self { changes, path: root.join(PATH), inode: metadata.map(|found| found.ino()), read_bytes };
        log.watch_file();
        Some(log)
    }

    /// Watches the file that has the name now, if there is one. To do that again changes nothing.
    fn watch_file(&self) {
        let _ = self.changes.add_watch(&self.path, AddWatchFlags::IN_MODIFY);
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// The events that were written since the last call.
    pub(super) fn read(&mut self, sysroot: &Sysroot) -> Vec<Reported> {
        // Which change it was does not matter: the length tells.
        let _ = self.changes.read_events();
        self.watch_file();
        let mut reported = Vec::new();
        while let Ok(Some(text)) = self.next_piece(sysroot) {
            let dumped = parse(&text).into_iter();
            reported.extend(dumped.filter_map(|event| Some(Reported::new(event.number, decode(&event.bytes).ok()?))));
        }
        reported
    }

    /// Whole events, as many as are read at once; none when there is not even one. rtas_errd writes an event at once; half of
    /// one is left for the next time all the same.
    fn next_piece(&mut self, sysroot: &Sysroot) -> io::Result<Option<String>> {
        let mut file = sysroot.open_stream(PATH).map_err(io::Error::other)?;
        let metadata = file.metadata()?;
        if self.inode.replace(metadata.ino()) != Some(metadata.ino()) || metadata.len() < self.read_bytes {
            self.read_bytes = 0; // another file of that name, or it was emptied
        }
        file.seek(SeekFrom::Start(self.read_bytes))?;
        let mut piece = Vec::new();
        file.take(PIECE_BYTES).read_to_end(&mut piece)?;
        let whole = match end_of_events(&piece) {
            // So much without an event is none that is not whole yet.
            0 if piece.len() as u64 == PIECE_BYTES => piece.len(),
            whole => whole,
        };
        self.read_bytes += whole as u64;
        Ok((whole > 0).then(|| String::from_utf8_lossy(&piece[..whole]).into_owned()))
    }
}

/// Where the line ends that ends the last event; 0 when there is none.
fn end_of_events(piece: &[u8]) -> usize {
    let last = piece.windows(END.len()).rposition(|window| window == END);
    let line_end = last.and_then(|at| piece[at..].iter().position(|byte| *byte == b'\n').map(|end| at + end + 1));
    line_end.unwrap_or(0)
}
