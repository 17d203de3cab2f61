//! `lparlab console`: a partition's hvc0 on this terminal, as mkvterm shows it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

/// Control+].
const LEAVE: u8 = 0x1d;

pub(crate) fn run(lab: &Path, lpar: &str) -> anyhow::Result<ExitCode> {
    let status = super::status::ask(lab)?;
    let found = status.lpars.iter().find(|candidate| candidate.name == lpar);
    let found = found.with_context(|| format!("there is no lpar '{lpar}' in this lab"))?;
    // One vterm a partition: QEMU's socket takes a second caller and never answers it.
    let lock = File::options().create(true).truncate(false).write(true).open(lab.join(format!("{lpar}.vterm")))?;
    let _lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
        .map_err(|_| anyhow::anyhow!("a console to {lpar} is open already: one at a time"))?;
    let socket = found.view.sockets.join("console");
    let mut stream =
        UnixStream::connect(&socket).with_context(|| format!("open the console of {lpar}: {}", socket.display()))?;
    eprintln!("vterm for partition {} is active.  Press Control+] to exit.", found.id);
    let raw = RawTerminal::enter()?;
    // Wakes the shell behind it, which prints its prompt.
    let done = join(&mut stream);
    drop(raw);
    eprintln!();
    match done? {
        Ended::Left => Ok(ExitCode::SUCCESS),
        Ended::Closed => {
            eprintln!("the partition has gone: it ended or moved to another system");
            Ok(ExitCode::FAILURE)
        }
    }
}

enum Ended {
    Left,
    Closed,
}

/// Both ways until Control+] or the end of the stream. When standard input ends, what still comes is shown.
fn join(stream: &mut UnixStream) -> anyhow::Result<Ended> {
    let (mut stdin, mut stdout) = (std::io::stdin(), std::io::stdout());
    let mut buffer = [0; 4096];
    let mut has_input = true;
    loop {
        let input = stdin.as_fd();
        let mut ready = vec![PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
        if has_input {
            ready.push(PollFd::new(input, PollFlags::POLLIN));
        }
        poll(&mut ready, PollTimeout::NONE)?;
        let says = |index: usize| ready.get(index).and_then(PollFd::any).unwrap_or(false);
        let (from_stream, from_input) = (says(0), says(1));
        if from_stream {
            match stream.read(&mut buffer)? {
                0 => return Ok(Ended::Closed),
                count => stdout.write_all(&buffer[..count]).and_then(|()| stdout.flush())?,
            }
        }
        if from_input {
            let count = stdin.read(&mut buffer)?;
            let typed = &buffer[..count];
            let leave = typed.iter().position(|&byte| byte == LEAVE);
            stream.write_all(&typed[..leave.unwrap_or(count)])?;
            if leave.is_some() {
                return Ok(Ended::Left);
            }
            has_input = count > 0;
        }
    }
}

/// The terminal passes every key on; its settings come back when this is dropped.
struct RawTerminal(Option<Termios>);

impl RawTerminal {
    fn enter() -> anyhow::Result<Self> {
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Ok(Self(None)) };
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSANOW, &raw).context("set the terminal")?;
        Ok(Self(Some(before)))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // Nothing better can be done with a terminal that has gone.
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
        }
    }
}
