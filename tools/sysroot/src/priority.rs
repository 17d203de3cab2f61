//! Programs that are run do not have the caller's priority when it is higher than that of everybody: the agent's is, so that a
//! partition under load is soon back after a migration, and the administrator's hooks have nothing of that to decide.

#![allow(unsafe_code, reason = "neither std nor nix has setpriority(2); the proofs are at the calls")]

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;

/// The thread that calls, and what it becomes.
const SELF: libc::id_t = 0;
const ORDINARY: libc::c_int = 0;

/// Has the program run at ordinary priority, or a lower one that the calling thread has.
pub(crate) fn at_most_ordinary(command: &mut Command) -> &mut Command {
    // SAFETY: takes and gives numbers; -1 is an answer as well as an error, which its own thread cannot get.
    let niceness = unsafe { libc::getpriority(libc::PRIO_PROCESS, SELF) };
    if niceness >= ORDINARY {
        return command;
    }
    // SAFETY: between fork and exec the closure makes one system call, allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| {
            if libc::setpriority(libc::PRIO_PROCESS, SELF, ORDINARY) == 0 {
                Ok(())
            } else {
                Err(io::Error::last_os_error())
            }
        })
    }
}
