//! What a program does not inherit from whoever runs it: a priority higher than that of everybody, and signals that are held back.
//!
//! The agent has both: it goes before what the partition is busy with, and takes its signals from a descriptor. A hook has nothing
//! of that to decide, and what it starts has to be ended by SIGTERM like anything else.

#![allow(
    unsafe_code,
    reason = "neither std nor nix has setpriority(2), and pre_exec is unsafe; the proofs are at the calls"
)]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};

/// The thread that calls, and what it becomes.
const SELF: libc::id_t = 0;
const ORDINARY: libc::c_int = 0;

/// Has the program begin like one that a person starts.
pub(crate) fn ordinary(command: &mut Command) -> &mut Command {
    let none = SigSet::empty();
    // SAFETY: between fork and exec the closure makes at most three system calls, allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&none), None)?;
            at_most_ordinary()
        })
    }
}

/// Lowers the priority of the calling thread to that of everybody, and leaves a lower one.
fn at_most_ordinary() -> io::Result<()> {
    // SAFETY: takes and gives numbers; -1 is an answer as well as an error, which its own thread cannot get.
    if unsafe { libc::getpriority(libc::PRIO_PROCESS, SELF) } >= ORDINARY {
        return Ok(());
    }
    // SAFETY: takes and gives numbers.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, SELF, ORDINARY) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
