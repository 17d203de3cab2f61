//! Does the steps of a stage, each one in the journal before it begins.

use std::time::Duration;

use nix::errno::Errno;
use platform::observation::observe;
use sysroot::{Guard, Sysroot};
use wire::message::inventory::Machine;
use wire::message::migration::{Finding, HookOutcome, MigrationRecord};

use super::announce::{self, Advertisement};
use super::journal::{self, Left, Line};
use super::mend::Mending;
use super::readiness::{Facts, MIGRATION};
use super::{Journey, Stage, Step};
use crate::dlpar::lock;
use crate::here::configured_adapter;
use crate::hooks::{Fact, Occasion, Point, Ran, Runner};
use crate::identity::current_machine;
use crate::kernel_log;
use crate::log::{Chain, Log};
use crate::trust::{self, Trusted};

/// How long to wait for one who resizes the partition.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);

/// What is reported while it goes on.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The kernel came back from the suspension: everything that is to be quick begins now.
    Moved(MigrationRecord),
}

/// What came of a stage.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Performed {
    /// Nothing spoke against it.
    pub(crate) passed: bool,
    /// What checks found.
    pub(crate) findings: Vec<Finding>,
    /// Why it did not pass.
    pub(crate) failure: Option<Failure>,
    /// The hooks that ran.
    pub(crate) hooks: Vec<HookOutcome>,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) text: String,
    /// The kernel's answer, where it is one.
    pub(crate) errno: Option<Errno>,
}

/// How a stage is to be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// All hooks of a point together have no longer.
    pub(crate) patience: Duration,
    /// What hooks are told about why this happens.
    pub(crate) reason: Option<String>,
}

/// One who does it.
pub(crate) struct Performer<'a> {
    pub(crate) hooks: Runner<'a>,
    /// Whether somebody wants it to stop. Asked between hooks.
    pub(crate) stop: &'a dyn Fn() -> bool,
    pub(crate) heard: &'a mut dyn FnMut(Heard),
}

impl Performer<'_> {
    fn sysroot(&self) -> &Sysroot {
        self.hooks.sysroot
    }

    fn log(&self) -> &Log {
        self.hooks.log
    }

    /// Begins a check or a migration.
    pub(crate) fn open(&self, journey: &Journey) -> Result<(), Failure> {
        self.keep(Line::Opened(journey.clone()))
    }

    /// What is known of the migration has become more.
    pub(crate) fn know(&self, journey: &Journey) -> Result<(), Failure> {
        self.keep(Line::Journey(journey.clone()))
    }

    /// Ends it.
    pub(crate) fn close(&self) {
        self.note(Line::Closed);
    }

    /// Does what is done in a stage.
    pub(crate) fn perform(&mut self, stage: Stage, journey: &Journey, terms: &Terms) -> Performed {
        let mut performed = Performed { passed: true, ..Performed::default() };
        if stage.steps().iter().any(|step| step.needs_record()) {
            if let Err(failure) = self.keep(Line::Stage(stage)) {
                return performed.failed(failure);
            }
        } else {
            self.note(Line::Stage(stage));
        }
        let _lock = match self.lock_for(stage) {
            Ok(guard) => guard,
            Err(failure) => return performed.failed(failure),
        };
        for step in stage.steps() {
            let result = self.step(*step, journey, terms, &[], &mut performed);
            let Err(failure) = result else { continue };
            if step.ends_stage() {
                return performed.failed(failure);
            }
            if *step == Step::Suspend {
                performed = performed.failed(failure);
            }
        }
        performed
    }

    /// Finishes or takes back what another agent left. What is finished is closed by who has it told.
    pub(crate) fn mend(&mut self, left: &Left, mending: &Mending, patience: Duration) -> Vec<HookOutcome> {
        let terms = Terms { patience, reason: Some(mending.reason.to_owned()) };
        let mut performed = Performed { hooks: left.outcomes_at(Point::Post), ..Performed::default() };
        for step in &mending.steps {
            let done = if let Step::Hooks(point) = step { left.done_at(*point) } else { Vec::new() };
            // What fails has been noted; the rest still wants to be done.
            let _ = self.step(*step, &left.journey, &terms, &done, &mut performed);
        }
        if !mending.moved {
            self.close();
        }
        performed.hooks
    }

    /// Debian's drmgr holds the lock while it migrates: nobody resizes a partition that is about to stand still.
    fn lock_for(&self, stage: Stage) -> Result<Option<Guard>, Failure> {
        if stage != Stage::Suspending {
            return Ok(None);
        }
        let guard =
            lock::take(self.sysroot(), LOCK_PATIENCE, "lpard migration").map_err(|error| Failure::of(&error))?;
        Ok(Some(guard))
    }

    fn step(
        &mut self,
        step: Step,
        journey: &Journey,
        terms: &Terms,
        done: &[String],
        performed: &mut Performed,
    ) -> Result<(), Failure> {
        if step == Step::Suspend {
            // First: that it has begun is on the disk then, and the log shows what came of it.
            kernel_log::mark(self.sysroot());
        }
        if step.needs_record() {
            self.keep(Line::Began(step))?;
        } else {
            self.note(Line::Began(step));
        }
        let result = match step {
            Step::Readiness => self.readiness(performed),
            Step::Hooks(point) => self.run_hooks(point, journey, terms, done, performed),
            Step::KeepConsole => self.keep_console(journey),
            Step::ForgetConsole => self.forget_console(journey),
            Step::Suspend => self.suspend(journey),
            Step::Announce => {
                self.announce(&self.advertisements());
                Ok(())
            }
        };
        self.note(Line::Ended { step, ok: result.is_ok() });
        result
    }

    fn readiness(&self, performed: &mut Performed) -> Result<(), Failure> {
        let observation = observe(self.sysroot());
        let found = Facts::read(self.sysroot(), &observation).findings();
        let veto = found.iter().find(|finding| finding.vetoes).map(|finding| finding.text.clone());
        performed.findings.extend(found);
        veto.map_or(Ok(()), |text| Err(Failure { text, errno: None }))
    }

    fn run_hooks(
        &self,
        point: Point,
        journey: &Journey,
        terms: &Terms,
        done: &[String],
        performed: &mut Performed,
    ) -> Result<(), Failure> {
        let occasion = occasion(point, journey, terms, current_machine(self.sysroot()).as_ref());
        let is_stoppable = matches!(point, Point::Check | Point::Prepare);
        let stop = || is_stoppable && (self.stop)();
        let mut heard = |ran: &Ran| self.note(Line::Ran { point, outcome: ran.outcome.clone() });
        let report = self.hooks.run(&occasion, done, terms.patience, &stop, &mut heard);
        performed.hooks.extend(report.ran.iter().map(|ran| ran.outcome.clone()));
        if point == Point::Check {
            performed.findings.extend(report.ran.iter().filter_map(finding));
        }
        if let Some(ran) = report.failure() {
            return Err(Failure { text: ran.sentence(), errno: None });
        }
        if stop() {
            return Err(Failure { text: "the console stopped it".into(), errno: None });
        }
        Ok(())
    }

    fn keep_console(&self, journey: &Journey) -> Result<(), Failure> {
        let Some(console) = &journey.console else { return Ok(()) };
        if trust::is_trusted(self.sysroot(), console.key) {
            return Ok(());
        }
        let because = match &journey.migration {
            Some(migration) => handed_over(*migration),
            None => "handed over by a trusted console".to_owned(),
        };
        trust::add(self.sysroot(), &Trusted::handed_over(console, because), self.log())
            .map(drop)
            .map_err(|error| Failure { text: Chain(&error).to_string(), errno: None })
    }

    /// Only what this migration brought is taken away.
    fn forget_console(&self, journey: &Journey) -> Result<(), Failure> {
        let (Some(console), Some(migration)) = (&journey.console, journey.migration) else { return Ok(()) };
        let because = handed_over(migration);
        let known = trust::list(self.sysroot(), self.log());
        let ours = known.is_ok_and(|known| known.iter().any(|k| k.key == console.key && k.because == because));
        if !ours {
            return Ok(());
        }
        trust::forget(self.sysroot(), console.key)
            .map_err(|error| Failure { text: Chain(&error).to_string(), errno: None })
    }

    /// The calling thread does nothing else while the kernel has it, and nobody waits for this thread.
    fn suspend(&mut self, journey: &Journey) -> Result<(), Failure> {
        let stream = journey.stream.ok_or_else(|| Failure { text: "no stream was given".into(), errno: None })?;
        // What can be made ready is: behind the write every moment is one in which nobody finds the partition.
        let advertisements = self.advertisements();
        let before = self.sysroot().since_boot().unwrap_or_default();
        self.sysroot()
            .write_attribute(MIGRATION, format!("{stream}\n").as_bytes())
            .map_err(|error| Failure::of(&error))?;
        let after = self.sysroot().since_boot().unwrap_or(before);
        // Before anything waits for a disk, which may be on its way too.
        self.announce(&advertisements);
        let shown = current_machine(self.sysroot());
        let unknown = || Machine { type_model: String::new(), serial: String::new() };
        let from = journey.from.clone().or_else(|| shown.clone()).unwrap_or_else(unknown);
        let to = journey.destination(shown.as_ref()).cloned();
        (self.heard)(Heard::Moved(MigrationRecord {
            migration: journey.migration,
            to: to.unwrap_or_else(|| from.clone()),
            from,
            suspended_ms: u64::try_from(after.saturating_sub(before).as_millis()).unwrap_or(u64::MAX),
        }));
        Ok(())
    }

    /// What the neighbours are to be told. A recorded machine has none.
    fn advertisements(&self) -> Vec<Advertisement> {
        if !self.sysroot().is_live() {
            return Vec::new();
        }
        let adapters = platform::adapter::read(self.sysroot()).unwrap_or_else(|error| {
            self.log().warning(format_args!("tell the neighbours: {}", Chain(&error)));
            Vec::new()
        });
        // A configuration that cannot be read names none; the log has it since it was.
        let named = configured_adapter(self.sysroot()).ok().flatten();
        announce::advertisements(&adapters, named.as_deref())
    }

    /// Neighbours that were not told learn it from the first packet; so a failure is only noted.
    fn announce(&self, advertisements: &[Advertisement]) {
        for advertisement in advertisements {
            if let Err(error) = announce::send(advertisement) {
                self.log().warning(format_args!("tell the neighbours on {}: {error}", advertisement.interface));
            }
        }
    }

    /// A line without which what follows must not begin.
    fn keep(&self, line: Line) -> Result<(), Failure> {
        journal::append(self.sysroot(), line).map_err(|error| Failure { text: Chain(&error).to_string(), errno: None })
    }

    /// A line about what has happened, which cannot be stopped any more.
    fn note(&self, line: Line) {
        if let Err(error) = journal::append(self.sysroot(), line) {
            self.log().error(Chain(&error));
        }
    }
}

impl std::fmt::Debug for Performer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Performer").finish_non_exhaustive()
    }
}

impl Performed {
    fn failed(self, failure: Failure) -> Self {
        Self { passed: false, failure: Some(failure), ..self }
    }
}

impl Failure {
    fn of(error: &sysroot::Error) -> Self {
        Self { text: Chain(error).to_string(), errno: error.errno() }
    }
}

fn handed_over(migration: wire::hex::MigrationId) -> String {
    format!("handed over for migration {migration}")
}

/// A hook that failed vetoes; one that succeeded and said something is worth knowing.
fn finding(ran: &Ran) -> Option<Finding> {
    let vetoes = !ran.succeeded();
    (vetoes || !ran.said.trim().is_empty()).then(|| Finding {
        from: ran.outcome.name.clone(),
        vetoes,
        text: ran.sentence(),
    })
}

fn occasion(point: Point, journey: &Journey, terms: &Terms, now: Option<&Machine>) -> Occasion {
    let mut occasion = Occasion::new(point);
    if let Some(migration) = journey.migration {
        occasion = occasion.with(Fact::Migration, migration);
    }
    if let Some(from) = &journey.from {
        occasion = occasion.with(Fact::From, from);
    }
    if let Some(to) = journey.destination(now.filter(|_| point == Point::Post)) {
        occasion = occasion.with(Fact::To, to);
    }
    if let Some(suspended_ms) = journey.suspended_ms {
        occasion = occasion.with(Fact::SuspendedMs, suspended_ms);
    }
    match &terms.reason {
        Some(reason) => occasion.with(Fact::Reason, reason),
        None => occasion,
    }
}
