//! The kernel's log, line by line: as it grows, as it is, and since a suspension of ours began, which a mark in it shows.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};

use sysroot::Sysroot;

const PATH: &str = "dev/kmsg";

/// What is written into it before a suspension: what stands before the last of these is about earlier ones.
const MARK: &str = "lpard: the partition is about to be suspended";

/// As much as the kernel ever gives at once (Linux, kernel/printk/printk.c, `PRINTK_MESSAGE_MAX`), and some more.
const RECORD_BYTES: usize = 8 << 10;

/// Lines that are read when all of it is read; the kernel's buffer has less than a megabyte of them.
const ALL_LINES: usize = 20_000;

/// The log from now on.
#[derive(Debug)]
pub(crate) struct KernelLog {
    file: File,
}

impl KernelLog {
    /// None where it cannot be read: then nobody notices a migration that was not asked for here.
    pub(crate) fn follow(sysroot: &Sysroot) -> sysroot::Result<Self> {
        let mut file = sysroot.open_stream(PATH)?;
        // What is not the kernel's device has no end to seek to.
        let _ = file.seek(SeekFrom::End(0));
        Ok(Self { file })
    }

    /// The lines that came since the last call; none at the end of a file, which the kernel's device does not have.
    pub(crate) fn lines(&mut self) -> Option<Vec<String>> {
        let Read { lines, ended } = read_lines(&mut self.file);
        (!ended || !lines.is_empty()).then_some(lines)
    }
}

impl AsFd for KernelLog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// All lines that the kernel still has, the oldest first.
pub(crate) fn all_lines(sysroot: &Sysroot) -> Vec<String> {
    sysroot.open_stream(PATH).map(|mut file| read_lines(&mut file).lines).unwrap_or_default()
}

/// Marks the log's place before a suspension. Where nobody may write to it, all of it counts.
pub(crate) fn mark(sysroot: &Sysroot) {
    if sysroot.exists(PATH) {
        // An error means what is said above.
        let _ = sysroot.append_log(PATH, &format!("{MARK}\n"));
    }
}

/// The lines since the last suspension began.
pub(crate) fn since_mark<T: AsRef<str>>(lines: &[T]) -> &[T] {
    let mark = lines.iter().rposition(|line| line.as_ref().contains(MARK));
    mark.map_or(lines, |mark| &lines[mark..])
}

struct Read {
    lines: Vec<String>,
    /// There is not only nothing now: there will be nothing.
    ended: bool,
}

/// One read gives one record, which may have further lines with details.
fn read_lines(file: &mut File) -> Read {
    let mut lines = Vec::new();
    let mut record = vec![0; RECORD_BYTES];
    while lines.len() < ALL_LINES {
        match file.read(&mut record) {
            Ok(0) => return Read { lines, ended: true },
            Ok(length) => lines.extend(String::from_utf8_lossy(&record[..length]).lines().map(str::to_owned)),
            // Some were overwritten before they were read (EPIPE): go on with the next.
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::BrokenPipe) => {}
            Err(_) => break,
        }
    }
    Read { lines, ended: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_the_last_mark_does_not_count() {
        let mark = format!("12,7,99,-;{MARK}");
        let lines = ["a", &mark, "b", &mark, "c"];
        assert_eq!(since_mark(&lines), [&mark, "c"]);
        assert_eq!(since_mark(&["a", "b"]), ["a", "b"]);
    }
}
