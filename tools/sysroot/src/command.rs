//! Running a program: an argument vector, a clean environment, a process group of its own, a deadline, bounded output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::child::ordinary;
use crate::error::{Error, Operation};
use crate::{Result, Sysroot};

/// The most that is kept of each of a program's two outputs; the rest is read and dropped, so that the program can end.
const OUTPUT_LIMIT_BYTES: usize = 64 << 10;

/// How often a running program is looked at: one that leaves its outputs open to a child gives no event when it ends.
const LOOK_MS: u8 = 20;

/// The same when all its pipes are closed: it is about to end.
const ENDING_MS: u8 = 1;

/// The most that is heard in one go from one output, so that one that never stops cannot outrun its deadline.
const PIECES: usize = 64;

/// What a recorded machine answers from, and where it notes what was run.
const RECORDED_ANSWERS: &str = "commands";

/// A program to run. The path is relative to the root, as every path here; there is no search and no shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// For example `usr/sbin/modprobe`.
    pub path: PathBuf,
    /// Without the program's own name.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: BTreeMap<String, OsString>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// How long it may run; then its process group is killed.
    pub deadline: Duration,
}

impl Program {
    /// A program without arguments, environment and input.
    pub fn new(path: impl Into<PathBuf>, deadline: Duration) -> Self {
        let (arguments, environment, input) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { path: path.into(), arguments, environment, input, deadline }
    }

    /// The same with one more argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }
}

/// How a program ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// The beginning of its standard output.
    pub output: Vec<u8>,
    /// The beginning of its standard error.
    pub errors: Vec<u8>,
    /// Whether it said more than is kept.
    pub truncated: bool,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// It was still running at its deadline and was killed with its process group.
    DeadlinePassed,
}

impl Outcome {
    /// Exit status 0 within the deadline.
    pub fn succeeded(&self) -> bool {
        self.ended == Ended::Exited(0)
    }
}

impl Sysroot {
    /// Runs a program to its end or its deadline. In a recorded machine nothing runs: the answer is read from `commands/`.
    pub fn run(&self, program: &Program) -> Result<Outcome> {
        match &self.programs {
            Some(root) => run_live(root, program).map_err(Error::because(Operation::Run, &program.path)),
            None => self.recorded_answer(program),
        }
    }

    /// `commands/modprobe+rpadlpar_io.status` (a number), `.stdout` and `.stderr`; what is absent is 0 or empty, but one of
    /// the three has to be there. What was asked is noted in `commands/asked`.
    fn recorded_answer(&self, program: &Program) -> Result<Outcome> {
        let name = recorded_name(program);
        let part = |part: &str| self.read_bytes_if_present(Path::new(RECORDED_ANSWERS).join(format!("{name}.{part}")));
        let (status, output, errors) = (part("status")?, part("stdout")?, part("stderr")?);
        if status.is_none() && output.is_none() && errors.is_none() {
            let wanted = Path::new(RECORDED_ANSWERS).join(format!("{name}.status"));
            return Err(Error::NotRecorded { operation: Operation::Run, path: program.path.clone(), wanted });
        }
        self.append_log_line(Path::new(RECORDED_ANSWERS).join("asked"), &name)?;
        let status = status.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok()).unwrap_or(0);
        let (output, errors) = (output.unwrap_or_default(), errors.unwrap_or_default());
        Ok(Outcome { ended: Ended::Exited(status), output, errors, truncated: false })
    }
}

/// The program's name and its arguments, joined by `+`; a file name can have no `/`.
fn recorded_name(program: &Program) -> String {
    let name = program.path.file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(program.arguments.iter().map(OsString::as_os_str));
    words.map(|word| word.to_string_lossy().replace(['/', '\n'], "_")).collect::<Vec<_>>().join("+")
}

fn run_live(root: &Path, program: &Program) -> io::Result<Outcome> {
    let mut command = Command::new(root.join(&program.path));
    let mut child = ordinary(&mut command)
        .args(&program.arguments)
        .env_clear()
        .envs(&program.environment)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let conversation = Conversation::with(&mut child, &program.input);
    let talked = conversation.and_then(|mut conversation| {
        let status = conversation.until_end(&mut child, program.deadline)?;
        Ok((status, conversation))
    });
    if !matches!(talked, Ok((Some(_), _))) {
        kill_group(&child);
        child.wait()?;
    }
    let (status, conversation) = talked?;
    let truncated = conversation.output.truncated || conversation.errors.truncated;
    let ended = status.map_or(Ended::DeadlinePassed, how_it_ended);
    Ok(Outcome { ended, output: conversation.output.kept, errors: conversation.errors.kept, truncated })
}

fn how_it_ended(status: ExitStatus) -> Ended {
    match status.code() {
        Some(code) => Ended::Exited(code),
        None => Ended::Signalled(status.signal().unwrap_or_default()),
    }
}

/// Kills the program and all it has started. It is not yet waited for, so its number cannot be another's.
fn kill_group(child: &Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // An error means that there is nobody left.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// The three pipes of a running program.
struct Conversation<'a> {
    input: Option<File>,
    unsent: &'a [u8],
    output: Heard,
    errors: Heard,
}

impl<'a> Conversation<'a> {
    fn with(child: &mut Child, input: &'a [u8]) -> io::Result<Self> {
        Ok(Self {
            input: non_blocking(child.stdin.take().map(OwnedFd::from))?,
            unsent: input,
            output: Heard::from(non_blocking(child.stdout.take().map(OwnedFd::from))?),
            errors: Heard::from(non_blocking(child.stderr.take().map(OwnedFd::from))?),
        })
    }

    /// Talks until the program has ended; `None` when the deadline came first.
    fn until_end(&mut self, child: &mut Child, deadline: Duration) -> io::Result<Option<ExitStatus>> {
        let began = Instant::now();
        loop {
            let status = child.try_wait()?;
            // After the end too: what it said last is still in the pipes.
            self.send();
            self.output.listen();
            self.errors.listen();
            if status.is_some() {
                return Ok(status);
            }
            if began.elapsed() >= deadline {
                return Ok(None);
            }
            self.wait_for_event()?;
        }
    }

    /// Waits for a pipe that has or takes something, or a short while.
    fn wait_for_event(&self) -> io::Result<()> {
        let watched = [
            (self.input.as_ref(), PollFlags::POLLOUT),
            (self.output.pipe.as_ref(), PollFlags::POLLIN),
            (self.errors.pipe.as_ref(), PollFlags::POLLIN),
        ];
        let mut pipes: Vec<PollFd<'_>> =
            watched.into_iter().filter_map(|(file, flags)| Some(PollFd::new(file?.as_fd(), flags))).collect();
        let patience = if pipes.is_empty() { ENDING_MS } else { LOOK_MS };
        match poll(&mut pipes, PollTimeout::from(patience)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the program as much input as its pipe takes.
    fn send(&mut self) {
        let Some(pipe) = &mut self.input else { return };
        while !self.unsent.is_empty() {
            match pipe.write(self.unsent) {
                Ok(sent) => self.unsent = &self.unsent[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break, // it does not want to hear more
            }
        }
        self.input = None; // the program sees the end of its input
    }
}

/// One output of the program.
#[derive(Default)]
struct Heard {
    pipe: Option<File>,
    kept: Vec<u8>,
    truncated: bool,
}

impl From<Option<File>> for Heard {
    fn from(pipe: Option<File>) -> Self {
        Self { pipe, ..Self::default() }
    }
}

impl Heard {
    /// Takes what is there now.
    fn listen(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut piece = [0; 4096];
        for _ in 0..PIECES {
            match pipe.read(&mut piece) {
                Ok(0) => {
                    self.pipe = None;
                    return;
                }
                Ok(length) => {
                    let room = OUTPUT_LIMIT_BYTES - self.kept.len();
                    self.kept.extend_from_slice(&piece[..length.min(room)]);
                    self.truncated |= length > room;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.pipe = None;
                    return;
                }
            }
        }
    }
}

fn non_blocking(pipe: Option<OwnedFd>) -> io::Result<Option<File>> {
    let Some(pipe) = pipe else { return Ok(None) };
    let flags = OFlag::from_bits_truncate(fcntl(&pipe, FcntlArg::F_GETFL)?);
    fcntl(&pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(Some(File::from(pipe)))
}
