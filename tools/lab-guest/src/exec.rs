//! Runs a program to its end, the end of its outputs, or its deadline.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lab_guest::channel::{Answer, OUTPUT_LIMIT_BYTES, STATUS_DEADLINE};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::serve::failed;

/// How long the outputs of a killed group may take to end: a process that left the group can hold them open for ever.
const AFTER_KILL: Duration = Duration::from_secs(2);

/// What a thread of a running program has seen.
enum Seen {
    Exit(io::Result<ExitStatus>),
    OutputEnd,
}

/// The beginning of an output, and whether there was more.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

type Shared = Arc<Mutex<Kept>>;

/// Runs it in a process group of its own.
pub(crate) fn run(argv: &[String], stdin: Vec<u8>, deadline_ms: u64) -> Answer {
    let Some((name, arguments)) = argv.split_first() else {
        return Answer::Failed { errno: Errno::EINVAL as i32, message: "exec: no program named".to_owned() };
    };
    let mut command = Command::new(name);
    command.args(arguments).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn().and_then(|child| watch(child, stdin, Duration::from_millis(deadline_ms))) {
        Ok(answer) => answer,
        Err(error) => failed("exec", name, &error),
    }
}

fn watch(mut child: Child, stdin: Vec<u8>, allowed: Duration) -> io::Result<Answer> {
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let (sender, seen) = mpsc::channel();
    if let Some(mut pipe) = child.stdin.take() {
        // A program need not read what it is given.
        thread::Builder::new().spawn(move || drop(pipe.write_all(&stdin)))?;
    }
    let stdout = keep(child.stdout.take(), sender.clone())?;
    let stderr = keep(child.stderr.take(), sender.clone())?;
    thread::Builder::new().spawn(move || sender.send(Seen::Exit(child.wait())))?;

    let mut progress = Progress { exit: None, open_outputs: 2 };
    // A day and a century are the same to a test; adding them to the clock is not.
    let deadline = Instant::now() + allowed.min(Duration::from_secs(24 * 3600));
    let in_time = progress.follow(&seen, deadline)?;
    if !in_time {
        // The group may have gone just now.
        let _ = killpg(group, Signal::SIGKILL);
    }
    let status = match progress.exit {
        Some(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        None => STATUS_DEADLINE,
    };
    if !in_time {
        progress.follow(&seen, Instant::now() + AFTER_KILL)?;
    }
    let (stdout, stderr) = (taken(&stdout), taken(&stderr));
    let truncated = stdout.cut || stderr.cut;
    Ok(Answer::Exited { status, stdout: stdout.bytes, stderr: stderr.bytes, truncated })
}

/// What has ended so far.
struct Progress {
    exit: Option<ExitStatus>,
    open_outputs: u32,
}

impl Progress {
    /// True when the program and both outputs have ended before the deadline.
    fn follow(&mut self, seen: &Receiver<Seen>, deadline: Instant) -> io::Result<bool> {
        while self.exit.is_none() || self.open_outputs > 0 {
            match seen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Seen::Exit(status)) => self.exit = Some(status?),
                Ok(Seen::OutputEnd) => self.open_outputs -= 1,
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// Reads an output to its end in a thread and keeps its beginning.
fn keep(output: Option<impl Read + Send + 'static>, seen: Sender<Seen>) -> io::Result<Shared> {
    let kept = Shared::default();
    let shared = Arc::clone(&kept);
    thread::Builder::new().spawn(move || {
        if let Some(mut output) = output {
            let mut block = [0; 8192];
            while let Ok(count) = output.read(&mut block) {
                if count == 0 {
                    break;
                }
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let room = OUTPUT_LIMIT_BYTES - kept.bytes.len();
                kept.cut |= count > room;
                kept.bytes.extend_from_slice(&block[..count.min(room)]);
            }
        }
        seen.send(Seen::OutputEnd)
    })?;
    Ok(kept)
}

fn taken(kept: &Shared) -> Kept {
    std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner))
}
