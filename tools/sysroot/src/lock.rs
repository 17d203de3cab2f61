//! One at a time: a lock on a file that says who has it and really waits.
//!
//! The lock is an open-file-description lock over the whole file. It excludes Debian's `drmgr` and `lsslot`, which take a
//! POSIX record lock (`F_SETLK`) on the same file, and also two threads of one process, which a record lock would not. The
//! kernel names the holder of a record lock by pid; a holder of our kind has written its pid and purpose into the file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use crate::error::{Error, Operation};
use crate::{Result, Sysroot};

/// Between two tries. The kernel can wake a waiter, but not with a deadline.
const RETRY: Duration = Duration::from_millis(50);

/// The most that is read of what an owner wrote about itself.
const OWNER_TEXT_BYTES: u64 = 256;

/// A lock that is held until this is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard releases the lock"]
pub struct Guard {
    file: File,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Who reads a stale name would blame the wrong process; closing the file releases the lock in any case.
        let _ = self.file.set_len(0);
    }
}

/// Who holds a lock, as far as can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The process, when the kernel or the file names it.
    pub pid: Option<i32>,
    /// What it calls itself.
    pub name: Option<String>,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.name) {
            (Some(pid), Some(name)) => write!(f, "process {pid} ({name})"),
            (Some(pid), None) => write!(f, "process {pid}"),
            (None, Some(name)) => f.write_str(name),
            (None, None) => f.write_str("a process that does not say its name"),
        }
    }
}

impl Sysroot {
    /// Takes the lock, waiting at most `patience` for whoever has it. `purpose` is what others will read as the owner. Everybody
    /// may write to the directory of locks: a symbolic link there is not followed.
    pub fn lock_exclusive(&self, path: impl AsRef<Path>, patience: Duration, purpose: &str) -> Result<Guard> {
        let path = path.as_ref();
        let because = |error: io::Error| Error::because(Operation::Lock, path)(error);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW;
        let file = File::from(self.open(Operation::Lock, path, flags, 0o644)?);
        let began = Instant::now();
        while let Err(error) = try_lock(&file) {
            if !matches!(error, Errno::EAGAIN | Errno::EACCES | Errno::EINTR) {
                return Err(because(error.into()));
            }
            let waited = began.elapsed();
            if waited >= patience {
                let owner = self.owner(&file);
                return Err(Error::Held { operation: Operation::Lock, path: path.to_owned(), owner, waited });
            }
            sleep(RETRY.min(patience.saturating_sub(waited)));
        }
        file.set_len(0).map_err(because)?;
        file.write_all_at(format!("{} {}\n", process::id(), purpose.replace('\n', " ")).as_bytes(), 0)
            .map_err(because)?;
        Ok(Guard { file })
    }

    /// The kernel knows the holder of a record lock; a holder of our kind it answers with pid -1, and the file names it.
    fn owner(&self, file: &File) -> Owner {
        let mut found = whole_file(libc::F_WRLCK);
        let asked = fcntl(file, FcntlArg::F_OFD_GETLK(&mut found));
        if asked.is_ok() && i32::from(found.l_type) != libc::F_UNLCK && found.l_pid > 0 {
            let name = self.read_text(format!("proc/{}/comm", found.l_pid)).ok();
            return Owner { pid: Some(found.l_pid), name: name.map(|name| name.trim_end().to_owned()) };
        }
        let mut text = String::new();
        match file.take(OWNER_TEXT_BYTES).read_to_string(&mut text) {
            Ok(_) => written_owner(text.trim_end()),
            Err(_) => Owner { pid: None, name: None },
        }
    }
}

/// `PID PURPOSE`, as `lock_exclusive` writes it.
fn written_owner(text: &str) -> Owner {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match first.parse() {
        Ok(pid) => Owner { pid: Some(pid), name: Some(rest.to_owned()).filter(|name| !name.is_empty()) },
        Err(_) => Owner { pid: None, name: Some(text.to_owned()).filter(|name| !name.is_empty()) },
    }
}

fn try_lock(file: &File) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))).map(drop)
}

/// From the first byte to whatever the last one will be.
fn whole_file(kind: libc::c_int) -> libc::flock {
    #[allow(clippy::cast_possible_truncation)] // F_* and SEEK_* are single digits; the struct has shorts
    let (kind, whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock { l_type: kind, l_whence: whence, l_start: 0, l_len: 0, l_pid: 0 }
}
