//! A partition: its QEMU when it runs, and what anybody may know of it at any time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::migration::phase::Phase;
use crate::qemu::Qemu;
use crate::qmp::Qmp;
use crate::scenario::Lpar;

/// A partition of the lab.
#[derive(Debug)]
pub struct Partition {
    /// What the scenario says of it.
    pub spec: Lpar,
    body: Mutex<Option<Body>>,
    view: Mutex<View>,
    stop: AtomicBool,
}

/// The running partition. Whoever changes it holds it: one operation at a time.
#[derive(Debug)]
pub struct Body {
    /// Index of the system that it is on.
    pub system: usize,
    /// The process.
    pub qemu: Qemu,
    /// Its monitor.
    pub qmp: Qmp,
    /// Cores that it has given back. QEMU still has them: under TCG it never gives back what a core's thread took, and ends
    /// when more threads than `max_cpus` were started. So they wait there until they are wanted again, as in PowerVM's pool.
    pub released_cores: BTreeSet<u32>,
    /// Memory blocks that the partition has released and QEMU has not asked for: nobody can use them any more.
    pub released_blocks: BTreeSet<u32>,
    /// Where its sockets are.
    pub sockets: PathBuf,
}

impl Body {
    /// The same partition as another one: what that has released this one has released.
    pub fn goes_on_from(&mut self, other: &Self) {
        self.released_cores.clone_from(&other.released_cores);
        self.released_blocks.clone_from(&other.released_blocks);
    }
}

/// What `status` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Name of the system that it is on.
    pub system: String,
    /// What it does.
    pub state: State,
    /// Processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Directory with its sockets: `console`, `channel`, `qmp`.
    pub sockets: PathBuf,
    /// Its kernel and boot id, from its greeting.
    pub kernel: String,
    /// See `kernel`.
    pub boot_id: String,
    /// Seconds from QEMU's start to the first greeting.
    pub ready_after_ms: Option<u64>,
    /// The last migration, or the one under way.
    pub migration: Option<Journal>,
}

/// States as consoles print them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No QEMU.
    NotActivated,
    /// Not heard of yet.
    Starting,
    /// It answers.
    Running,
    /// See the journal for the phase.
    Migrating,
}

impl State {
    /// As consoles print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotActivated => "Not Activated",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Migrating => "Migrating - Running",
        }
    }
}

/// The course of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Names of the systems.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// When each phase began: seconds since the epoch, and since the first phase.
    pub moments: Vec<Moment>,
    /// Why it did not complete.
    pub reason: Option<String>,
    /// What failed after the partition had moved.
    pub warnings: Vec<String>,
    /// Longest time without an answer from the partition, seen from outside.
    pub blackout_ms: Option<u64>,
    /// From the wake-up until its agent reported to the destination's console.
    pub agent_back_ms: Option<u64>,
    /// Bytes that went to the destination.
    pub transferred_bytes: u64,
}

/// A phase began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The phase.
    pub phase: Phase,
    /// Milliseconds since the Unix epoch.
    pub epoch_ms: u64,
    /// Milliseconds since the first phase began.
    pub after_ms: u64,
}

impl Journal {
    /// A migration that has not begun.
    pub fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            moments: Vec::new(),
            reason: None,
            warnings: Vec::new(),
            blackout_ms: None,
            agent_back_ms: None,
            transferred_bytes: 0,
        }
    }

    /// Notes that `phase` begins; `started` is when the first one did.
    pub fn enter(&mut self, phase: Phase, started: Instant) {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.moments.push(Moment {
            phase,
            epoch_ms: u64::try_from(epoch.as_millis()).unwrap_or(u64::MAX),
            after_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }

    /// The phase that it is in, or ended in.
    pub fn phase(&self) -> Phase {
        self.moments.last().map_or(Phase::Validating, |moment| moment.phase)
    }
}

impl Partition {
    /// A partition that does not run yet.
    pub fn new(spec: &Lpar, sockets: &Path) -> Self {
        let view = View {
            system: spec.system.clone(),
            state: State::NotActivated,
            cpus: spec.cpus,
            memory_mib: spec.memory_mib,
            sockets: sockets.to_owned(),
            kernel: String::new(),
            boot_id: String::new(),
            ready_after_ms: None,
            migration: None,
        };
        Self { spec: spec.clone(), body: Mutex::new(None), view: Mutex::new(view), stop: AtomicBool::new(false) }
    }

    /// Takes the partition for an operation; refuses when another one has it.
    pub fn take(&self) -> Result<MutexGuard<'_, Option<Body>>, Error> {
        match self.body.try_lock() {
            Ok(body) => Ok(body),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {
                let doing = match self.view().migration {
                    Some(journal) if !journal.phase().is_end() => {
                        format!("migrates to {} ({})", journal.to, journal.phase())
                    }
                    _ => "is being changed".into(),
                };
                Err(Error::Refused(format!("{} {doing}: one operation at a time", self.spec.name)))
            }
        }
    }

    /// What anybody may know.
    pub fn view(&self) -> View {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what anybody may know.
    pub fn update(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Asks the migration under way to go back.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked; forgets it.
    pub fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::Scenario;

    fn spec() -> Lpar {
        Scenario::two_systems().lpars[0].clone()
    }

    #[test]
    fn one_operation_at_a_time() {
        let partition = Partition::new(&spec(), Path::new("/x"));
        let held = partition.take().unwrap();
        let refused = partition.take().unwrap_err().to_string();
        assert!(refused.contains("one operation at a time"), "{refused}");
        drop(held);
        assert!(partition.take().is_ok());
    }
}
