//! Performing a migration: what each phase does, and how the way back goes. Which phase follows is decided in `phase`.
//!
//! One QEMU runs the partition at any time: the destination's is woken only when the source's has sent all and stopped, and
//! the partition is woken on the source again only when the destination's process has been reaped. When the destination dies
//! after it has all, the source gets the partition back from the transfer's copy, as of the moment of the suspension; what the
//! partition wrote to its disk after the wake-up, before it answered, stays written.

use std::time::{Duration, Instant};

use serde_json::json;
use wire::hex::MigrationId;

use super::fault::{Breakage, Fault};
use super::phase::Phase;
use super::transfer::{Interruption, Transfer};
use crate::console::key;
use crate::echo::Prober;
use crate::enrolment;
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Hardware, Lab};
use crate::partition::{Body, Journal, Partition, State};
use crate::qemu::migration::{Progress, migration_progress};

pub use ask::run_state;
use ask::{command, is_suspended, wake_up};
pub use back::recover;
use partition_side::{Suspension, Word};

mod ask;
mod back;
mod partition_side;

/// A guest under TCG on a loaded machine takes its time.
const SUSPEND_DEADLINE: Duration = Duration::from_secs(120);
const TRANSFER_DEADLINE: Duration = Duration::from_secs(300);
const RESUME_DEADLINE: Duration = Duration::from_secs(180);
/// A partition whose console or agent died has the request or never gets it. It suspends in less than a second; should it need
/// longer, the way back wakes it up.
const WITHOUT_CONSOLE: Duration = Duration::from_secs(8);
/// Time for the answer that ends a blackout.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// How to migrate.
#[derive(Debug, Clone)]
pub struct Options {
    /// What to break, for tests.
    pub fault: Option<Fault>,
    /// Stop after validation.
    pub only_validate: bool,
    /// Time that the partition's hooks get, in all.
    pub hook_deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { fault: None, only_validate: false, hook_deadline: Duration::from_secs(120) }
    }
}

/// Moves a partition. The journal says how it ended; an error means that it could not even begin.
pub fn migrate(
    lab: &Lab,
    partition: &Partition,
    to: &Frame,
    options: &Options,
    watch: &dyn Fn(&Journal),
) -> Result<Journal, Error> {
    let mut held = partition.take()?;
    let Some(body) = held.as_mut() else {
        return Err(Error::Refused(format!("{} is not activated", partition.spec.name)));
    };
    let from = &lab.frames[body.system];
    partition.take_stop();
    let mut course = Course {
        lab,
        partition,
        from,
        to,
        options,
        watch,
        started: Instant::now(),
        journal: Journal::new(&from.spec.name, &to.spec.name),
        before: partition.view().migration,
        destination: None,
        hardware: None,
        transfer: None,
        suspension: None,
        migration: MigrationId(u64::from_ne_bytes(
            key::random().map_err(|source| Error::io("draw", "a number", source))?,
        )),
        woken: None,
        is_prepared: false,
        prober: None,
    };
    course.run(body);
    Ok(course.journal)
}

struct Course<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    from: &'a Frame,
    to: &'a Frame,
    options: &'a Options,
    watch: &'a dyn Fn(&Journal),
    started: Instant,
    journal: Journal,
    /// The migration before this one.
    before: Option<Journal>,
    destination: Option<Body>,
    /// What the partition has.
    hardware: Option<Hardware>,
    transfer: Option<Transfer>,
    /// What it was asked in order to suspend.
    suspension: Option<Suspension>,
    /// The name of the migration in its agent's session.
    migration: MigrationId,
    /// When the destination was woken.
    woken: Option<Instant>,
    /// Prepare hooks were begun: post hooks must follow.
    is_prepared: bool,
    prober: Option<Prober>,
}

impl Course<'_> {
    fn run(&mut self, body: &mut Body) {
        let mut phase = Phase::Validating;
        loop {
            if self.options.only_validate && phase == Phase::Preparing {
                break;
            }
            self.enter(phase);
            if phase.is_end() {
                break;
            }
            let next = match self.perform(phase, body) {
                Ok(()) => phase.after_success(),
                Err(error) => {
                    let lives = self.destination.is_some() || body.qemu.is_running();
                    let next = phase.after_failure(lives);
                    self.note(phase, &error, next == Some(Phase::Completed));
                    next
                }
            };
            phase = next.unwrap_or(Phase::Lost);
        }
        self.finish(phase);
    }

    fn enter(&mut self, phase: Phase) {
        self.journal.enter(phase, self.started);
        eprintln!(
            "lparlab: {} to {}: {phase} after {:?}",
            self.partition.spec.name,
            self.to.spec.name,
            self.started.elapsed()
        );
        self.publish();
    }

    fn publish(&self) {
        let journal = self.journal.clone();
        self.partition.update(|view| view.migration = Some(journal));
        (self.watch)(&self.journal);
    }

    /// The first failure is the reason; after the point of no return failures are warnings.
    fn note(&mut self, phase: Phase, error: &Error, is_warning: bool) {
        let text = format!("{phase}: {error}");
        if is_warning || self.journal.reason.is_some() {
            self.journal.warnings.push(text);
        } else {
            self.journal.reason = Some(text);
        }
    }

    fn perform(&mut self, phase: Phase, body: &mut Body) -> Result<(), Error> {
        if phase.can_be_undone() && self.partition.take_stop() {
            return Err(Error::Refused("stopped by the operator".into()));
        }
        // In these two there must first be something to break.
        if !matches!(phase, Phase::Preparing | Phase::Resuming) {
            self.strike(phase)?;
        }
        match phase {
            Phase::Validating => self.validate(body),
            Phase::Preparing => self.prepare(body),
            Phase::Suspending => self.suspend(body),
            Phase::Transferring => self.transfer(body),
            Phase::Resuming => self.resume(),
            Phase::Completing => self.complete(body),
            Phase::RollingBack => self.roll_back(body),
            Phase::Completed | Phase::RolledBack | Phase::Refused | Phase::Lost => Ok(()),
        }
    }

    fn finish(&mut self, phase: Phase) {
        self.prober = None;
        if phase.is_end() {
            self.publish();
        }
        self.partition.update(|view| {
            match phase {
                Phase::Lost => view.state = State::NotActivated,
                Phase::Completed | Phase::RolledBack => view.state = State::Running,
                _ => {}
            }
            if self.options.only_validate {
                // Nothing has happened to it.
                view.migration.clone_from(&self.before);
            }
        });
    }

    /// Performs the scenario's fault when its phase begins. The one in the middle of the transfer is the transfer's.
    fn strike(&mut self, phase: Phase) -> Result<(), Error> {
        let Some(fault) = self.options.fault.filter(|fault| fault.at == phase) else { return Ok(()) };
        match fault.what {
            Breakage::KillDestination if phase != Phase::Transferring => match &mut self.destination {
                Some(destination) => {
                    destination.qemu.kill().map_err(|error| Error::failed("kill", "the destination", error))
                }
                None => Ok(()),
            },
            Breakage::KillSourceConsole => self.from.console.kill(),
            Breakage::KillDestinationConsole => self.to.console.kill(),
            _ => Ok(()),
        }
    }

    fn has_fault(&self, what: Breakage) -> bool {
        self.options.fault.is_some_and(|fault| fault.what == what)
    }

    fn validate(&mut self, body: &mut Body) -> Result<(), Error> {
        let name = &self.partition.spec.name;
        let refuse = |text: String| Err(Error::Refused(text));
        if self.to.index == self.from.index {
            return refuse(format!("{name} is on {} already", self.to.spec.name));
        }
        if !self.partition.spec.migratable {
            return refuse(format!("{name} is not migratable: its firmware does not say ibm,migratable-partition"));
        }
        let version = crate::qemu::version().map_err(|error| Error::failed("look at", "QEMU", error))?;
        if !version.can_migrate() {
            return refuse(format!(
                "QEMU {version} cannot migrate a TCG guest: 8.2 or later is needed; run tools/setup"
            ));
        }
        let view = self.partition.view();
        let (cpus, memory) = self.lab.free(self.to);
        if view.cpus > cpus || view.memory_mib > memory {
            return refuse(format!(
                "{} has {cpus} CPUs and {memory} MiB free; {name} needs {} and {}",
                self.to.spec.name, view.cpus, view.memory_mib
            ));
        }
        if let Some(frame) = [self.from, self.to].into_iter().find(|frame| !frame.console.is_running()) {
            return refuse(format!("the console of {} does not answer", frame.spec.name));
        }
        let state = run_state(&mut body.qmp)?;
        if state != "running" {
            return refuse(format!("{name} does not run: QEMU says {state}"));
        }
        self.lab.guests.hello(&self.from.console, name, QUICK)?;
        self.ask_check()
    }

    fn prepare(&mut self, body: &mut Body) -> Result<(), Error> {
        self.partition.update(|view| view.state = State::Migrating);
        let spec = &self.partition.spec;
        self.prober = match Prober::start(spec.lan_address()) {
            Ok(prober) => Some(prober),
            Err(error) => {
                self.journal.warnings.push(format!("blackout not measured: {error}"));
                None
            }
        };
        let hardware = Hardware::of(&spec.name, &mut body.qmp)?;
        let mut machine = self.lab.machine(spec, self.to, &hardware, Some("in"))?;
        self.hardware = Some(hardware);
        if self.has_fault(Breakage::WrongIdentity) {
            machine.system.serial = "0000000".into();
        }
        if self.has_fault(Breakage::DestinationOutOfMemory) {
            machine.address_space_mib = Some(spec.memory_mib / 2);
        }
        let destination = self.lab.launch(spec, self.to, &machine)?;
        self.to.console.attach(&spec.name, &destination.sockets.join("channel"))?;
        enrolment::introduce(self.lab, self.partition, self.to)?;
        self.destination = Some(destination);
        self.strike(Phase::Preparing)?;
        self.is_prepared = true;
        self.ask_prepare()?;
        self.destination_lives()
    }

    fn destination_lives(&mut self) -> Result<(), Error> {
        if self.destination.as_mut().is_some_and(|destination| destination.qemu.is_running()) {
            return Ok(());
        }
        Err(Error::Refused("the destination's QEMU died".into()))
    }

    /// Stops at the operator's word and when the destination dies, in the middle of a phase.
    fn still_wanted(&mut self) -> Result<(), Error> {
        self.destination_lives()?;
        if self.partition.take_stop() {
            return Err(Error::Refused("stopped by the operator".into()));
        }
        Ok(())
    }

    fn suspend(&mut self, body: &mut Body) -> Result<(), Error> {
        self.suspension = Some(self.begin_suspension()?);
        let begun = Instant::now();
        let mut end = begun + SUSPEND_DEADLINE;
        loop {
            if is_suspended(&mut body.qmp)? {
                return Ok(());
            }
            let failed = |cause: String| Err(Error::guest(&self.partition.spec.name, "suspend", cause));
            match self.suspension.as_mut().and_then(Suspension::word) {
                // The console died, not the partition: it may suspend all the same, but not for long.
                Some(Word::ConsoleDied) => end = end.min(begun + WITHOUT_CONSOLE),
                Some(Word::Refused(cause)) => return failed(cause),
                Some(Word::Returned(answer)) => return failed(format!("it went on by itself: {answer}")),
                None => {}
            }
            self.still_wanted()?;
            if Instant::now() > end {
                return Err(Error::guest(
                    &self.partition.spec.name,
                    "suspend",
                    format!("not suspended in {:?}", begun.elapsed()),
                ));
            }
            std::thread::sleep(POLL);
        }
    }

    fn transfer(&mut self, body: &mut Body) -> Result<(), Error> {
        let Some(destination) = &mut self.destination else {
            return Err(Error::Refused("there is no destination".into()));
        };
        let entrance = destination.sockets.join("way");
        let interruption =
            match self.options.fault.filter(|fault| fault.at == Phase::Transferring).map(|fault| fault.what) {
                Some(Breakage::KillDestination) => Interruption::Call(Box::new(destination.qemu.killer())),
                Some(Breakage::CutTransfer) => Interruption::Cut,
                _ => Interruption::None,
            };
        let (exit, copy) = (destination.sockets.join("in"), destination.sockets.join("copy"));
        self.transfer = Some(Transfer::open(&entrance, &exit, &copy, interruption)?);
        command(&mut body.qmp, "migrate", json!({ "uri": format!("unix:{}", entrance.display()) }))?;
        let end = Instant::now() + TRANSFER_DEADLINE;
        loop {
            let failed = |cause: String| Err(Error::failed("transfer", &self.partition.spec.name, cause));
            match migration_progress(&mut body.qmp).map_err(|error| Error::failed("QMP", "query-migrate", error))? {
                Progress::Completed { .. } => break,
                Progress::Failed { reason } => return failed(reason),
                Progress::Cancelled { done: true } => return failed("cancelled".into()),
                _ => {}
            }
            self.still_wanted()?;
            if Instant::now() > end {
                return Err(Error::failed(
                    "transfer",
                    &self.partition.spec.name,
                    format!("not done in {TRANSFER_DEADLINE:?}"),
                ));
            }
            std::thread::sleep(POLL);
        }
        self.arrive(end)
    }

    /// The destination has everything, and is who it should be.
    fn arrive(&mut self, end: Instant) -> Result<(), Error> {
        let expected = self.to.identity().serial;
        loop {
            self.still_wanted()?;
            let Some(destination) = &mut self.destination else {
                return Err(Error::Refused("there is no destination".into()));
            };
            if is_suspended(&mut destination.qmp)? {
                let serial =
                    command(&mut destination.qmp, "qom-get", json!({ "path": "/machine", "property": "host-serial" }))?;
                if serial.as_str() != Some(expected.as_str()) {
                    return Err(Error::failed(
                        "check",
                        &self.to.spec.name,
                        format!("its serial number is {serial}, not {expected}"),
                    ));
                }
                return Ok(());
            }
            if Instant::now() > end {
                return Err(Error::failed(
                    "transfer",
                    &self.partition.spec.name,
                    "the destination does not say that it has all",
                ));
            }
            std::thread::sleep(POLL);
        }
    }

    fn resume(&mut self) -> Result<(), Error> {
        if let Some(transfer) = &self.transfer {
            self.journal.transferred_bytes = transfer.passed_bytes();
        }
        self.destination_lives()?;
        if let Some(destination) = &mut self.destination {
            wake_up(&mut destination.qmp)?;
            self.woken = Some(Instant::now());
        }
        self.strike(Phase::Resuming)?;
        let name = self.partition.spec.name.clone();
        let end = Instant::now() + RESUME_DEADLINE;
        // Its first word on the new system: of its kernel the answer to the write, of its agent a report to the new console.
        // Should that be lost with a console, ask.
        loop {
            match self.suspension.as_mut().and_then(Suspension::word) {
                Some(Word::Returned(_)) => break,
                Some(Word::ConsoleDied) | None => {}
                Some(Word::Refused(cause)) => return Err(Error::guest(&name, "resume", cause)),
            }
            self.destination_lives()?;
            if self.to.console.is_connected(&name)
                && self.lab.guests.hello(&self.to.console, &name, Duration::from_secs(1)).is_ok()
            {
                break;
            }
            if Instant::now() > end {
                return Err(Error::guest(&name, "resume", format!("no answer in {RESUME_DEADLINE:?}")));
            }
        }
        self.destination_lives()
    }

    fn complete(&mut self, body: &mut Body) -> Result<(), Error> {
        let Some(mut destination) = self.destination.take() else { return Ok(()) };
        destination.goes_on_from(body);
        let spec = &self.partition.spec;
        let sockets = destination.sockets.clone();
        let mut source = std::mem::replace(body, destination);
        // From here on the partition is the destination's.
        self.from.console.detach(&spec.name);
        let killed = source.qemu.kill().map_err(|error| Error::failed("end the source of", &spec.name, error));
        drop(source);
        self.lab.unplug(spec, self.from);
        self.partition.update(|view| {
            view.system.clone_from(&self.to.spec.name);
            view.sockets = sockets;
        });
        killed?;
        let followed_up = self.follow_up(body);
        self.measure();
        if !body.qemu.is_running() {
            return Err(Error::Refused("the destination's QEMU died".into()));
        }
        self.transfer = None;
        followed_up
    }

    fn measure(&mut self) {
        if let Some(prober) = self.prober.take() {
            // The blackout ends with an answer: wait for one, it is due any moment.
            let now = Instant::now();
            while prober.gaps().first_after(now).is_none() && now.elapsed() < ANSWER_DEADLINE {
                std::thread::sleep(POLL);
            }
            let gaps = prober.stop();
            self.journal.blackout_ms = gaps.longest().and_then(|gap| u64::try_from(gap.length().as_millis()).ok());
        }
    }
}
