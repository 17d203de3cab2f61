//! The console's end of the session with one partition, without sockets and clocks.
//!
//! One [`Console`] lives as long as the console knows the partition; sessions come and go in it. Each request that was asked
//! has exactly one [`Outcome`], and each event of a run of the agent comes out once, whatever the connections do.
//!
//! The caller hands in what happens, with the time; each call gives what there is to do, in order. It calls again at
//! [`Console::deadline`] at the latest, with [`Input::Tick`] if nothing else happens.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::hex::RunId;
use crate::limits::{GREETING_DEADLINE, HEARTBEAT_LONGEST, HEARTBEAT_SHORTEST, REPORT_BURST, REPORT_COST};
use crate::message::greeting::GoodbyeReason;
use crate::message::{
    Answer, Event, FromConsole, FromPartition, Goodbye, Hello, Order, Progress, Reply, Report, Request, RequestId,
    Seen, Sequence, Undecodable, Welcome,
};
use crate::pulse::{Due, Pulse};
use crate::rate::{Judgement, Rate};
use crate::version::Range;

/// What does not change while the console runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The console's name.
    pub name: String,
    /// This run, from randomness.
    pub run: RunId,
    /// Time between two heartbeats; taken as a second or a minute where it is out of that range.
    pub heartbeat: Duration,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// TLS with the partition is up. A connection that there was before is to be closed, with a goodbye (`replaced`) on it.
    Connected,
    /// The connection is gone.
    Disconnected,
    /// A message came, or what is none.
    Received(Result<FromPartition, Undecodable>),
    /// A heartbeat came.
    Heard,
    /// Time went by.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a message.
    Send(FromConsole),
    /// The partition is the session's: it may send longer messages now, and heartbeats begin.
    Welcomed(Hello),
    /// Send a heartbeat.
    Beat,
    /// A request is a step further.
    Progressed(Progress),
    /// A request is over.
    Ended(RequestId, Outcome),
    /// Something happened in the partition.
    Happened(Event),
    /// Close the connection when all is sent.
    Disconnect,
    /// Something for the log.
    Note(Note),
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The partition answered.
    Answered(Answer),
    /// It did not answer in time; it may still do what was asked.
    TimedOut,
    /// The agent that was asked is gone: what it did the partition's inventory tells.
    Unknown,
}

/// What a log should have of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// This side ended the session.
    Ended(Goodbye),
    /// The partition ended the session.
    PartitionLeft(Goodbye),
    /// A second connection took the place of the first.
    Replaced,
    /// An answer that nobody waits for any more.
    Late(RequestId, Answer),
}

/// Nothing can be asked: there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the partition is not connected")]
pub struct NotConnected;

/// The console's end.
#[derive(Debug)]
pub struct Console {
    settings: Settings,
    session: Option<Session>,
    /// The agent's run that requests and events belong to.
    agent: Option<RunId>,
    seen: Sequence,
    last_id: RequestId,
    waiting: BTreeMap<RequestId, Waiting>,
}

#[derive(Debug)]
enum Session {
    /// The partition has to say hello until then.
    Greeting { until: Duration },
    /// It did.
    Open { pulse: Pulse, rate: Rate },
}

/// A request without an outcome.
#[derive(Debug)]
struct Waiting {
    request: Request,
    until: Duration,
}

impl Console {
    /// The end for a partition that has not connected yet.
    pub fn new(mut settings: Settings) -> Self {
        settings.heartbeat = settings.heartbeat.clamp(HEARTBEAT_SHORTEST, HEARTBEAT_LONGEST);
        Self {
            settings,
            session: None,
            agent: None,
            seen: Sequence(0),
            last_id: RequestId(0),
            waiting: BTreeMap::new(),
        }
    }

    /// Whether the partition can be asked something.
    pub fn is_active(&self) -> bool {
        matches!(self.session, Some(Session::Open { .. }))
    }

    /// When to call again at the latest.
    pub fn deadline(&self) -> Option<Duration> {
        let session = match &self.session {
            Some(Session::Greeting { until }) => Some(*until),
            Some(Session::Open { pulse, .. }) if !self.is_suspended() => Some(pulse.deadline()),
            _ => None,
        };
        self.waiting.values().map(|waiting| waiting.until).chain(session).min()
    }

    /// Asks for something; its outcome comes within `patience`.
    pub fn ask(
        &mut self,
        now: Duration,
        request: Request,
        patience: Duration,
    ) -> Result<(RequestId, Vec<Output>), NotConnected> {
        if !self.is_active() {
            return Err(NotConnected);
        }
        self.last_id.0 += 1;
        let id = self.last_id;
        let send = Output::Send(FromConsole::Request(Order { id, request: request.clone() }));
        self.waiting.insert(id, Waiting { request, until: now + patience });
        Ok((id, vec![send]))
    }

    /// No outcome is waited for any more: the partition reported to another console how it went.
    pub fn settle(&mut self, id: RequestId) {
        self.waiting.remove(&id);
    }

    /// Takes leave of the partition, if it is there.
    pub fn leave(&mut self, reason: GoodbyeReason, text: &str) -> Vec<Output> {
        let mut out = Vec::new();
        if self.session.is_some() {
            self.end(reason, text, &mut out);
        }
        out
    }

    /// Takes what happened; gives what to do. All of it is done, in that order, before anything else is handed in or asked.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Connected => {
                let before = self.session.replace(Session::Greeting { until: now + GREETING_DEADLINE });
                out.extend(before.map(|_| Output::Note(Note::Replaced)));
            }
            Input::Disconnected => self.session = None,
            Input::Received(received) => self.receive(now, received, &mut out),
            Input::Heard => self.hear(now),
            Input::Tick => {}
        }
        self.pass_time(now, &mut out);
        out
    }

    fn receive(&mut self, now: Duration, received: Result<FromPartition, Undecodable>, out: &mut Vec<Output>) {
        let is_open = match &mut self.session {
            None => return,
            Some(Session::Greeting { .. }) => false,
            Some(Session::Open { rate, .. }) => {
                if rate.judge(now) != Judgement::Within {
                    return self.end(GoodbyeReason::Rate, "too many messages in too short a time", out);
                }
                true
            }
        };
        self.hear(now);
        match received {
            Ok(FromPartition::Goodbye(goodbye)) => {
                self.session = None;
                out.extend([Output::Note(Note::PartitionLeft(goodbye)), Output::Disconnect]);
            }
            Ok(FromPartition::Hello(hello)) if !is_open => self.open(now, hello, out),
            Ok(FromPartition::Progress(progress)) if is_open => out.push(Output::Progressed(progress)),
            Ok(FromPartition::Answer(Reply { id, answer })) if is_open => out.push(match self.waiting.remove(&id) {
                Some(_) => Output::Ended(id, Outcome::Answered(answer)),
                None => Output::Note(Note::Late(id, answer)),
            }),
            Ok(FromPartition::Event(Report { sequence, event })) if is_open => self.note_event(sequence, event, out),
            Ok(_) => self.end(GoodbyeReason::Protocol, "a message that is not allowed at this point", out),
            Err(error) => self.end(GoodbyeReason::Protocol, &error.explained(), out),
        }
    }

    fn open(&mut self, now: Duration, hello: Hello, out: &mut Vec<Output>) {
        let Some(version) = Range::OURS.newest_common(hello.versions) else {
            let text = format!("this console speaks version {}, the partition {}", Range::OURS, hello.versions);
            return self.end(GoodbyeReason::Version, &text, out);
        };
        let mut gone = BTreeMap::new();
        if self.agent != Some(hello.run) {
            self.agent = Some(hello.run);
            self.seen = Sequence(0);
            gone = std::mem::take(&mut self.waiting);
        }
        let (pulse, rate) = (Pulse::new(now, self.settings.heartbeat), Rate::new(REPORT_BURST, REPORT_COST));
        self.session = Some(Session::Open { pulse, rate });
        out.push(Output::Send(FromConsole::Welcome(Welcome {
            version,
            console: self.settings.name.clone(),
            run: self.settings.run,
            heartbeat_ms: u32::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u32::MAX),
            seen: self.seen,
        })));
        out.extend(self.waiting.iter().map(|(id, waiting)| {
            Output::Send(FromConsole::Request(Order { id: *id, request: waiting.request.clone() }))
        }));
        // First: who asks again what the agent before was asked asks this one.
        out.extend(gone.into_keys().map(|id| Output::Ended(id, Outcome::Unknown)));
        out.push(Output::Welcomed(hello));
    }

    /// An event that came before, in a session that broke, is seen again and not told again.
    fn note_event(&mut self, sequence: Sequence, event: Event, out: &mut Vec<Output>) {
        if sequence > self.seen {
            self.seen = sequence;
            out.push(Output::Happened(event));
            out.push(Output::Send(FromConsole::Seen(Seen { through: sequence })));
        }
    }

    fn hear(&mut self, now: Duration) {
        if let Some(Session::Open { pulse, .. }) = &mut self.session {
            pulse.heard(now);
        }
    }

    /// A partition that was asked to suspend is silent for as long as it takes.
    fn is_suspended(&self) -> bool {
        self.waiting.values().any(|waiting| matches!(waiting.request, Request::MigrationSuspend(_)))
    }

    fn pass_time(&mut self, now: Duration, out: &mut Vec<Output>) {
        let late: Vec<RequestId> =
            self.waiting.iter().filter(|(_, waiting)| now >= waiting.until).map(|(id, _)| *id).collect();
        for id in late {
            self.waiting.remove(&id);
            out.push(Output::Ended(id, Outcome::TimedOut));
        }
        let is_suspended = self.is_suspended();
        match &mut self.session {
            Some(Session::Greeting { until }) if now >= *until => {
                self.end(GoodbyeReason::Silent, "no hello came in time", out);
            }
            Some(Session::Open { pulse, .. }) if !is_suspended => match pulse.due(now) {
                Due::Nothing => {}
                Due::Beat => out.push(Output::Beat),
                Due::GiveUp => self.end(GoodbyeReason::Silent, "nothing was heard for three intervals", out),
            },
            _ => {}
        }
    }

    fn end(&mut self, reason: GoodbyeReason, text: &str, out: &mut Vec<Output>) {
        self.session = None;
        let goodbye = Goodbye { reason, text: text.to_owned() };
        out.push(Output::Send(FromConsole::Goodbye(goodbye.clone())));
        out.extend([Output::Note(Note::Ended(goodbye)), Output::Disconnect]);
    }
}

#[cfg(test)]
mod tests;
