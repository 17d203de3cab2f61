//! What a migration asks of the partition, and what it answers: its agent through the session with its console, or where there
//! is none, its hooks and its kernel over the test channel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::discovery::PORT;
use wire::hex::{MigrationId, StreamId};
use wire::message::answer::RefusalReason;
use wire::message::inventory::Machine;
use wire::message::migration::{
    Check, ConsoleContact, HookOutcome, HookResult, NewIdentity, Prepare, Readiness, Suspend,
};
use wire::message::{Answer, Event, Request};

use super::{Course, POLL};
use crate::agent::{Agents, Asked, Bookmark};
use crate::console::message::Outcome;
use crate::error::Error;
use crate::guest::{Pending, QUICK, Unmet, write_action};
use crate::lab::Frame;
use crate::migration::identity;
use crate::partition::Body;

/// What the partition writes. On PowerVM the console gives it; QEMU knows no streams (no H_VASI_STATE).
const STREAM: StreamId = StreamId(0x0123_4567);
/// The transfer of the largest guest that a lab has, and its way back.
const SUSPENSION_PATIENCE: Duration = Duration::from_secs(900);
/// An agent that was woken elsewhere calls the new console at once, and again if that was too early.
const REPORT_DEADLINE: Duration = Duration::from_secs(60);
/// While an event is waited for: whether it can still come.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What became of the suspension, as far as the partition said so.
pub(super) enum Word {
    /// It runs: it has been elsewhere, or it never slept.
    Returned(String),
    /// It did not suspend.
    Refused(String),
    /// Whoever was to bring its word is gone.
    ConsoleDied,
}

/// The request to suspend, on its way.
pub(super) enum Suspension {
    /// The kernel's write returns when the partition runs again.
    Channel(Pending),
    /// The agent reports to the console where it runs again.
    Agent { asked: Asked, agents: Arc<Agents>, migration: MigrationId, lpar: String, since: Bookmark },
}

impl Suspension {
    pub(super) fn word(&mut self) -> Option<Word> {
        match self {
            Self::Channel(pending) => Some(match pending.poll()? {
                Ok(answer) => Word::Returned(format!("{answer:?}")),
                Err(Unmet::ConsoleDied(_)) => Word::ConsoleDied,
                Err(cause) => Word::Refused(cause.to_string()),
            }),
            Self::Agent { asked, agents, migration, lpar, since } => {
                let resumed = |event: &Event, _| is_end_of(event, *migration).then_some(());
                if agents.wait_event(lpar, *since, Duration::ZERO, resumed).is_some() {
                    return Some(Word::Returned("its agent reported".into()));
                }
                Some(match asked.poll()? {
                    Outcome::Answered(Answer::Done {}) => Word::Returned("its agent says that it is done".into()),
                    Outcome::Answered(answer) => Word::Refused(refusal(answer)),
                    Outcome::NotAsked(cause) => Word::Refused(cause.clone()),
                    Outcome::Unknown(_) => Word::ConsoleDied,
                })
            }
        }
    }
}

fn is_end_of(event: &Event, migration: MigrationId) -> bool {
    matches!(event, Event::Resumed(record) if record.migration == Some(migration))
}

impl Course<'_> {
    /// Whether something in the partition speaks against it.
    pub(super) fn ask_check(&self) -> Result<(), Error> {
        if !self.partition.spec.agent {
            return self.hooks(self.from, "check");
        }
        let check = Check { destination: Some(machine(self.to)), deadline_ms: self.hook_deadline_ms() };
        match self.ask(self.from, &Request::MigrationCheck(check))? {
            Answer::Readiness(Readiness { ready: true, .. }) => Ok(()),
            Answer::Readiness(Readiness { findings, .. }) => {
                let vetoes = findings.iter().filter(|finding| finding.vetoes);
                let vetoes: Vec<_> = vetoes.map(|finding| format!("{}: {}", finding.from, finding.text)).collect();
                Err(self.says("check", format!("vetoed: {}", vetoes.join("; "))))
            }
            other => Err(self.says("check", refusal(&other))),
        }
    }

    /// Lets the partition make ready.
    pub(super) fn ask_prepare(&self) -> Result<(), Error> {
        if !self.partition.spec.agent {
            return self.hooks(self.from, "prepare");
        }
        let console = ConsoleContact {
            name: self.to.spec.name.clone(),
            key: self.to.console_key(),
            addresses: vec![self.to.console_address().into()],
            port: PORT,
        };
        let prepare = Prepare {
            migration: self.migration,
            destination: machine(self.to),
            console,
            deadline_ms: self.hook_deadline_ms(),
        };
        self.must_do(self.from, "prepare", &Request::MigrationPrepare(prepare))
    }

    /// Asks it to suspend; its word comes when it runs again.
    pub(super) fn begin_suspension(&self) -> Result<Suspension, Error> {
        let (name, console) = (&self.partition.spec.name, &self.from.console);
        if !self.partition.spec.agent {
            let action = write_action("/sys/kernel/mobility/migration", format!("{STREAM}\n").as_bytes());
            return self.lab.guests.begin(console, name, action).map(Suspension::Channel);
        }
        let agents = Arc::clone(&self.lab.agents);
        let since = agents.bookmark();
        let suspend = Request::MigrationSuspend(Suspend { migration: self.migration, stream: STREAM });
        let asked = agents.begin(console, name, suspend, SUSPENSION_PATIENCE)?;
        Ok(Suspension::Agent { asked, agents, migration: self.migration, lpar: name.clone(), since })
    }

    /// Tells it who it is now, and lets it do what follows a migration. The first failure is told; the rest is done all the same.
    pub(super) fn follow_up(&mut self, body: &mut Body) -> Result<(), Error> {
        let Some(Suspension::Agent { since, .. }) = &self.suspension else {
            let told = identity::tell(self.lab, self.partition, self.to);
            return told.and(self.hooks(self.to, "post"));
        };
        let since = *since;
        let reported = self.await_report(since, body);
        if !body.qemu.is_running() {
            // Nobody is there who could be told.
            return reported;
        }
        let identity = NewIdentity { machine: machine(self.to), id: self.partition.spec.id.into() };
        let told = self.must_do(self.to, "take its new identity", &Request::Identity(identity));
        // What only QEMU shows, and no firmware that an agent knows.
        let shown = identity::tell(self.lab, self.partition, self.to);
        reported.and(told).and(shown).and(self.await_settled(since, body)).and(self.await_known(self.to))
    }

    /// The agent reports to the new console. How long that took is in the journal.
    fn await_report(&mut self, since: Bookmark, body: &mut Body) -> Result<(), Error> {
        let migration = self.migration;
        let resumed = |event: &Event, at| is_end_of(event, migration).then_some(at);
        let Some(arrived) = self.await_event(since, body, REPORT_DEADLINE, resumed) else {
            return Err(self.says("report", format!("its agent did not in {REPORT_DEADLINE:?}")));
        };
        let took = self.woken.map(|woken| arrived.saturating_duration_since(woken).as_millis());
        self.journal.agent_back_ms = took.and_then(|took| u64::try_from(took).ok());
        Ok(())
    }

    fn await_settled(&self, since: Bookmark, body: &mut Body) -> Result<(), Error> {
        let patience = self.options.hook_deadline + QUICK;
        let settled = |event: &Event, _| match event {
            Event::Settled { hooks } => Some(hooks.clone()),
            _ => None,
        };
        let Some(hooks) = self.await_event(since, body, patience, settled) else {
            return Err(self.says("post hooks", format!("not over in {patience:?}")));
        };
        let failed: Vec<_> = hooks.iter().filter_map(failure).collect();
        if failed.is_empty() { Ok(()) } else { Err(self.says("post hooks", failed.join("; "))) }
    }

    /// Waits for an event of its agent, as long as there is a QEMU that it can come from.
    fn await_event<T>(
        &self,
        since: Bookmark,
        body: &mut Body,
        patience: Duration,
        pick: impl Fn(&Event, Instant) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + patience;
        loop {
            let found = self.lab.agents.wait_event(&self.partition.spec.name, since, LOOK_AGAIN, &pick);
            if found.is_some() || Instant::now() > end || !body.qemu.is_running() {
                return found;
            }
        }
    }

    /// The partition runs on the source: what it prepared is taken back.
    pub(super) fn take_back(&self) -> Result<(), Error> {
        if !self.partition.spec.agent {
            return self.hooks(self.from, "post");
        }
        self.await_known(self.from)?;
        self.must_do(self.from, "undo the preparation", &Request::MigrationUndo {})
    }

    /// Whoever looks at that console from now on sees what can be done to the partition.
    fn await_known(&self, frame: &Frame) -> Result<(), Error> {
        self.lab.agents.wait_active(&frame.spec.name, &self.partition.spec.name, REPORT_DEADLINE).map(|_| ())
    }

    fn must_do(&self, frame: &Frame, what: &str, request: &Request) -> Result<(), Error> {
        match self.ask(frame, request)? {
            Answer::Done {} => Ok(()),
            other => Err(self.says(what, refusal(&other))),
        }
    }

    /// Asks its agent; one that is busy with something else, or still with a migration, is asked again.
    fn ask(&self, frame: &Frame, request: &Request) -> Result<Answer, Error> {
        let patience = self.options.hook_deadline + QUICK;
        let end = Instant::now() + patience;
        loop {
            let answer = self.lab.agents.ask(&frame.console, &self.partition.spec.name, request.clone(), patience)?;
            let is_busy = matches!(&answer, Answer::Refused(refusal) if refusal.reason == RefusalReason::Busy);
            if !is_busy || Instant::now() > end {
                return Ok(answer);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Runs the partition's hooks for a phase; the first that fails vetoes.
    fn hooks(&self, frame: &Frame, phase: &str) -> Result<(), Error> {
        let name = &self.partition.spec.name;
        let directory = format!("/etc/lparkit/hooks.d/{phase}");
        let argv = ["run-parts", "--exit-on-error", &directory];
        let done = self.lab.guests.exec(&frame.console, name, &argv, self.options.hook_deadline)?;
        let said =
            [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).trim().replace('\n', "; ")).join("; ");
        match done.status {
            0 => Ok(()),
            124 => Err(Error::guest(
                name,
                &format!("{phase} hooks"),
                format!("not done in {:?}, ended", self.options.hook_deadline),
            )),
            status => Err(Error::guest(
                name,
                &format!("{phase} hooks"),
                format!("vetoed with status {status}: {}", said.trim()),
            )),
        }
    }

    fn says(&self, what: &str, cause: String) -> Error {
        Error::guest(&self.partition.spec.name, what, cause)
    }

    fn hook_deadline_ms(&self) -> u64 {
        u64::try_from(self.options.hook_deadline.as_millis()).unwrap_or(u64::MAX)
    }
}

fn machine(frame: &Frame) -> Machine {
    Machine { type_model: frame.spec.model.clone(), serial: frame.spec.serial.clone() }
}

/// An answer that is not what was hoped for, in words.
fn refusal(answer: &Answer) -> String {
    match answer {
        Answer::Failed(failure) => failure.text.clone(),
        Answer::Refused(refusal) => refusal.text.clone(),
        other => format!("it answered something else: {other:?}"),
    }
}

/// What is wrong with how a hook ended.
fn failure(hook: &HookOutcome) -> Option<String> {
    let how = match &hook.result {
        HookResult::Exited(0) => return None,
        HookResult::Exited(status) => format!("status {status}"),
        HookResult::Killed(signal) => format!("killed by signal {signal}"),
        HookResult::TimedOut {} => "not done in time, ended".into(),
        HookResult::NotStarted(cause) => cause.clone(),
    };
    Some(format!("{}: {how}", hook.name))
}
