//! Serves the channel: each request in a thread of its own, because a suspend blocks its write for long.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use lab_guest::channel::{
    Action, Answer, Hello, LINE_LIMIT_BYTES, Line, Lines, OUTPUT_LIMIT_BYTES, PROTOCOL, Reply, Request, UNASKED,
    decode, encode,
};
use nix::errno::Errno;

use crate::{exec, tty};

/// Requests at work at the same time; one more is refused, so that a runaway host does not eat the guest's memory.
const AT_WORK_LIMIT: usize = 32;

/// Serves on this terminal until it ends.
pub(crate) fn terminal(device: &Path) -> Result<()> {
    let tty = tty::open_raw(device)?;
    let output = tty.try_clone().context("copy the terminal")?;
    serve(tty, output).with_context(|| format!("serve {}", device.display()))
}

/// One output for all threads.
struct Replies<W> {
    output: Mutex<W>,
    at_work: AtomicUsize,
}

impl<W: Write> Replies<W> {
    fn send(&self, id: u64, answer: Answer) -> io::Result<()> {
        let line = encode(&Reply { id, answer }).map_err(io::Error::other)?;
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.write_all(&line)?;
        output.flush()
    }
}

/// Reads requests and answers them until the input ends.
pub(crate) fn serve(input: impl Read, output: impl Write + Send + 'static) -> Result<()> {
    let replies = Arc::new(Replies { output: Mutex::new(output), at_work: AtomicUsize::new(0) });
    replies.send(UNASKED, hello())?;
    let mut lines = Lines::new(input);
    while let Some(line) = lines.next_line().context("read a request")? {
        match line {
            Line::Text(text) if text.is_empty() => {}
            Line::Text(text) => take(&replies, &text)?,
            Line::TooLong => {
                let message = format!("a line longer than {LINE_LIMIT_BYTES} bytes");
                replies.send(UNASKED, Answer::Failed { errno: Errno::E2BIG as i32, message })?;
            }
        }
    }
    Ok(())
}

fn take<W: Write + Send + 'static>(replies: &Arc<Replies<W>>, line: &[u8]) -> Result<()> {
    let request: Request = match decode(line) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("{:#}", anyhow::Error::from(error));
            return Ok(replies.send(UNASKED, Answer::Failed { errno: Errno::EINVAL as i32, message })?);
        }
    };
    let id = request.id;
    if replies.at_work.fetch_add(1, Ordering::SeqCst) >= AT_WORK_LIMIT {
        replies.at_work.fetch_sub(1, Ordering::SeqCst);
        let message = format!("{AT_WORK_LIMIT} requests are at work; wait for a reply");
        return Ok(replies.send(id, Answer::Failed { errno: Errno::EAGAIN as i32, message })?);
    }
    let shared = Arc::clone(replies);
    let worker = move || {
        let answer = perform(request.action);
        shared.at_work.fetch_sub(1, Ordering::SeqCst);
        if let Err(error) = shared.send(id, answer) {
            eprintln!("lab-guest: reply to request {id}: {error}");
        }
    };
    if let Err(error) = thread::Builder::new().name(format!("request {id}")).spawn(worker) {
        replies.at_work.fetch_sub(1, Ordering::SeqCst);
        replies.send(id, failed("start a thread for request", &id.to_string(), &error))?;
    }
    Ok(())
}

fn perform(action: Action) -> Answer {
    match action {
        Action::Exec { argv, stdin, deadline_ms } => exec::run(&argv, stdin, deadline_ms),
        Action::Write { path, bytes } => write(&path, &bytes),
        Action::Read { path } => read(&path),
        Action::Spawn { argv, log } => spawn(&argv, &log),
        Action::Hello => hello(),
    }
}

/// What the system refused: operation, thing, cause.
pub(crate) fn failed(operation: &str, thing: &str, error: &io::Error) -> Answer {
    let errno = error.raw_os_error().unwrap_or(0);
    let cause = if errno == 0 { error.to_string() } else { Errno::from_raw(errno).desc().to_owned() };
    Answer::Failed { errno, message: format!("{operation} {thing}: {cause}") }
}

fn write(path: &Path, bytes: &[u8]) -> Answer {
    let shown = path.display().to_string();
    let written = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write(bytes));
    match written {
        Ok(count) if count == bytes.len() => Answer::Done,
        Ok(count) => failed("write", &shown, &io::Error::other(format!("took {count} of {} bytes", bytes.len()))),
        Err(error) => failed("write", &shown, &error),
    }
}

fn read(path: &Path) -> Answer {
    let shown = path.display().to_string();
    let mut bytes = Vec::new();
    let limit = OUTPUT_LIMIT_BYTES as u64 + 1;
    match File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() > OUTPUT_LIMIT_BYTES => Answer::Failed {
            errno: Errno::EFBIG as i32,
            message: format!("read {shown}: more than {OUTPUT_LIMIT_BYTES} bytes"),
        },
        Ok(_) => Answer::Bytes(bytes),
        Err(error) => failed("read", &shown, &error),
    }
}

/// Through `session`: only the program itself can leave this one's session, and it must before it runs.
fn spawn(argv: &[String], log: &Path) -> Answer {
    let shown = argv.join(" ");
    let Some(name) = argv.first() else {
        return Answer::Failed { errno: Errno::EINVAL as i32, message: "spawn: no program named".to_owned() };
    };
    if !is_program(name) {
        return failed("spawn", name, &io::Error::from_raw_os_error(Errno::ENOENT as i32));
    }
    let started = OpenOptions::new().create(true).append(true).open(log).and_then(|out| {
        let error_output = out.try_clone()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["session", "--"]).args(argv);
        command.stdin(Stdio::null()).stdout(out).stderr(error_output).spawn()
    });
    match started {
        Ok(mut child) => {
            let pid = child.id();
            // Somebody must wait for it, or it stays as a zombie.
            let reaper = thread::Builder::new().spawn(move || child.wait());
            drop(reaper);
            Answer::Started { pid }
        }
        Err(error) => failed("spawn", &shown, &error),
    }
}

fn is_program(name: &str) -> bool {
    if name.contains('/') {
        return Path::new(name).is_file();
    }
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

fn hello() -> Answer {
    let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    Answer::Hello(Hello {
        protocol: PROTOCOL,
        kernel: line("/proc/sys/kernel/osrelease"),
        boot_id: line("/proc/sys/kernel/random/boot_id"),
        uptime_ms: uptime_ms(&line("/proc/uptime")),
    })
}

/// Of "5.12 9.33".
fn uptime_ms(text: &str) -> u64 {
    let seconds = text.split(' ').next().unwrap_or_default();
    let (whole, hundredths) = seconds.split_once('.').unwrap_or((seconds, "0"));
    whole.parse::<u64>().unwrap_or(0) * 1000 + hundredths.parse::<u64>().unwrap_or(0) * 10
}

#[cfg(test)]
mod tests;
