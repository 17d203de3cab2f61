//! `/proc/ppc64/rtas/error_log`: each read takes one event, with the kernel's number before it.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd};

use platform::rtas::event::decode_record;
use sysroot::Sysroot;

use super::Reported;

const PATHS: [&str; 2] = ["proc/powerpc/rtas/error_log", "proc/ppc64/rtas/error_log"];

/// The kernel refuses a buffer that is too small; what it has is 2052 bytes at most (Linux, arch/powerpc/kernel/rtasd.c).
const RECORD_BYTES: usize = 4096;

/// The file.
#[derive(Debug)]
pub(super) struct ErrorLog {
    file: File,
}

impl ErrorLog {
    pub(super) fn open(sysroot: &Sysroot) -> Option<Self> {
        PATHS.into_iter().find_map(|path| sysroot.open_stream(path).ok()).map(|file| Self { file })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// All events that wait; none at the end of a file, which the kernel's does not have. What cannot be decoded is no event.
    pub(super) fn read(&mut self) -> Option<Vec<Reported>> {
        let mut reported = Vec::new();
        let mut record = [0; RECORD_BYTES];
        loop {
            match self.file.read(&mut record) {
                Ok(0) if reported.is_empty() => return None,
                Ok(0) | Err(_) => return Some(reported),
                Ok(length) => {
                    let decoded = decode_record(&record[..length]);
                    reported.extend(decoded.ok().map(|(number, event)| Reported::new(Some(number.into()), event)));
                }
            }
        }
    }
}
