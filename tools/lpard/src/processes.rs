//! Which programs run, by the name that the kernel has for them.

use sysroot::{Process, Sysroot};

/// A process that runs.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its end can be waited for.
    Held(Process),
    /// The kernel is too old for that (before Linux 5.3), or out of descriptors.
    Seen,
}

/// A process of that name. One that has ended is none, even if nobody has waited for it yet and it still has its name.
pub(crate) fn find(sysroot: &Sysroot, name: &str) -> sysroot::Result<Option<Found>> {
    Ok(numbers(sysroot)?.find_map(|number| hold(sysroot, number, name)))
}

fn hold(sysroot: &Sysroot, number: u32, name: &str) -> Option<Found> {
    if !is_named(sysroot, number, name) {
        return None;
    }
    let Ok(process) = sysroot.process(number) else { return Some(Found::Seen) };
    // The number may have become another process's before it was held; now it cannot any more.
    process.filter(|process| is_named(sysroot, number, name) && !process.has_ended()).map(Found::Held)
}

fn numbers(sysroot: &Sysroot) -> sysroot::Result<impl Iterator<Item = u32>> {
    Ok(sysroot.list_if_present("proc")?.into_iter().filter_map(|entry| entry.parse().ok()))
}

fn is_named(sysroot: &Sysroot, number: u32, name: &str) -> bool {
    sysroot.read_text(format!("proc/{number}/comm")).is_ok_and(|found| found.trim_end() == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::process::{self, Command, Stdio};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    /// On the running system: a shell that calls itself so, until its standard input ends.
    #[test]
    fn a_process_is_found_by_its_name_until_it_has_ended() {
        let sysroot = Sysroot::at("/").unwrap();
        let name = format!("lpard-{}", process::id());
        assert!(find(&sysroot, &name).unwrap().is_none());
        let script = format!("printf {name} >/proc/$$/comm; echo; read line");
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        assert!(is_named(&sysroot, shell.id(), &name));
        let Some(Found::Held(process)) = find(&sysroot, &name).unwrap() else { panic!("its end cannot be waited for") };
        drop(shell.stdin.take());
        poll(&mut [PollFd::new(process.as_fd(), PollFlags::POLLIN)], PollTimeout::from(10_000_u16)).unwrap();
        assert!(process.has_ended() && is_named(&sysroot, shell.id(), &name), "its name is still there");
        assert!(find(&sysroot, &name).unwrap().is_none());
        shell.wait().unwrap();
    }
}
