//! What the consoles know of the agents in the partitions, and asking them: a request goes out through the console of the
//! system that a partition is on, over the session that its agent holds with that console.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use wire::message::inventory::Inventory;
use wire::message::{Answer, Event, Request};

use crate::console::Console;
use crate::console::message::{News, Outcome};
use crate::error::Error;

/// Events that are kept for whoever waits for one.
const KEPT_EVENTS: usize = 256;
/// A console tells the outcome at the end of its patience; then it is on its way.
const OUTCOME_GRACE: Duration = Duration::from_secs(5);

/// What a console knows of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Since when there is a session: milliseconds since the Unix epoch.
    pub active_since_ms: Option<u64>,
    /// Where it called from last.
    pub address: Option<IpAddr>,
    /// Program and version.
    pub agent: String,
    /// When the last heartbeat came: milliseconds since the Unix epoch.
    pub heard_at_ms: Option<u64>,
    /// Why there is no session any more.
    pub lost_because: Option<String>,
    /// What it told last.
    pub inventory: Option<Inventory>,
    /// Whether it told that in the session that there is.
    pub inventory_is_current: bool,
}

impl AgentView {
    /// Whether there is a session.
    pub fn is_active(&self) -> bool {
        self.active_since_ms.is_some()
    }

    /// What is true of the partition now: told in the session that there is.
    pub fn now(&self) -> Option<&Inventory> {
        self.inventory.as_ref().filter(|_| self.inventory_is_current)
    }

    fn take(&mut self, news: &News) {
        match news {
            News::Opened { address, agent } => {
                self.active_since_ms = Some(epoch_ms());
                self.heard_at_ms = self.active_since_ms;
                self.address = Some(*address);
                self.agent.clone_from(agent);
                self.lost_because = None;
                self.inventory_is_current = false;
            }
            News::Closed { cause } => {
                self.active_since_ms = None;
                self.lost_because = Some(cause.clone());
                self.inventory_is_current = false;
            }
            News::Heard => self.heard_at_ms = Some(epoch_ms()),
            News::Inventory(inventory) => {
                self.inventory = Some(inventory.as_ref().clone());
                self.inventory_is_current = self.is_active();
            }
            News::Event(_) | News::Progressed { .. } | News::Ended { .. } => {}
        }
    }
}

/// All agents of a lab.
#[derive(Debug, Default)]
pub struct Agents {
    next_ask: AtomicU64,
    known: Mutex<Known>,
    changed: Condvar,
    waiting: Mutex<HashMap<u64, Asker>>,
}

#[derive(Debug, Default)]
struct Known {
    /// By system and partition: after a migration two consoles know of one agent.
    views: BTreeMap<(String, String), AgentView>,
    events: VecDeque<Heard>,
    heard: u64,
}

/// An event that reached a console.
#[derive(Debug, Clone)]
struct Heard {
    number: u64,
    at: Instant,
    lpar: String,
    event: Event,
}

/// A place among the events: those behind it are new.
#[derive(Debug, Clone, Copy)]
pub struct Bookmark(u64);

#[derive(Debug)]
struct Asker {
    system: String,
    lpar: String,
    answer: SyncSender<Outcome>,
}

/// A question on its way.
#[derive(Debug)]
pub struct Asked {
    answer: Receiver<Outcome>,
    arrived: Option<Outcome>,
}

impl Agents {
    /// What the console of `system` knows of a partition's agent.
    pub fn view(&self, system: &str, lpar: &str) -> AgentView {
        let key = (system.to_owned(), lpar.to_owned());
        lock(&self.known).views.get(&key).cloned().unwrap_or_default()
    }

    /// Waits until the partition has a session with the console of `system`, and has told what it is: as `lspartition` has it.
    pub fn wait_active(&self, system: &str, lpar: &str, deadline: Duration) -> Result<AgentView, Error> {
        let key = (system.to_owned(), lpar.to_owned());
        let found = self.wait_for(deadline, |known| known.views.get(&key).filter(|view| view.now().is_some()).cloned());
        found.ok_or_else(|| {
            let why = self.view(system, lpar).lost_because.unwrap_or_else(|| "it never called".into());
            Error::guest(lpar, "reach its agent", format!("no session with the console of {system}: {why}"))
        })
    }

    /// The end of the events so far.
    pub fn bookmark(&self) -> Bookmark {
        Bookmark(lock(&self.known).heard)
    }

    /// Waits for an event of a partition behind a bookmark, of which and of when it came `pick` makes something; whichever console
    /// hears it.
    pub fn wait_event<T>(
        &self,
        lpar: &str,
        since: Bookmark,
        deadline: Duration,
        pick: impl Fn(&Event, Instant) -> Option<T>,
    ) -> Option<T> {
        self.wait_for(deadline, |known| {
            let new = known.events.iter().filter(|heard| heard.number > since.0);
            new.filter(|heard| heard.lpar == lpar).find_map(|heard| pick(&heard.event, heard.at))
        })
    }

    fn wait_for<T>(&self, deadline: Duration, mut found: impl FnMut(&Known) -> Option<T>) -> Option<T> {
        let end = Instant::now() + deadline;
        let mut known = lock(&self.known);
        loop {
            if let Some(found) = found(&known) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            known = self.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks a partition's agent; the outcome comes within `patience`.
    pub fn begin(&self, console: &Console, lpar: &str, request: Request, patience: Duration) -> Result<Asked, Error> {
        let ask = self.next_ask.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = sync_channel(1);
        let asker = Asker { system: console.system().to_owned(), lpar: lpar.to_owned(), answer: sender };
        lock(&self.waiting).insert(ask, asker);
        let sent = console.ask(lpar, ask, request, patience);
        if sent.is_err() {
            lock(&self.waiting).remove(&ask);
        }
        sent.map(|()| Asked { answer, arrived: None })
    }

    /// Asks a partition's agent and waits for the outcome.
    pub fn ask(&self, console: &Console, lpar: &str, request: Request, patience: Duration) -> Result<Answer, Error> {
        let what = purpose(&request);
        let failed = |cause: String| Error::guest(lpar, what, cause);
        let mut asked = self.begin(console, lpar, request, patience)?;
        match asked.wait(patience + OUTCOME_GRACE) {
            Some(Outcome::Answered(answer)) => Ok(answer.clone()),
            Some(Outcome::Unknown(cause) | Outcome::NotAsked(cause)) => Err(failed(cause.clone())),
            None => Err(failed(format!("no outcome in {patience:?}"))),
        }
    }

    /// Takes what a console tells of a partition.
    pub(crate) fn take(&self, system: &str, lpar: &str, news: News) {
        let mut known = lock(&self.known);
        known.views.entry((system.to_owned(), lpar.to_owned())).or_default().take(&news);
        match news {
            News::Event(event) => {
                known.heard += 1;
                let heard = Heard { number: known.heard, at: Instant::now(), lpar: lpar.to_owned(), event };
                known.events.push_back(heard);
                if known.events.len() > KEPT_EVENTS {
                    known.events.pop_front();
                }
            }
            News::Ended { ask, outcome } => self.end(ask, outcome),
            News::Progressed { text, .. } => eprintln!("lparlab: {lpar}: {text}"),
            News::Opened { .. } | News::Closed { .. } | News::Heard | News::Inventory(_) => {}
        }
        self.changed.notify_all();
    }

    /// Gives an outcome to the one who waits for it.
    pub(crate) fn end(&self, ask: u64, outcome: Outcome) {
        if let Some(asker) = lock(&self.waiting).remove(&ask) {
            // The asker may have given up: then nobody wants the answer.
            let _ = asker.answer.try_send(outcome);
        }
    }

    /// A partition has left a system: what its console knew of it does not count any more.
    pub(crate) fn forget(&self, system: &str, lpar: &str) {
        lock(&self.known).views.remove(&(system.to_owned(), lpar.to_owned()));
        self.abandon("the partition has left the system", |asker| asker.system == system && asker.lpar == lpar);
    }

    /// The console of a system died, and with it all its sessions and questions.
    pub(crate) fn give_up(&self, system: &str, cause: &str) {
        let closed = News::Closed { cause: cause.to_owned() };
        let mut known = lock(&self.known);
        known.views.iter_mut().filter(|((of, _), _)| of == system).for_each(|(_, view)| view.take(&closed));
        drop(known);
        self.abandon(cause, |asker| asker.system == system);
        self.changed.notify_all();
    }

    fn abandon(&self, cause: &str, whose: impl Fn(&Asker) -> bool) {
        lock(&self.waiting).retain(|_, asker| {
            let goes = whose(asker);
            if goes {
                let _ = asker.answer.try_send(Outcome::Unknown(cause.to_owned()));
            }
            !goes
        });
    }
}

impl Asked {
    /// The outcome, if it comes within `deadline`; it stays.
    pub fn wait(&mut self, deadline: Duration) -> Option<&Outcome> {
        if self.arrived.is_none() {
            self.arrived = match self.answer.recv_timeout(deadline) {
                Ok(outcome) => Some(outcome),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Outcome::Unknown("the lab is ending".into())),
            };
        }
        self.arrived.as_ref()
    }

    /// The outcome, if it is there.
    pub fn poll(&mut self) -> Option<&Outcome> {
        self.wait(Duration::ZERO)
    }
}

/// What a request is, for people.
fn purpose(request: &Request) -> &'static str {
    match request {
        Request::Inventory {} => "tell of itself",
        Request::Resize(_) => "resize",
        Request::MigrationCheck(_) => "check whether it can migrate",
        Request::MigrationPrepare(_) => "prepare to migrate",
        Request::MigrationSuspend(_) => "suspend",
        Request::MigrationAbort {} => "abort the migration",
        Request::MigrationUndo {} => "undo the preparation",
        Request::Identity(_) => "take its new identity",
        Request::Shutdown(_) => "shut down",
    }
}

fn epoch_ms() -> u64 {
    let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(epoch.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
