//! Decides: what happened, and what the agent knows, make what is to be done. Pure: nothing is read, waited for or done here.
//!
//! ```text
//! Input ------.
//!             |--> Agent::handle --> Output, Output, ...
//! stage, jobs '
//! ```
//!
//! At most one thing that changes the partition is under way, whoever asked for it. A migration goes through its stages
//! (`migration::Stage`); each stage with steps is one job, and the job's outcome makes the next stage. The one who asked hears
//! when the partition is at rest again: a check that fails is answered when it is undone.

use std::time::Duration;

use wire::message::answer::{Failure as Failed, Refusal, RefusalReason};
use wire::message::dlpar::Resize;
use wire::message::inventory::Machine;
use wire::message::migration::{Finding, HookOutcome, MigrationRecord, NewIdentity, Prepare, Readiness, Suspend};
use wire::message::request::Shutdown;
use wire::message::{Answer, Request};
use wire::phase::{Kind, Permit, Phase, permit};

use crate::control::ConnectionId;
use crate::migration::journal::Left;
use crate::migration::mend::Mending;
use crate::migration::perform::{Failure, Performed, Terms};
use crate::migration::{Event, Journey, Stage};
use crate::parts::message::Ticket;

/// A migration that was checked or prepared and does not come: what hooks hold for it is given back.
const PATIENCE_AT_REST: Duration = Duration::from_secs(15 * 60);

/// A shutdown that was accepted and is still not under way so long after its time was cancelled (systemd gives each service that
/// is stopped 90 s).
const PATIENCE_LEAVING: Duration = Duration::from_secs(5 * 60);

/// All hooks of a point together, where nobody said how long.
const HOOKS_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A console, through the network part.
    Console(Ticket),
    /// Somebody on this machine, through the control socket.
    Control(ConnectionId),
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody asks for something.
    Asked(Origin, Box<Request>),
    /// Somebody wants something stopped.
    Stop(Origin),
    /// The steps of a stage are done.
    Performed(Performed),
    /// The kernel came back from a suspension that was asked for here.
    Moved(MigrationRecord),
    /// A job that is not a stage is done.
    Answered(Answer),
    /// The partition has moved, and nobody asked for it here.
    MovedByOthers {
        /// Where it was.
        from: Option<Machine>,
        /// Where it is.
        to: Option<Machine>,
    },
    /// The network part has ended, and with it what it remembered.
    NetworkLost,
    /// Time went by.
    Tick,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Output {
    /// Begin this; its outcome comes back.
    Work(Job),
    /// What was begun shall stop as soon as it can.
    Stop,
    /// Read all there is, and answer with it.
    Inventory(Origin),
    /// Plan this, and answer with the plan.
    Plan(Origin, Resize),
    /// Take this identity, and answer how it went.
    TakeIdentity(Origin, NewIdentity),
    /// Answer.
    Answer(Origin, Answer),
    /// Tell consoles that the partition runs again.
    Resumed(MigrationRecord, Box<Journey>),
    /// Tell consoles that what follows a migration is done.
    Settled(Vec<HookOutcome>),
    /// The consoles that are trusted may be others now.
    ConsolesChanged,
    /// What was prepared has been taken back, and nobody had asked for that.
    GivenUp,
    /// The partition was to end, and is still there.
    Stayed,
    /// Note a migration.
    Migrated(MigrationRecord),
    /// Note that a migration did not come about.
    NotMigrated(String),
}

/// What takes time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Job {
    /// The steps of a stage.
    Stage { stage: Stage, journey: Box<Journey>, terms: Terms, note: Note },
    /// What is left of a migration whose agent did not live to end it.
    Mend(Box<Left>, Mending),
    /// A change of resources, for one who asked.
    Resize(Origin, Resize),
    /// The end.
    Shutdown(Shutdown),
}

/// What the journal is told before a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// Something new begins.
    Opens,
    /// More is known than before.
    Grows,
    /// Nothing.
    Nothing,
}

/// What the agent knows.
#[derive(Debug)]
pub(crate) struct Agent {
    stage: Stage,
    journey: Journey,
    /// What is under way.
    busy: Option<Busy>,
    /// Who asked for the migration's present stage.
    asked: Option<Asked>,
    last_migration: Option<MigrationRecord>,
    /// From where to where somebody else has migrated the partition while something was under way.
    moved_meanwhile: Option<(Option<Machine>, Option<Machine>)>,
    /// How long it waits, checked or prepared, for what comes next.
    waits_until: Option<Duration>,
    /// The partition is to end, and by then it should have.
    leaves_until: Option<Duration>,
}

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Busy {
    Stage,
    Resize(Origin),
    /// A shutdown after so long.
    Shutdown(Origin, Duration),
}

/// One who waits for a migration's stage, with what was found so far.
#[derive(Debug)]
struct Asked {
    origin: Origin,
    kind: Kind,
    findings: Vec<Finding>,
    failure: Option<Failure>,
}

impl Agent {
    /// One who has just started, on a partition where nothing is under way.
    pub(crate) fn new(last_migration: Option<MigrationRecord>) -> Self {
        let (stage, journey) = (Stage::Idle, Journey::default());
        let (busy, asked, moved_meanwhile, waits_until, leaves_until) = (None, None, None, None, None);
        Self { stage, journey, busy, asked, last_migration, moved_meanwhile, waits_until, leaves_until }
    }

    /// What the partition is doing.
    pub(crate) fn phase(&self) -> Phase {
        match self.busy {
            Some(Busy::Resize(_)) => Phase::Changing,
            Some(Busy::Shutdown(..)) => Phase::Leaving,
            // What is left of the suspension is written down and cleared away while the console, which heard of its end, goes on.
            Some(Busy::Stage) if self.stage == Stage::Suspending && self.has_moved() => Phase::Resuming,
            None if self.leaves_until.is_some() => Phase::Leaving,
            Some(Busy::Stage) | None => self.stage.phase(),
        }
    }

    fn has_moved(&self) -> bool {
        self.journey.suspended_ms.is_some()
    }

    /// The last migration that this agent knows of.
    pub(crate) fn last_migration(&self) -> Option<&MigrationRecord> {
        self.last_migration.as_ref()
    }

    /// Goes on with what an agent before this one left behind. Called before anything else happens.
    pub(crate) fn mend(&mut self, left: Left, mending: Mending) -> Vec<Output> {
        let mut out = Vec::new();
        self.journey = left.journey.clone();
        self.stage = if mending.moved { Stage::Resuming } else { Stage::Undoing { prepared: true } };
        if let (true, Some(from)) = (mending.moved, left.journey.from.clone()) {
            let (migration, to) = (left.journey.migration, left.journey.to.clone().unwrap_or_else(|| from.clone()));
            self.moved(MigrationRecord { migration, from, to, suspended_ms: 0 }, &mut out);
        }
        self.begin(Busy::Stage, Job::Mend(Box::new(left), mending), &mut out);
        out
    }

    /// When to call again at the latest.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        // Nothing is given up while something else is under way; when that is over, somebody says so.
        self.waits_until.filter(|_| self.busy.is_none()).into_iter().chain(self.leaves_until).min()
    }

    /// Takes what happened; gives what to do.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Asked(origin, request) => self.ask(origin, *request, &mut out),
            Input::Stop(origin) => self.stop(origin, &mut out),
            Input::Performed(performed) => self.performed(performed, &mut out),
            Input::Moved(record) => self.moved(record, &mut out),
            Input::Answered(answer) => self.answered(now, answer, &mut out),
            Input::MovedByOthers { from, to } => self.moved_by_others(from, to, &mut out),
            Input::NetworkLost => self.network_lost(&mut out),
            Input::Tick => {}
        }
        self.follow_others(&mut out);
        self.keep_time(now, &mut out);
        out
    }

    fn ask(&mut self, origin: Origin, request: Request, out: &mut Vec<Output>) {
        let kind = Kind::of(&request);
        if let Some(refusal) = self.objection(kind, &request) {
            return out.push(Output::Answer(origin, Answer::Refused(refusal)));
        }
        match request {
            Request::Inventory {} => out.push(Output::Inventory(origin)),
            Request::Resize(resize) if resize.dry_run => out.push(Output::Plan(origin, resize)),
            Request::Resize(resize) => self.begin(Busy::Resize(origin), Job::Resize(origin, resize), out),
            Request::MigrationCheck(check) => {
                let journey = Journey { to: check.destination, ..Journey::default() };
                self.migrate(origin, kind, Event::Check, journey, check.deadline_ms, out);
            }
            Request::MigrationPrepare(prepare) => self.prepare(origin, prepare, out),
            Request::MigrationSuspend(Suspend { stream, .. }) => {
                let journey = Journey { stream: Some(stream), ..self.journey.clone() };
                self.migrate(origin, kind, Event::Suspend, journey, millis(HOOKS_PATIENCE), out);
            }
            Request::MigrationAbort {} => {
                out.push(Output::Stop);
                out.push(Output::Answer(origin, Answer::Done {}));
            }
            Request::MigrationUndo {} => self.undo(origin, out),
            Request::Identity(identity) => out.push(Output::TakeIdentity(origin, identity)),
            Request::Shutdown(shutdown) => {
                let delay = Duration::from_millis(shutdown.delay_ms);
                self.begin(Busy::Shutdown(origin, delay), Job::Shutdown(shutdown), out);
            }
        }
    }

    /// Why a request is not carried out now.
    fn objection(&self, kind: Kind, request: &Request) -> Option<Refusal> {
        let phase = self.phase();
        let refusal = |reason, text: String| Some(Refusal { reason, text });
        match permit(kind, phase) {
            Permit::Yes => {}
            Permit::Later => return refusal(RefusalReason::Busy, format!("the partition is {phase}; ask again later")),
            Permit::No => return refusal(RefusalReason::Phase, format!("not while the partition is {phase}")),
        }
        let waits = !kind.only_reads() && kind != Kind::Abort && kind != Kind::Identity;
        if waits && self.busy.is_some() {
            return refusal(RefusalReason::Busy, "something else is under way; ask again later".into());
        }
        match request {
            Request::MigrationSuspend(suspend) if self.journey.migration != Some(suspend.migration) => {
                refusal(RefusalReason::OtherMigration, "another migration was prepared".into())
            }
            _ => None,
        }
    }

    fn prepare(&mut self, origin: Origin, prepare: Prepare, out: &mut Vec<Output>) {
        let journey = Journey {
            migration: Some(prepare.migration),
            to: Some(prepare.destination),
            console: Some(prepare.console),
            ..Journey::default()
        };
        self.migrate(origin, Kind::Prepare, Event::Prepare, journey, prepare.deadline_ms, out);
    }

    /// What is not there needs no undoing.
    fn undo(&mut self, origin: Origin, out: &mut Vec<Output>) {
        if self.stage.next(Event::Undo).is_none() {
            return out.push(Output::Answer(origin, Answer::Done {}));
        }
        let journey = self.journey.clone();
        self.migrate(origin, Kind::Undo, Event::Undo, journey, millis(HOOKS_PATIENCE), out);
    }

    /// Goes to another stage because somebody asks.
    fn migrate(
        &mut self,
        origin: Origin,
        kind: Kind,
        event: Event,
        journey: Journey,
        patience_ms: u64,
        out: &mut Vec<Output>,
    ) {
        let note = if self.stage == Stage::Idle { Note::Opens } else { Note::Grows };
        self.journey = journey;
        self.asked = Some(Asked { origin, kind, findings: Vec::new(), failure: None });
        let reason = (kind == Kind::Undo).then(|| "the console asked for it".to_owned());
        self.go(event, Terms { patience: Duration::from_millis(patience_ms), reason }, note, out);
    }

    /// Goes to the next stage, and sees to its steps.
    fn go(&mut self, event: Event, terms: Terms, note: Note, out: &mut Vec<Output>) {
        let Some(next) = self.stage.next(event) else { return };
        self.stage = next;
        self.waits_until = None;
        if next.steps().is_empty() {
            self.arrived(out);
        } else {
            let job = Job::Stage { stage: next, journey: Box::new(self.journey.clone()), terms, note };
            self.begin(Busy::Stage, job, out);
        }
    }

    fn begin(&mut self, busy: Busy, job: Job, out: &mut Vec<Output>) {
        self.busy = Some(busy);
        out.push(Output::Work(job));
    }

    fn performed(&mut self, performed: Performed, out: &mut Vec<Output>) {
        self.busy = None;
        let Performed { passed, findings, failure, hooks } = performed;
        if let Some(asked) = &mut self.asked {
            asked.findings.extend(findings);
            asked.failure = asked.failure.take().or(failure.clone());
        }
        match self.stage {
            Stage::Undoing { .. } if self.asked.is_none() => out.extend([Output::ConsolesChanged, Output::GivenUp]),
            Stage::Preparing | Stage::Undoing { .. } => out.push(Output::ConsolesChanged),
            Stage::Resuming => out.push(Output::Settled(hooks)),
            Stage::Suspending if !passed => {
                let why = failure.as_ref().map_or("the kernel did not suspend", |failure| failure.text.as_str());
                out.push(Output::NotMigrated(why.to_owned()));
            }
            _ => {}
        }
        let reason = failure.map(|failure| failure.text);
        let event = if passed { Event::Passed } else { Event::Failed };
        self.go(event, Terms { patience: HOOKS_PATIENCE, reason }, Note::Nothing, out);
    }

    /// At rest: whoever asked hears how it went.
    fn arrived(&mut self, out: &mut Vec<Output>) {
        if self.stage == Stage::Idle {
            self.journey = Journey::default();
        }
        let Some(Asked { origin, kind, findings, failure }) = self.asked.take() else {
            // Whoever asked is gone: nobody can go on from here.
            return self.give_up("the session with the console is lost", out);
        };
        let answer = match kind {
            Kind::Check => Answer::Readiness(Readiness { ready: self.stage == Stage::Checked, findings }),
            // A suspension that came about is reported to the next console; this is for one who asked here.
            _ => failure.map_or(Answer::Done {}, |failure| Answer::Failed(failed(&failure))),
        };
        if !(kind == Kind::Suspend && self.stage == Stage::Idle) {
            out.push(Output::Answer(origin, answer));
        }
        let nobody_goes_on = matches!(origin, Origin::Control(_)) && self.stage == Stage::Checked;
        if nobody_goes_on {
            let reason = Some("it was only asked whether it could".to_owned());
            self.go(Event::Undo, Terms { patience: HOOKS_PATIENCE, reason }, Note::Nothing, out);
        }
    }

    fn moved(&mut self, record: MigrationRecord, out: &mut Vec<Output>) {
        self.last_migration = Some(record.clone());
        if !record.from.serial.is_empty() {
            // Whoever reads it from here on finds where the partition is now.
            self.journey.from.get_or_insert_with(|| record.from.clone());
        }
        self.journey.suspended_ms = Some(record.suspended_ms);
        out.push(Output::Migrated(record.clone()));
        out.push(Output::Resumed(record, Box::new(self.journey.clone())));
    }

    /// drmgr, RSCT or a person wrote the stream.
    fn moved_by_others(&mut self, from: Option<Machine>, to: Option<Machine>, out: &mut Vec<Output>) {
        // Of the same migration the kernel says more than one line.
        if !matches!(self.stage, Stage::Suspending | Stage::Resuming) {
            self.moved_meanwhile = Some((from, to));
            self.follow_others(out);
        }
    }

    /// What follows is the same, but not before what is under way is over and answered: drmgr holds the lock that it waits for.
    fn follow_others(&mut self, out: &mut Vec<Output>) {
        if self.busy.is_some() {
            return;
        }
        let Some((from, to)) = self.moved_meanwhile.take() else { return };
        self.stage = Stage::Suspending;
        self.journey = Journey { from: from.clone(), to: to.clone(), ..Journey::default() };
        let nowhere = || Machine { type_model: String::new(), serial: String::new() };
        let to = to.unwrap_or_else(nowhere);
        let from = from.unwrap_or_else(|| to.clone());
        self.moved(MigrationRecord { migration: None, from, to, suspended_ms: 0 }, out);
        self.go(Event::Passed, Terms { patience: HOOKS_PATIENCE, reason: None }, Note::Opens, out);
    }

    fn answered(&mut self, now: Duration, answer: Answer, out: &mut Vec<Output>) {
        match self.busy.take() {
            Some(Busy::Shutdown(origin, delay)) => {
                let is_coming = matches!(answer, Answer::Done {});
                self.leaves_until = is_coming.then(|| now.saturating_add(delay).saturating_add(PATIENCE_LEAVING));
                out.push(Output::Answer(origin, answer));
            }
            Some(Busy::Resize(origin)) => out.push(Output::Answer(origin, answer)),
            Some(Busy::Stage) | None => {}
        }
    }

    fn stop(&mut self, origin: Origin, out: &mut Vec<Output>) {
        if self.asked.as_ref().is_some_and(|asked| asked.origin == origin) {
            out.push(Output::Stop);
        }
    }

    /// The console cannot go on with what it had prepared: its session is forgotten.
    fn network_lost(&mut self, out: &mut Vec<Output>) {
        if self.asked.as_ref().is_some_and(|asked| matches!(asked.origin, Origin::Console(_))) {
            self.asked = None;
        }
        self.give_up("the session with the console is lost", out);
    }

    fn give_up(&mut self, reason: &str, out: &mut Vec<Output>) {
        if self.busy.is_none() {
            let terms = Terms { patience: HOOKS_PATIENCE, reason: Some(reason.to_owned()) };
            self.go(Event::Undo, terms, Note::Nothing, out);
        }
    }

    /// What was checked or prepared and does not come is given up, and so is an end that does not come.
    fn keep_time(&mut self, now: Duration, out: &mut Vec<Output>) {
        if self.leaves_until.is_some_and(|until| now >= until) {
            self.leaves_until = None;
            out.push(Output::Stayed);
        }
        if !matches!(self.stage, Stage::Checked | Stage::Prepared) || self.busy.is_some() {
            return;
        }
        match self.waits_until {
            None => self.waits_until = Some(now + PATIENCE_AT_REST),
            Some(until) if now >= until => self.give_up("the migration did not come", out),
            Some(_) => {}
        }
    }
}

fn failed(failure: &Failure) -> Failed {
    Failed { text: failure.text.clone(), errno: failure.errno.map(|errno| errno as i32), firmware: None }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
