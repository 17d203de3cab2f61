//! Children of the first process: the console's shell, the channel's server and where there is one lparkit's agent are started
//! again when they end; every other process whose parent is gone is reaped.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A child that ends is not started again sooner than this after its start, so that a broken one does not eat a CPU.
const BETWEEN_STARTS: Duration = Duration::from_secs(1);

/// How the guest ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    PowerOff,
    Restart,
}

/// What busybox's poweroff, halt and reboot send to process 1.
fn end_of(signal: Signal) -> Option<End> {
    match signal {
        Signal::SIGTERM | Signal::SIGUSR1 | Signal::SIGUSR2 => Some(End::PowerOff),
        Signal::SIGINT => Some(End::Restart),
        _ => None,
    }
}

/// The agent. Only some images have it, and it starts when the lab has enrolled the partition: its key is written last.
const AGENT: &str = "/usr/sbin/lpard";
/// Starts it with the priority that it has by its systemd unit. Debian's busybox has no nice(1).
const AGENT_START: (&str, &[&str]) = ("/bin/sh", &["-c", "renice -n -10 -p $$; exec \"$0\"", AGENT]);
const AGENT_KEY: &str = "/var/lib/lparkit/key";
const AGENT_LOG: &str = "/var/log/lpard.log";

/// A child that is kept.
struct Kept {
    program: &'static str,
    arguments: &'static [&'static str],
    /// It is not started before this is there.
    needs: &'static str,
    /// Where it writes what it says, if not on the console.
    log: Option<&'static str>,
    started: Option<Instant>,
    pid: Option<Pid>,
}

/// The kept ones, in the order in which they are started: the channel's hello says that the guest is up.
pub(crate) struct Children {
    kept: Vec<Kept>,
}

impl Children {
    pub(crate) fn begin() -> Self {
        let ours = |needs, arguments| Kept { program: "/init", arguments, needs, log: None, started: None, pid: None };
        let mut kept = vec![
            ours("/dev/hvc0", &["session", "--tty", "/dev/hvc0", "--", "-/bin/sh"]),
            ours("/dev/hvc1", &["channel", "/dev/hvc1"]),
        ];
        if Path::new(AGENT).exists() {
            let (program, arguments) = AGENT_START;
            kept.push(Kept { program, log: Some(AGENT_LOG), ..ours(AGENT_KEY, arguments) });
        }
        Self { kept }
    }

    /// Until a signal ends the guest.
    pub(crate) fn keep_running(mut self) -> End {
        let set: SigSet =
            [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1, Signal::SIGUSR2].into_iter().collect();
        // Blocked first, so that no signal falls between. Children inherit the mask; `main` clears theirs.
        if let Err(error) = set.thread_block() {
            eprintln!("init: block signals: {error}");
        }
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        loop {
            // First: whoever has just ended is due, and nothing else might wake this loop for it.
            self.reap();
            let wait = self.start_due();
            match &signals {
                Ok(signals) => {
                    if let Some(end) = next_end(signals, wait) {
                        return end;
                    }
                }
                Err(error) => {
                    eprintln!("init: no signals, so no orderly end: {error}");
                    std::thread::sleep(BETWEEN_STARTS);
                }
            }
        }
    }

    /// Starts who is due; the time until the next one is. What one still needs is looked for once a second.
    fn start_due(&mut self) -> Option<Duration> {
        let mut next = None;
        for kept in self.kept.iter_mut().filter(|kept| kept.pid.is_none()) {
            if !Path::new(kept.needs).exists() {
                next = Some(BETWEEN_STARTS);
                continue;
            }
            let wait = kept.started.map_or(Duration::ZERO, |started| BETWEEN_STARTS.saturating_sub(started.elapsed()));
            if wait.is_zero() {
                kept.start();
            }
            if kept.pid.is_none() {
                let wait = if wait.is_zero() { BETWEEN_STARTS } else { wait };
                next = Some(next.map_or(wait, |earlier: Duration| earlier.min(wait)));
            }
        }
        next
    }

    /// All that have ended.
    fn reap(&mut self) {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(status) => {
                    let Some(pid) = status.pid() else { return };
                    for kept in self.kept.iter_mut().filter(|kept| kept.pid == Some(pid)) {
                        kept.pid = None;
                    }
                }
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl Kept {
    fn start(&mut self) {
        self.started = Some(Instant::now());
        let mut command = Command::new(self.program);
        if let Some(log) = self.log.and_then(|path| File::options().create(true).append(true).open(path).ok()) {
            command.stderr(log);
        }
        command.args(self.arguments).current_dir("/root").env_clear();
        command.envs([
            ("HOME", "/root"),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            ("TERM", "vt220"),
            ("USER", "root"),
        ]);
        match command.spawn() {
            Ok(child) => self.pid = i32::try_from(child.id()).ok().map(Pid::from_raw),
            Err(error) => eprintln!("init: start {} {:?}: {error}", self.program, self.arguments),
        }
    }
}

/// Waits for a signal; the end that one of those that came asks for.
fn next_end(signals: &SignalFd, wait: Option<Duration>) -> Option<End> {
    let timeout = wait.map_or(PollTimeout::NONE, |wait| PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX));
    // Interrupted or timed out: the caller looks at its children again.
    let _ = poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout);
    let mut end = None;
    while let Ok(Some(info)) = signals.read_signal() {
        let signal = i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok());
        end = end.or(signal.and_then(end_of));
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_end_the_guest_as_busybox_means_them() {
        for (signal, end) in [
            (Signal::SIGUSR2, Some(End::PowerOff)),
            (Signal::SIGTERM, Some(End::PowerOff)),
            (Signal::SIGINT, Some(End::Restart)),
            (Signal::SIGCHLD, None),
        ] {
            assert_eq!(end_of(signal), end);
        }
    }
}
