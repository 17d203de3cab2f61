//! The partition's end of the session, without sockets and clocks.
//!
//! One [`Partition`] lives as long as the agent; sessions come and go in it, and what was promised to a console outlives
//! them: the outcome of a change that is asked for twice, events that nobody has seen yet, the phase of a migration.
//!
//! The caller hands in what happens, with the time; each call gives what there is to do, in order. It calls again at
//! [`Partition::deadline`] at the latest, with [`Input::Tick`] if nothing else happens.
//!
//! What a request means is not known here: [`Output::Perform`] hands it to the caller's engine, whose [`Input::Finished`]
//! ends it. Of requests that change something at most one is performed at a time, and none twice.

mod ledger;
mod outbox;
mod requests;

use std::time::Duration;

use crate::hex::{MigrationId, RunId};
use crate::key::PublicKey;
use crate::limits::{GREETING_DEADLINE, HEARTBEAT_LONGEST, HEARTBEAT_SHORTEST, REQUEST_BURST, REQUEST_COST};
use crate::message::greeting::GoodbyeReason;
use crate::message::inventory::Identity;
use crate::message::migration::{HookOutcome, MigrationRecord};
use crate::message::{
    Answer, Event, FromConsole, FromPartition, Goodbye, Hello, Progress, Reply, Request, RequestId, Seen, Sequence,
    Undecodable, Welcome,
};
use crate::phase::{Kind, Phase};
use crate::pulse::{Due, Pulse};
use crate::rate::Rate;
use crate::version::Range;

use ledger::{Ledger, Owner};
use outbox::Outbox;

/// What does not change while the agent runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Program and version.
    pub agent: String,
    /// This run, from randomness.
    pub run: RunId,
    /// Another console decides: only watch.
    pub observes: bool,
}

/// A request that is being performed, to be given back with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    session: u64,
    id: RequestId,
}

impl Ticket {
    /// The console's name of the request.
    pub fn id(self) -> RequestId {
        self.id
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// TLS with a console is up.
    Connected {
        /// The key that it proved.
        console: PublicKey,
        /// Who the partition is now.
        identity: Identity,
    },
    /// The connection is gone.
    Disconnected,
    /// A message came, or what is none.
    Received(Result<FromConsole, Undecodable>),
    /// A heartbeat came.
    Heard,
    /// A request is a step further.
    Progressed {
        /// Which.
        ticket: Ticket,
        /// Steps done.
        done: u32,
        /// Steps in all; 0 where nobody can know.
        of: u32,
        /// What is being done.
        text: String,
    },
    /// A request is over. For a suspension this means that it did not come about.
    Finished {
        /// Which.
        ticket: Ticket,
        /// What came of it.
        answer: Answer,
    },
    /// Something happened that consoles want to know.
    Happened(Event),
    /// The partition runs again after a suspension, whoever asked for it.
    Resumed(MigrationRecord),
    /// What follows a migration is done.
    Settled {
        /// The hooks that ran.
        hooks: Vec<HookOutcome>,
    },
    /// What was prepared is not to come, and has been taken back without anybody asking.
    GivenUp,
    /// The partition was to end, and is still there: somebody has cancelled that.
    Stayed,
    /// Time went by.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a message.
    Send(FromPartition),
    /// The console is the session's: it may send longer messages now, and heartbeats begin.
    Welcomed(Welcome),
    /// Send a heartbeat.
    Beat,
    /// Begin this.
    Perform {
        /// Comes back with the outcome.
        ticket: Ticket,
        /// What to do.
        request: Request,
    },
    /// Stop what was begun under this ticket, and undo it; its outcome comes as ever.
    Stop(Ticket),
    /// Events up to this one need not be kept for consoles any more: one has seen them.
    Seen(Sequence),
    /// Close the connection when all is sent.
    Disconnect,
    /// Something for the log.
    Note(Note),
}

/// What a log should have of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A request was answered without being performed.
    Refused(RequestId, crate::message::answer::Refusal),
    /// This side ended the session.
    Ended(Goodbye),
    /// The console ended the session.
    ConsoleLeft(Goodbye),
    /// An outcome that no console waits for any more.
    Unheard(RequestId, Answer),
}

/// The partition's end.
#[derive(Debug)]
pub struct Partition {
    settings: Settings,
    phase: Phase,
    session: Option<Session>,
    sessions_so_far: u64,
    running: Option<Running>,
    ledger: Ledger,
    outbox: Outbox,
    /// What was prepared last; in the phase `prepared` it is what the partition waits for.
    migration: Option<MigrationId>,
}

#[derive(Debug)]
struct Session {
    number: u64,
    console: PublicKey,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The console has to say welcome until then.
    Greeting { until: Duration },
    /// It did.
    Open { pulse: Pulse, rate: Rate },
}

/// The one request that changes something.
#[derive(Debug)]
struct Running {
    ticket: Ticket,
    owner: Owner,
    kind: Kind,
}

impl Partition {
    /// The end of an agent that has just started.
    pub fn new(settings: Settings) -> Self {
        let phase = if settings.observes { Phase::Observer } else { Phase::Ready };
        Self {
            settings,
            phase,
            session: None,
            sessions_so_far: 0,
            running: None,
            ledger: Ledger::default(),
            outbox: Outbox::default(),
            migration: None,
        }
    }

    /// What the partition is doing, whether a console is there or not.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Events that no console has seen yet.
    pub fn unseen_events(&self) -> usize {
        self.outbox.len()
    }

    /// When to call again at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.session.as_ref()?.stage {
            Stage::Greeting { until } => Some(*until),
            Stage::Open { .. } if self.phase == Phase::Suspended => None,
            Stage::Open { pulse, .. } => Some(pulse.deadline()),
        }
    }

    /// Takes leave of the console, if there is one.
    pub fn leave(&mut self, reason: GoodbyeReason, text: &str) -> Vec<Output> {
        let mut out = Vec::new();
        if self.session.is_some() {
            self.end(reason, text, &mut out);
        }
        out
    }

    /// Takes what happened; gives what to do. All of it is done, in that order, before anything else is handed in.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Connected { console, identity } => self.connect(now, console, identity, &mut out),
            Input::Disconnected => self.session = None,
            Input::Received(received) => self.receive(now, received, &mut out),
            Input::Heard => self.hear_beat(now),
            Input::Progressed { ticket, done, of, text } => self.progress(ticket, done, of, text, &mut out),
            Input::Finished { ticket, answer } => self.finish(now, ticket, answer, &mut out),
            Input::Happened(event) => self.outbox.push(event),
            Input::Resumed(record) => self.resume(record, &mut out),
            Input::Settled { hooks } => {
                self.phase = self.phase.settled();
                self.outbox.push(Event::Settled { hooks });
            }
            Input::GivenUp => {
                self.migration = None;
                self.phase = self.phase.given_up();
            }
            Input::Stayed => self.phase = self.phase.stayed(),
            Input::Tick => {}
        }
        self.pass_time(now, &mut out);
        self.tell_events(&mut out);
        out
    }

    fn connect(&mut self, now: Duration, console: PublicKey, identity: Identity, out: &mut Vec<Output>) {
        self.sessions_so_far += 1;
        let stage = Stage::Greeting { until: now + GREETING_DEADLINE };
        self.session = Some(Session { number: self.sessions_so_far, console, stage });
        out.push(Output::Send(FromPartition::Hello(Hello {
            versions: Range::OURS,
            agent: self.settings.agent.clone(),
            run: self.settings.run,
            identity,
        })));
    }

    fn receive(&mut self, now: Duration, received: Result<FromConsole, Undecodable>, out: &mut Vec<Output>) {
        let Some(session) = &self.session else { return };
        let is_open = matches!(session.stage, Stage::Open { .. });
        self.hear(now);
        match received {
            Ok(FromConsole::Goodbye(goodbye)) => {
                self.session = None;
                out.extend([Output::Note(Note::ConsoleLeft(goodbye)), Output::Disconnect]);
            }
            Ok(FromConsole::Welcome(welcome)) if !is_open => self.open(now, welcome, out),
            Ok(FromConsole::Request(order)) if is_open => self.order(now, order, out),
            Ok(FromConsole::Seen(Seen { through })) if is_open => {
                if self.outbox.forget(through) {
                    out.push(Output::Seen(through));
                } else {
                    self.end(GoodbyeReason::Protocol, "an event was seen that was not sent", out);
                }
            }
            Ok(_) => self.end(GoodbyeReason::Protocol, "a message that is not allowed at this point", out),
            Err(error) if is_open => self.complain(now, &error, out),
            Err(_) => self.end(GoodbyeReason::Protocol, "the first message is no welcome", out),
        }
    }

    fn open(&mut self, now: Duration, welcome: Welcome, out: &mut Vec<Output>) {
        let Some(session) = &mut self.session else { return };
        if !Range::OURS.contains(welcome.version) {
            let text = format!("version {} was not offered", welcome.version);
            return self.end(GoodbyeReason::Version, &text, out);
        }
        let interval = Duration::from_millis(welcome.heartbeat_ms.into());
        if !(HEARTBEAT_SHORTEST..=HEARTBEAT_LONGEST).contains(&interval) {
            let text = format!("heartbeats each {interval:?}; a second to a minute is allowed");
            return self.end(GoodbyeReason::Protocol, &text, out);
        }
        let rate = Rate::new(REQUEST_BURST, REQUEST_COST);
        session.stage = Stage::Open { pulse: Pulse::new(now, interval), rate };
        self.ledger.serve(Owner { console: session.console, run: welcome.run });
        let seen = welcome.seen;
        if !self.outbox.start_over(seen) {
            return self.end(GoodbyeReason::Protocol, "an event was seen that was not sent", out);
        }
        out.push(Output::Welcomed(welcome));
        if seen > Sequence::default() {
            out.push(Output::Seen(seen));
        }
    }

    /// That of the session, where one is open.
    fn pulse(&mut self) -> Option<&mut Pulse> {
        match &mut self.session {
            Some(Session { stage: Stage::Open { pulse, .. }, .. }) => Some(pulse),
            _ => None,
        }
    }

    fn hear(&mut self, now: Duration) {
        if let Some(pulse) = self.pulse() {
            pulse.heard(now);
        }
    }

    fn hear_beat(&mut self, now: Duration) {
        if let Some(pulse) = self.pulse() {
            pulse.heard_beat(now);
        }
    }

    fn progress(&self, ticket: Ticket, done: u32, of: u32, text: String, out: &mut Vec<Output>) {
        if self.is_heard(ticket) {
            out.push(Output::Send(FromPartition::Progress(Progress { id: ticket.id, done, of, text })));
        }
    }

    fn finish(&mut self, now: Duration, ticket: Ticket, answer: Answer, out: &mut Vec<Output>) {
        // Asked before it is not running any more.
        let is_heard = self.is_heard(ticket);
        let running = self.running.take_if(|running| running.ticket == ticket);
        let is_kept = running.is_some_and(|running| self.end_running(now, &running, &answer));
        if is_heard {
            out.push(Output::Send(FromPartition::Answer(Reply { id: ticket.id, answer })));
        } else if !is_kept {
            out.push(Output::Note(Note::Unheard(ticket.id, answer)));
        }
    }

    /// Whether the answer is kept for the console that asked.
    fn end_running(&mut self, now: Duration, running: &Running, answer: &Answer) -> bool {
        self.phase = self.phase.finished(running.kind, matches!(answer, Answer::Done {}));
        if self.migration.is_none() {
            // Given up while the suspension was on its way.
            self.phase = self.phase.given_up();
        }
        if running.kind == Kind::Suspend {
            // The pulse stood still with the partition.
            self.hear(now);
        }
        self.ledger.finish(running.owner, running.ticket.id, answer.clone())
    }

    /// Whether there is a session whose console waits for the outcome: the one that asked, or for a change also a later one
    /// of the same console.
    fn is_heard(&self, ticket: Ticket) -> bool {
        let Some(Session { number, stage: Stage::Open { .. }, .. }) = &self.session else { return false };
        let running = self.running.as_ref().filter(|running| running.ticket == ticket);
        *number == ticket.session || running.is_some_and(|running| self.ledger.owner() == Some(running.owner))
    }

    fn resume(&mut self, record: MigrationRecord, out: &mut Vec<Output>) {
        if let Some(running) = self.running.take_if(|running| running.kind == Kind::Suspend) {
            self.ledger.finish(running.owner, running.ticket.id, Answer::Done {});
        }
        self.phase = self.phase.resumed();
        self.outbox.push(Event::Resumed(record));
        if self.session.is_some() {
            self.end(GoodbyeReason::Migrated, "the partition has migrated", out);
        }
    }

    fn pass_time(&mut self, now: Duration, out: &mut Vec<Output>) {
        match self.session.as_mut().map(|session| &mut session.stage) {
            Some(Stage::Greeting { until }) if now >= *until => {
                self.end(GoodbyeReason::Silent, "no welcome came in time", out);
            }
            Some(Stage::Open { pulse, .. }) if self.phase != Phase::Suspended => match pulse.due(now) {
                Due::Nothing => {}
                Due::Beat => out.push(Output::Beat),
                Due::GiveUp => self.end(GoodbyeReason::Silent, "nothing was heard for three intervals", out),
            },
            _ => {}
        }
    }

    fn tell_events(&mut self, out: &mut Vec<Output>) {
        if let Some(Session { stage: Stage::Open { .. }, .. }) = self.session {
            out.extend(self.outbox.send().map(|report| Output::Send(FromPartition::Event(report))));
        }
    }

    fn end(&mut self, reason: GoodbyeReason, text: &str, out: &mut Vec<Output>) {
        self.session = None;
        let goodbye = Goodbye { reason, text: text.to_owned() };
        out.push(Output::Send(FromPartition::Goodbye(goodbye.clone())));
        out.extend([Output::Note(Note::Ended(goodbye)), Output::Disconnect]);
    }
}

#[cfg(test)]
mod tests;
