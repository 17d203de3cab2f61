//! What firmware reports (RTAS events): where it is read, and what becomes of it.
//!
//! Reading `/proc/ppc64/rtas/error_log` takes an event away from whoever else would read it. So where `rtas_errd` runs,
//! its log (`/var/log/platform`) is followed instead; that it runs is asked again before each reading, because it may be
//! started at any time.

mod error_log;
mod platform_log;

use std::collections::VecDeque;
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

use error_log::ErrorLog;
use platform_log::PlatformLog;

/// The daemon that reads the events on a system with ppc64-diag.
const RTAS_ERRD: &str = "rtas_errd";

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

/// Where events are read.
#[derive(Debug)]
enum Source {
    /// Nowhere: no partition, or no right to.
    None,
    /// From the kernel.
    Kernel(ErrorLog),
    /// From rtas_errd's log.
    Daemon(PlatformLog),
}

/// The events of this machine: where they come from, and the last of them.
#[derive(Debug)]
pub(crate) struct Firmware {
    source: Source,
    kept: VecDeque<Reported>,
    keep: usize,
}

impl Firmware {
    /// Finds out where to read them, and keeps so many.
    pub(crate) fn open(root: &Path, sysroot: &Sysroot, keep: usize) -> Self {
        Self { source: source(root, sysroot), kept: VecDeque::new(), keep }
    }

    /// Keeps so many from now on.
    pub(crate) fn keep(&mut self, keep: usize) {
        self.keep = keep;
        self.drop_oldest();
    }

    /// What to wait for.
    pub(crate) fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.source {
            Source::None => None,
            Source::Kernel(log) => Some(log.socket()),
            Source::Daemon(log) => Some(log.socket()),
        }
    }

    /// Reads what came.
    pub(crate) fn look(&mut self, root: &Path, sysroot: &Sysroot) -> Vec<Reported> {
        let reported = match &mut self.source {
            Source::None => Vec::new(),
            Source::Kernel(_) if is_read_by_daemon(sysroot) => {
                self.source = source(root, sysroot);
                Vec::new()
            }
            Source::Kernel(log) => {
                let read = log.read();
                if read.is_none() {
                    // What is at its end says for ever that it is ready.
                    self.source = Source::None;
                }
                read.unwrap_or_default()
            }
            Source::Daemon(log) => log.read(sysroot),
        };
        for event in &reported {
            self.kept.push_back(event.clone());
        }
        self.drop_oldest();
        reported
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
        f.write_str(match self.source {
            Source::None => "nowhere",
            Source::Kernel(_) => "the kernel",
            Source::Daemon(_) => "the log of rtas_errd",
        })
    }
}

fn is_read_by_daemon(sysroot: &Sysroot) -> bool {
    crate::processes::is_running(sysroot, RTAS_ERRD).unwrap_or(false)
}

fn source(root: &Path, sysroot: &Sysroot) -> Source {
    if is_read_by_daemon(sysroot) {
        return PlatformLog::follow(root, sysroot).map_or(Source::None, Source::Daemon);
    }
    ErrorLog::open(sysroot).map_or(Source::None, Source::Kernel)
}

#[cfg(test)]
mod tests;
