//! Processes of others: to learn when one ends, without asking again and again.

#![allow(unsafe_code, reason = "neither std nor nix has pidfd_open(2); the proof is at the call")]

use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Operation};
use crate::{Result, Sysroot};

/// A process, as long as this is held: another one that gets its number later is not taken for it. It is ready to read when
/// the process has ended.
#[derive(Debug)]
pub struct Process(OwnedFd);

impl Process {
    /// Whether it has ended; one that nobody has waited for yet has too.
    pub fn has_ended(&self) -> bool {
        let mut sockets = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut sockets, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Sysroot {
    /// The process of a number (Linux 5.3); none when there is none. In a recorded machine too: a test may have one.
    pub fn process(&self, number: u32) -> Result<Option<Process>> {
        match open(number) {
            Ok(opened) => Ok(Some(Process(opened))),
            Err(Errno::ESRCH) => Ok(None),
            Err(error) => Err(Error::because(Operation::Open, &PathBuf::from(format!("proc/{number}")))(error)),
        }
    }
}

fn open(number: u32) -> nix::Result<OwnedFd> {
    let number = libc::pid_t::try_from(number).map_err(|_| Errno::ESRCH)?;
    let no_flags: libc::c_uint = 0;
    // SAFETY: takes two numbers and gives one; the kernel reads and writes no memory of ours.
    let opened = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, number, no_flags) })?;
    let opened = RawFd::try_from(opened).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just made this descriptor, for nobody but us; it is closed at exec.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}
