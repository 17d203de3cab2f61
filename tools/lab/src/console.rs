//! The console of a managed system, as the lab sees it: a process of its own that holds the connections to the partitions on
//! the system. It can be killed as any console can; then its partitions' requests fail, and another one takes its place.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lab_guest::channel::Request;
use wire::key::PublicKey;

use crate::agent::Agents;
use crate::error::Error;
use crate::guest::Guests;
use message::{FromConsole, News, ToConsole};
use session::Post;

pub mod adversary;
pub mod key;
pub mod message;
pub mod relay;
pub mod session;

/// A process that was killed is gone by then.
const KILLED_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// The console of one system.
#[derive(Debug)]
pub struct Console {
    post: Post,
    log: PathBuf,
    guests: Arc<Guests>,
    agents: Arc<Agents>,
    running: Mutex<Option<Running>>,
    attached: Mutex<BTreeMap<String, Attachment>>,
    starts: AtomicU32,
    ending: AtomicBool,
    /// No process is to be started for now.
    is_held: AtomicBool,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdin: ChildStdin,
}

#[derive(Debug, Clone)]
struct Attachment {
    socket: PathBuf,
    is_open: bool,
    /// Its number and its agent's key, once that is known.
    pin: Option<(u8, PublicKey)>,
}

impl Attachment {
    /// What a process is told that does not know of the partition.
    fn introduction(&self, lpar: &str) -> impl Iterator<Item = ToConsole> + use<> {
        let attach = ToConsole::Attach { lpar: lpar.to_owned(), socket: self.socket.clone() };
        let lpar = lpar.to_owned();
        std::iter::once(attach).chain(self.pin.map(|(id, key)| ToConsole::Pin { lpar, id, key }))
    }
}

impl Console {
    /// Starts the console at `post`, whose key is made by now.
    pub fn start(post: Post, log: &Path, guests: Arc<Guests>, agents: Arc<Agents>) -> Result<Arc<Self>, Error> {
        let console = Arc::new(Self {
            post,
            log: log.to_owned(),
            guests,
            agents,
            running: Mutex::new(None),
            attached: Mutex::default(),
            starts: AtomicU32::new(0),
            ending: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
        });
        console.launch()?;
        Ok(console)
    }

    fn launch(self: &Arc<Self>) -> Result<(), Error> {
        let failed = |source| Error::io("start the console of", &self.post.system, source);
        let program = std::env::current_exe().map_err(failed)?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log).map_err(failed)?;
        let mut child = Command::new(program)
            .args(["console-process", &self.post.system, "--bridge", &self.post.bridge, "--address"])
            .arg(self.post.address.to_string())
            .arg("--key")
            .arg(&self.post.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(std::io::Error::other("it has no standard input and output")));
        };
        // Who comes or goes meanwhile is told after it knows of all others: neither is missed, and nobody stays who has gone.
        let attached = lock(&self.attached);
        *lock(&self.running) = Some(Running { child, stdin });
        self.starts.fetch_add(1, Ordering::Relaxed);
        let console = Arc::clone(self);
        std::thread::spawn(move || console.listen(stdout));
        let mut known = attached.iter().flat_map(|(lpar, attachment)| attachment.introduction(lpar));
        known.try_for_each(|message| self.tell(&message))
    }

    /// Passes on what the process says, and starts another when it ends.
    fn listen(self: Arc<Self>, stdout: ChildStdout) {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { break };
            match serde_json::from_str(&line) {
                Ok(said) => self.take(said),
                Err(error) => eprintln!("lparlab: console of {}: {error}: {line}", self.post.system),
            }
        }
        if let Some(running) = lock(&self.running).as_mut() {
            // It may have closed its output only: end it, and reap it.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        let lpars: Vec<String> = {
            let mut attached = lock(&self.attached);
            attached.values_mut().for_each(|attachment| attachment.is_open = false);
            attached.keys().cloned().collect()
        };
        let cause = format!("the console of {} died", self.post.system);
        self.guests.give_up(&lpars, &cause);
        self.agents.give_up(&self.post.system, &cause);
        // Last: whoever waits for its end may start another one then.
        *lock(&self.running) = None;
        if self.ending.load(Ordering::Relaxed) || self.is_held.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.launch() {
            eprintln!("lparlab: {error}");
        }
    }

    fn take(&self, said: FromConsole) {
        match said {
            FromConsole::Attached { lpar } => {
                if let Some(attachment) = lock(&self.attached).get_mut(&lpar) {
                    attachment.is_open = true;
                }
            }
            FromConsole::Said { lpar, reply } => self.guests.deliver(&lpar, reply),
            // What a partition that was detached says last is nothing that counts.
            FromConsole::Agent { lpar, news } if lock(&self.attached).contains_key(&lpar) => {
                self.agents.take(&self.post.system, &lpar, news);
            }
            // An answer is for the one who asked, wherever the partition is by now.
            FromConsole::Agent { news: News::Ended { ask, outcome }, .. } => self.agents.end(ask, outcome),
            FromConsole::Agent { .. } => {}
            FromConsole::Lost { lpar, cause } => {
                // A partition that was detached is meant to be lost.
                if let Some(attachment) = lock(&self.attached).get_mut(&lpar) {
                    attachment.is_open = false;
                    eprintln!("lparlab: console of {}: {lpar}: {cause}", self.post.system);
                }
            }
        }
    }

    /// A partition has come to the system.
    pub fn attach(&self, lpar: &str, socket: &Path) -> Result<(), Error> {
        let attachment = Attachment { socket: socket.to_owned(), is_open: false, pin: None };
        let mut attached = lock(&self.attached);
        attached.insert(lpar.to_owned(), attachment);
        self.tell(&ToConsole::Attach { lpar: lpar.to_owned(), socket: socket.to_owned() })
    }

    /// The agent of a partition that is attached proves itself with this key. A process that does not run learns it when it starts.
    pub fn pin(&self, lpar: &str, id: u8, key: PublicKey) -> Result<(), Error> {
        let mut attached = lock(&self.attached);
        match attached.get_mut(lpar) {
            Some(attachment) => attachment.pin = Some((id, key)),
            None => return Err(Error::Refused(format!("{lpar} is not attached to {}", self.post.system))),
        }
        let _ = self.tell(&ToConsole::Pin { lpar: lpar.to_owned(), id, key });
        Ok(())
    }

    /// A partition that is none of the lab's proves itself with this key, as one would that somebody took over.
    pub fn pin_stranger(&self, (name, id): (&str, u8), key: PublicKey) -> Result<(), Error> {
        self.tell(&ToConsole::Pin { lpar: name.to_owned(), id, key })
    }

    /// The name of its managed system.
    pub fn system(&self) -> &str {
        &self.post.system
    }

    /// Asks a partition's agent; see [`Agents`].
    pub(crate) fn ask(
        &self,
        lpar: &str,
        ask: u64,
        request: wire::message::Request,
        patience: Duration,
    ) -> Result<(), Error> {
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        self.tell(&ToConsole::Ask { lpar: lpar.to_owned(), ask, request: Box::new(request), patience_ms })
    }

    /// A partition has left. That the process cannot be told is no matter: a new one will not know of it.
    pub fn detach(&self, lpar: &str) {
        let mut attached = lock(&self.attached);
        attached.remove(lpar);
        let _ = self.tell(&ToConsole::Detach { lpar: lpar.to_owned() });
        drop(attached);
        self.agents.forget(&self.post.system, lpar);
    }

    /// Sends a request to a partition.
    pub(crate) fn send(&self, lpar: &str, request: &Request) -> Result<(), Error> {
        self.tell(&ToConsole::Send { lpar: lpar.to_owned(), request: request.clone() })
    }

    /// Whether the partition's channel is open.
    pub fn is_connected(&self, lpar: &str) -> bool {
        self.is_running() && lock(&self.attached).get(lpar).is_some_and(|attachment| attachment.is_open)
    }

    /// Whether the process runs.
    pub fn is_running(&self) -> bool {
        lock(&self.running).as_mut().is_some_and(|running| matches!(running.child.try_wait(), Ok(None)))
    }

    /// How often a process was started: more than once after a kill.
    pub fn starts(&self) -> u32 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Kills the process. Another one follows.
    pub fn kill(&self) -> Result<(), Error> {
        match lock(&self.running).as_mut() {
            Some(running) => {
                running.child.kill().map_err(|source| Error::io("kill the console of", &self.post.system, source))
            }
            None => Ok(()),
        }
    }

    /// Kills the process, and no other one follows until [`Self::release`]. Comes back when its port is free.
    pub fn hold(&self) -> Result<(), Error> {
        self.is_held.store(true, Ordering::Relaxed);
        self.kill()?;
        let end = Instant::now() + KILLED_DEADLINE;
        while lock(&self.running).is_some() {
            if Instant::now() > end {
                return Err(Error::failed("kill the console of", &self.post.system, "it does not end"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Starts a process again after [`Self::hold`].
    pub fn release(self: &Arc<Self>) -> Result<(), Error> {
        self.is_held.store(false, Ordering::Relaxed);
        self.launch()
    }

    /// Where it sits.
    pub fn post(&self) -> &Post {
        &self.post
    }

    /// What its processes said on standard error.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Ends it for good.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
        // Failing means that it has ended already.
        let _ = self.kill();
    }

    fn tell(&self, message: &ToConsole) -> Result<(), Error> {
        let failed = |cause: String| Error::failed("reach the console of", &self.post.system, cause);
        let mut line = serde_json::to_string(message).map_err(|error| failed(error.to_string()))?;
        line.push('\n');
        let mut running = lock(&self.running);
        let Some(running) = running.as_mut() else {
            return Err(failed("it does not run; the lab is starting another".into()));
        };
        running
            .stdin
            .write_all(line.as_bytes())
            .and_then(|()| running.stdin.flush())
            .map_err(|error| failed(error.to_string()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
