//! Talking to guests over the test channel: requests go out through the console of the system that a partition is on, replies
//! come back through that of the system that it is on by then. They are matched by partition and number, so that the reply to
//! the write that suspended a partition finds its asker although it arrives on another system.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lab_guest::channel::{Action, Answer, Hello, Reply, Request};

use crate::console::Console;
use crate::error::Error;

/// All guests of a lab.
#[derive(Debug, Default)]
pub struct Guests {
    next_id: AtomicU64,
    waiting: Mutex<HashMap<(String, u64), Asker>>,
    greeted: Mutex<HashMap<String, (Instant, Hello)>>,
    greeting: Condvar,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// The partition's system said no: the operation, the thing, the cause.
    #[error("{0}")]
    Refused(String),
    /// The console that the request or its answer goes through died: the partition may do it or not.
    #[error("{0}")]
    ConsoleDied(String),
    /// Nobody waits any more.
    #[error("the lab is ending")]
    Ending,
}

/// Where an answer goes.
type Asker = SyncSender<Result<Answer, Unmet>>;

/// A request on its way.
#[derive(Debug)]
pub struct Pending {
    lpar: String,
    what: String,
    answer: Receiver<Result<Answer, Unmet>>,
    arrived: Option<Result<Answer, Unmet>>,
}

/// How a command in a guest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exited {
    /// Exit status; 128 + signal, 124 at the deadline.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// An output was longer than the channel takes, and is cut.
    pub truncated: bool,
}

impl Guests {
    /// Sends a request through `console`.
    pub fn begin(&self, console: &Console, lpar: &str, action: Action) -> Result<Pending, Error> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let what = describe(&action);
        let (sender, answer) = sync_channel(1);
        lock(&self.waiting).insert((lpar.to_owned(), id), sender);
        let sent = console.send(lpar, &Request { id, action });
        if sent.is_err() {
            lock(&self.waiting).remove(&(lpar.to_owned(), id));
        }
        sent?;
        Ok(Pending { lpar: lpar.to_owned(), what, answer, arrived: None })
    }

    /// Sends a request and waits for its answer.
    pub fn call(&self, console: &Console, lpar: &str, action: Action, deadline: Duration) -> Result<Answer, Error> {
        self.begin(console, lpar, action)?.wait(deadline)
    }

    /// Runs a command in the guest.
    pub fn exec(&self, console: &Console, lpar: &str, argv: &[&str], deadline: Duration) -> Result<Exited, Error> {
        self.run(console, lpar, argv.iter().map(|&word| word.to_owned()).collect(), Vec::new(), deadline)
    }

    /// Runs a command in the guest, with something to read.
    pub fn run(
        &self,
        console: &Console,
        lpar: &str,
        argv: Vec<String>,
        stdin: Vec<u8>,
        deadline: Duration,
    ) -> Result<Exited, Error> {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        let what = argv.join(" ");
        let action = Action::Exec { argv, stdin, deadline_ms };
        // The guest ends the command at the deadline; the answer gets time to come.
        match self.call(console, lpar, action, deadline + ANSWER_GRACE)? {
            Answer::Exited { status, stdout, stderr, truncated } => Ok(Exited { status, stdout, stderr, truncated }),
            other => Err(unexpected(lpar, &what, &other)),
        }
    }

    /// Starts a command in the guest and leaves it running.
    pub fn spawn(&self, console: &Console, lpar: &str, argv: &[&str], log: &str) -> Result<u32, Error> {
        let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
        let what = argv.join(" ");
        match self.call(console, lpar, Action::Spawn { argv, log: log.into() }, QUICK)? {
            Answer::Started { pid } => Ok(pid),
            other => Err(unexpected(lpar, &what, &other)),
        }
    }

    /// Writes a file of the guest with one write(2).
    pub fn write(
        &self,
        console: &Console,
        lpar: &str,
        path: &str,
        bytes: &[u8],
        deadline: Duration,
    ) -> Result<(), Error> {
        match self.try_write(console, lpar, path, bytes, deadline)? {
            None => Ok(()),
            Some(refusal) => Err(Error::guest(lpar, &format!("write {path}"), refusal)),
        }
    }

    /// Writes a file of the guest with one write(2); what its system says against it is an answer, not an error.
    pub fn try_write(
        &self,
        console: &Console,
        lpar: &str,
        path: &str,
        bytes: &[u8],
        deadline: Duration,
    ) -> Result<Option<String>, Error> {
        let what = format!("write {path}");
        match self.begin(console, lpar, write_action(path, bytes))?.outcome(deadline)? {
            Ok(Answer::Done) => Ok(None),
            Ok(other) => Err(unexpected(lpar, &what, &other)),
            Err(Unmet::Refused(refusal)) => Ok(Some(refusal)),
            Err(unmet) => Err(Error::guest(lpar, &what, unmet.to_string())),
        }
    }

    /// Reads a file of the guest.
    pub fn read(&self, console: &Console, lpar: &str, path: &str) -> Result<Vec<u8>, Error> {
        match self.call(console, lpar, Action::Read { path: path.into() }, QUICK)? {
            Answer::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(lpar, &format!("read {path}"), &other)),
        }
    }

    /// What the guest says of itself now.
    pub fn hello(&self, console: &Console, lpar: &str, deadline: Duration) -> Result<Hello, Error> {
        match self.call(console, lpar, Action::Hello, deadline)? {
            Answer::Hello(hello) => Ok(hello),
            other => Err(unexpected(lpar, "hello", &other)),
        }
    }

    /// Waits until the guest has greeted after its start; when, and with what.
    pub fn wait_greeting(&self, lpar: &str, deadline: Duration) -> Result<(Instant, Hello), Error> {
        let end = Instant::now() + deadline;
        let mut greeted = lock(&self.greeted);
        loop {
            if let Some(greeting) = greeted.get(lpar) {
                return Ok(greeting.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::guest(lpar, "wait until it is ready", format!("no word from it in {deadline:?}")));
            }
            greeted = self.greeting.wait_timeout(greeted, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes a reply that a console passed on.
    pub(crate) fn deliver(&self, lpar: &str, reply: Reply) {
        if let (0, Answer::Hello(hello)) = (reply.id, &reply.answer) {
            lock(&self.greeted).insert(lpar.to_owned(), (Instant::now(), hello.clone()));
            self.greeting.notify_all();
            return;
        }
        if let Some(sender) = lock(&self.waiting).remove(&(lpar.to_owned(), reply.id)) {
            // The asker may have given up: then nobody wants the answer.
            let _ = sender.try_send(Ok(reply.answer));
        }
    }

    /// No answer will come to what was asked of these partitions: their console died.
    pub(crate) fn give_up(&self, lpars: &[String], cause: &str) {
        lock(&self.waiting).retain(|(lpar, _), sender| {
            let stays = !lpars.contains(lpar);
            if !stays {
                let _ = sender.try_send(Err(Unmet::ConsoleDied(cause.to_owned())));
            }
            stays
        });
    }
}

/// Time for an answer that only needs a scheduled guest.
pub const QUICK: Duration = Duration::from_secs(60);
/// Time for an answer to arrive after the guest's own deadline.
const ANSWER_GRACE: Duration = Duration::from_secs(20);

impl Pending {
    /// Waits for the answer.
    pub fn wait(mut self, deadline: Duration) -> Result<Answer, Error> {
        let outcome = self.outcome(deadline)?;
        outcome.map_err(|unmet| Error::guest(&self.lpar, &self.what, unmet.to_string()))
    }

    /// Waits for the answer, or the reason why there is none; an error when neither comes.
    fn outcome(&mut self, deadline: Duration) -> Result<Result<Answer, Unmet>, Error> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(outcome) = self.poll_until(end) {
                return Ok(outcome.clone());
            }
            if Instant::now() >= end {
                return Err(Error::guest(&self.lpar, &self.what, format!("no answer in {deadline:?}")));
            }
        }
    }

    /// The answer, if it is there; it stays.
    pub fn poll(&mut self) -> Option<&Result<Answer, Unmet>> {
        self.poll_until(Instant::now())
    }

    fn poll_until(&mut self, end: Instant) -> Option<&Result<Answer, Unmet>> {
        if self.arrived.is_none() {
            self.arrived = match self.answer.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Ok(Answer::Failed { message, .. })) => Some(Err(Unmet::Refused(message))),
                Ok(answer) => Some(answer),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Err(Unmet::Ending)),
            };
        }
        self.arrived.as_ref()
    }
}

/// The request that writes a file with one write(2).
pub fn write_action(path: &str, bytes: &[u8]) -> Action {
    Action::Write { path: path.into(), bytes: bytes.to_vec() }
}

fn unexpected(lpar: &str, what: &str, answer: &Answer) -> Error {
    Error::guest(lpar, what, format!("it answered something else: {answer:?}"))
}

fn describe(action: &Action) -> String {
    match action {
        Action::Hello => "hello".into(),
        Action::Exec { argv, .. } => format!("run {}", argv.join(" ")),
        Action::Spawn { argv, .. } => format!("start {}", argv.join(" ")),
        Action::Write { path, .. } => format!("write {}", path.display()),
        Action::Read { path } => format!("read {}", path.display()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
