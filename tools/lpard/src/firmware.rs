//! What firmware reports (RTAS events): where it is read, and what becomes of it.
//!
//! # Theory of operation
//!
//! Reading `/proc/ppc64/rtas/error_log` takes an event away from whoever else would read it. `rtas_errd` reads it where it
//! runs, and writes each event to its log (`/var/log/platform`). So there are two sources:
//!
//! ```text
//!                       .---- an event waits, or the log grew; rtas_errd is found ----.
//!                       |                                                              v
//!   kernel: waits for error_log and the log                    rtas_errd: waits for the log and for its end
//!                       ^                                                              |
//!                       '---- it ended, and no other one is found ---------------------'
//! ```
//!
//! - Whether it runs is asked before each reading of the kernel's file, which wakes it and us at once. One that starts in the
//!   moment between that question and the reading cannot be excluded: it may miss that one event.
//! - The log is always read on from where it was read to, whoever is the source. So an event is not lost that an `rtas_errd`
//!   took before we noticed it, nor one that it wrote before it ended.
//! - When it starts, it copies to its log what it finds in the system's log and not in its own, and that may be events that we
//!   took (ppc64-diag, `rtas_errd/update.c`; the kernel prints whole events with `rtasmsgs=on`). They are known by their number.

mod daemon;
mod error_log;
mod platform_log;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::Path;

use platform::rtas::event::{Event, Kind, Severity};
use serde::Serialize;
use sysroot::Sysroot;
use wire::message::event::FirmwareEvent;
use wire::message::inventory::HealthState;

use crate::hooks::{Fact, Occasion, Point};
use crate::log::{Entry, Level};

use daemon::Daemon;
use error_log::ErrorLog;
use platform_log::PlatformLog;

/// So many numbers of events are remembered that were taken from the kernel. The kernel keeps 64 events.
const REMEMBERED: usize = 1024;

/// An event with the kernel's number of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reported {
    /// Counted by the kernel, from the boot.
    pub(crate) number: Option<u64>,
    /// What happened.
    pub(crate) sentence: String,
    /// Everything that was decoded.
    pub(crate) event: Event,
}

impl Reported {
    fn new(number: Option<u64>, event: Event) -> Self {
        Self { number, sentence: event.sentence(), event }
    }

    /// In a word.
    fn kind(&self) -> &'static str {
        match self.event.header.kind {
            Kind::Epow => "epow",
            Kind::Hotplug => "hotplug",
            Kind::Io => "io",
            Kind::Reassignment => "reassignment",
            Kind::Dump => "dump",
            Kind::Deallocation => "deallocation",
            Kind::PlatformError | Kind::PlatformInformation | Kind::Internal(_) | Kind::Other(_) => "platform",
        }
    }

    fn severity(&self) -> HealthState {
        match self.event.header.severity {
            Severity::NoError | Severity::Event | Severity::AlreadyReported | Severity::Reserved => HealthState::Ok,
            Severity::Warning => HealthState::Warning,
            Severity::ErrorSync | Severity::Error | Severity::Fatal => HealthState::Failed,
        }
    }

    /// For consoles.
    pub(crate) fn told(&self) -> FirmwareEvent {
        FirmwareEvent { kind: self.kind().into(), severity: self.severity(), text: self.sentence.clone() }
    }

    /// For the log.
    pub(crate) fn entry(&self) -> Entry {
        let level = match self.severity() {
            HealthState::Ok => Level::Notice,
            HealthState::Warning => Level::Warning,
            HealthState::Failed => Level::Error,
        };
        let number = self.number.map(|number| number.to_string()).unwrap_or_default();
        let details = serde_json::to_string(&self.event).unwrap_or_default();
        let entry = Entry::new(level, format_args!("firmware: {}", self.sentence));
        entry.field("LPARD_EVENT", self.kind()).field("LPARD_EVENT_NUMBER", number).field("LPARD_EVENT_JSON", details)
    }

    /// For hooks.
    pub(crate) fn occasion(&self) -> Occasion {
        let occasion = Occasion::new(Point::Event).with(Fact::Kind, self.kind()).with(Fact::Text, &self.sentence);
        occasion.with_details(serde_json::to_value(&self.event).unwrap_or_default())
    }
}

/// The events of this machine: where they come from, and the last of them.
#[derive(Debug)]
pub(crate) struct Firmware {
    /// None where there is no `/var/log`.
    log: Option<PlatformLog>,
    /// None where there is no partition, or no right to.
    kernel: Option<ErrorLog>,
    /// Who reads the kernel's file, so that we do not.
    daemon: Option<Daemon>,
    /// The numbers of events that we took from the kernel.
    taken: BTreeSet<u64>,
    kept: VecDeque<Reported>,
    keep: usize,
}

impl Firmware {
    /// Finds out where to read them, and keeps so many.
    pub(crate) fn open(root: &Path, sysroot: &Sysroot, keep: usize) -> Self {
        Self {
            // First: what is written from here on is news.
            log: PlatformLog::follow(root, sysroot),
            kernel: ErrorLog::open(sysroot),
            daemon: Daemon::find(sysroot),
            taken: BTreeSet::new(),
            kept: VecDeque::new(),
            keep,
        }
    }

    /// Keeps so many from now on.
    pub(crate) fn keep(&mut self, keep: usize) {
        self.keep = keep;
        self.drop_oldest();
    }

    /// What to wait for.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let log = self.log.as_ref().map(PlatformLog::socket);
        let other = match &self.daemon {
            Some(daemon) => daemon.end(),
            None => self.kernel.as_ref().map(ErrorLog::socket),
        };
        log.into_iter().chain(other)
    }

    /// Reads what came.
    pub(crate) fn look(&mut self, sysroot: &Sysroot) -> Vec<Reported> {
        if !self.daemon.as_ref().is_some_and(Daemon::surely_runs) {
            self.daemon = Daemon::find(sysroot);
        }
        // After that: an rtas_errd that is gone has written what it had to. Before the kernel: what waits there is later.
        let mut reported = self.log.as_mut().map(|log| log.read(sysroot)).unwrap_or_default();
        reported.retain(|event| event.number.is_none_or(|number| !self.taken.contains(&number)));
        if self.daemon.is_none() {
            reported.extend(self.take());
        }
        self.kept.extend(reported.iter().cloned());
        self.drop_oldest();
        reported
    }

    /// Takes what waits in the kernel, where nobody else would.
    fn take(&mut self) -> Vec<Reported> {
        let Some(taken) = self.kernel.as_mut().map(ErrorLog::read) else { return Vec::new() };
        if taken.is_none() {
            // What is at its end says for ever that it is ready.
            self.kernel = None;
        }
        let taken = taken.unwrap_or_default();
        self.taken.extend(taken.iter().filter_map(|event| event.number));
        while self.taken.len() > REMEMBERED {
            self.taken.pop_first();
        }
        taken
    }

    fn drop_oldest(&mut self) {
        self.kept.drain(..self.kept.len().saturating_sub(self.keep));
    }

    /// The last ones, the oldest first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Reported> {
        self.kept.iter()
    }
}

/// Where events come from, for people.
impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self { daemon: Some(_), log: Some(_), .. } => "the log of rtas_errd",
            Self { daemon: None, kernel: Some(_), .. } => "the kernel",
            _ => "nowhere",
        })
    }
}

#[cfg(test)]
mod tests;
