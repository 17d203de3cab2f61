//! Kills a program in the moment in which it opens a file for the nth time.
//!
//! The kernel asks a listener of fanotify(7) before it lets anybody open a file of a directory (`FAN_OPEN_PERM`), and whoever
//! opens it stands still until there is an answer. So the program dies there and nowhere else, by a real SIGKILL: a journal
//! that is opened for each of its lines has all lines before this one and nothing of this one. A watcher that only hears of
//! lines would be late by chance; a limit for the size of files (SIGXFSZ) counts the program's log too.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyResponse, InitFlags, MarkFlags, MaskFlags, Response};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Whom to kill, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct Ambush {
    /// The program: the name that the kernel shows of it.
    #[arg(long)]
    program: String,
    /// The file; also under the temporary name (`.NAME.…`) under which a new one is written.
    #[arg(long)]
    file: PathBuf,
    /// At which opening, from 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    opening: u32,
}

/// Says `waiting` when nobody gets past any more, then `kills …`, and ends.
pub(crate) fn lie_in(ambush: &Ambush) -> Result<()> {
    let (directory, name) = ambush.file.parent().zip(ambush.file.file_name()).context("the file has no directory")?;
    let listener = listen(directory)?;
    println!("waiting");
    let mut left = ambush.opening;
    loop {
        for event in listener.read_events().context("hear of openings")? {
            let Some(file) = event.fd() else { continue };
            let who = Pid::from_raw(event.pid());
            if is_of(file, name) && is_called(who, &ambush.program) {
                left -= 1;
            }
            if left == 0 {
                // First: who finds that the program is dead finds this too.
                println!("kills process {who} at opening {}", ambush.opening);
                return kill(who, Signal::SIGKILL).with_context(|| format!("kill process {who}"));
            }
            let pass = FanotifyResponse::new(file, Response::FAN_ALLOW);
            listener.write_response(pass).context("let an opening pass")?;
        }
    }
}

/// Of the whole directory: a journal that is begun anew is another file.
fn listen(directory: &Path) -> Result<Fanotify> {
    let flags = InitFlags::FAN_CLASS_CONTENT | InitFlags::FAN_CLOEXEC;
    let listener = Fanotify::init(flags, EventFFlags::O_RDONLY).context("listen to openings (fanotify)")?;
    let mask = MaskFlags::FAN_OPEN_PERM | MaskFlags::FAN_EVENT_ON_CHILD;
    let marked = listener.mark(MarkFlags::FAN_MARK_ADD, mask, AT_FDCWD, Some(directory));
    marked.with_context(|| format!("listen to openings in {}", directory.display()))?;
    Ok(listener)
}

/// By the name under which it was opened.
fn is_of(file: BorrowedFd<'_>, name: &OsStr) -> bool {
    let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default();
    is_name_of(&path.file_name().unwrap_or_default().to_string_lossy(), &name.to_string_lossy())
}

/// Whether it is the name of the file, or the temporary one of a file that shall get it.
fn is_name_of(found: &str, name: &str) -> bool {
    let temporary = || found.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.');
    found == name || temporary().is_some()
}

fn is_called(process: Pid, name: &str) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|comm| comm.trim_end() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_and_the_temporary_one() {
        for (found, is_name) in [
            ("dlpar.journal", true),
            (".dlpar.journal.77-0.new", true),
            ("migration.journal", false),
            ("dlpar.journal.old", false),
            (".dlpar.journal2", false),
            ("key", false),
        ] {
            assert_eq!(is_name_of(found, "dlpar.journal"), is_name, "{found}");
        }
    }
}
