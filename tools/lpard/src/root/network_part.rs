//! The network part, as the root part sees it: started, heard, judged, ended, started again.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use sysroot::Sysroot;
use wire::backoff::Backoff;
use wire::hex::MigrationId;
use wire::message::Answer;
use wire::message::answer::Failure;
use wire::phase::{Permit, Phase};
use wire::rate::{self, Rate};

use crate::log::{Chain, Log};
use crate::parts::channel::ChannelError;
use crate::parts::message::{Beginning, Confinement, Consoles, FromNetwork, FromRoot, Session, Ticket};
use crate::parts::permission::{Circumstances, FirstUse, Judgement, Stage, judge};
use crate::parts::start::Started;
use crate::random;

use super::unseen::{SaveError, Unseen};

/// Of a ticket's number, behind that of the part that gave it out: more than any will ever give.
const TICKET_BITS: u32 = 32;

/// What it may say at once: more than a console can make one say that is as it was built.
const TALK_BURST: u32 = 512;

/// What it may say after that: one message each so much.
const TALK_COST: Duration = Duration::from_millis(5);

/// The network part.
#[derive(Debug, Default)]
pub(super) struct NetworkPart {
    running: Option<Running>,
    backoff: Backoff,
    /// When to start one; none while there should be none, or is one.
    start_at: Option<Duration>,
    /// What consoles must hear, and none has seen.
    unseen: Unseen,
    /// How many were started.
    starts: u64,
}

#[derive(Debug)]
struct Running {
    started: Started,
    stage: Stage,
    confinement: Option<Confinement>,
    session: Option<Session>,
    /// Whom it was told last to call.
    consoles: Consoles,
    /// Why something could not be sent to it. It is ended for it at the next look.
    unsent: Option<ChannelError>,
    /// What was said since it was told how to begin, and before it serves.
    early: Vec<FromRoot>,
    rate: Rate,
}

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message that is permitted.
    Message(FromNetwork),
    /// A request that is not.
    NotNow(FromNetwork, Permit),
    /// It has ended.
    Lost,
}

impl Running {
    fn new(started: Started, consoles: Consoles) -> Self {
        let (confinement, session, unsent, early) = (None, None, None, Vec::new());
        let rate = Rate::new(TALK_BURST, TALK_COST);
        Self { started, stage: Stage::Starting, confinement, session, consoles, unsent, early, rate }
    }

    fn tell(&mut self, message: &FromRoot) {
        if let Err(error) = self.started.channel.send(message) {
            self.unsent = Some(error);
        }
    }
}

impl NetworkPart {
    /// None yet, and what consoles have not seen of an agent before this one.
    pub(super) fn with_unseen(unseen: Unseen) -> Self {
        Self { unseen, ..Self::default() }
    }

    /// Writes down what consoles have not seen, if that has changed.
    pub(super) fn save_unseen(&mut self, sysroot: &Sysroot) -> Result<(), SaveError> {
        self.unseen.save(sysroot)
    }

    /// Whether what consoles have not seen would outlive this agent.
    pub(super) fn has_saved_unseen(&self) -> bool {
        self.unseen.is_saved()
    }

    /// What consoles have not seen of a migration is told anew.
    pub(super) fn forget_migration(&mut self, migration: Option<MigrationId>) {
        self.unseen.forget_migration(migration);
    }

    /// There should be one from now on, or none. Says whether one has ended for it.
    pub(super) fn want(&mut self, wanted: bool, now: Duration) -> bool {
        let ends = !wanted && self.running.is_some();
        if !wanted {
            self.unseen.part_ended();
            *self = Self { unseen: std::mem::take(&mut self.unseen), starts: self.starts, ..Self::default() };
        } else if self.running.is_none() && self.start_at.is_none() {
            self.start_at = Some(now);
        }
        ends
    }

    /// When to call [`start_if_due`](Self::start_if_due) again.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.start_at
    }

    /// Starts one, when it is time.
    pub(super) fn start_if_due(
        &mut self,
        now: Duration,
        root: &Path,
        log: &Log,
        beginning: impl FnOnce(&Started, Ticket) -> Result<Beginning, String>,
    ) {
        if !self.is_due(now) {
            return;
        }
        let started = Started::new(root).map_err(|error| error.to_string());
        match started.and_then(|started| self.begin(started, beginning)) {
            Ok(()) => self.start_at = None,
            Err(error) => {
                log.error(format_args!("start the network part: {error}"));
                self.start_at = Some(now + self.backoff.after_failure(random::jitter()));
            }
        }
    }

    /// Whether it is time to start one.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.start_at.is_some_and(|at| now >= at)
    }

    /// Tells one that was started how to begin. Its tickets are behind those of all before it.
    fn begin(
        &mut self,
        mut started: Started,
        beginning: impl FnOnce(&Started, Ticket) -> Result<Beginning, String>,
    ) -> Result<(), String> {
        let beginning = beginning(&started, self.tickets_so_far())?;
        let consoles = beginning.consoles.clone();
        let begin = FromRoot::Begin(Box::new(beginning));
        started.channel.send(&begin).map_err(|error| Chain(&error).to_string())?;
        self.starts += 1;
        self.running = Some(Running::new(started, consoles));
        Ok(())
    }

    /// What to wait for, and whether something waits to be sent.
    pub(super) fn socket(&self) -> Option<(BorrowedFd<'_>, bool)> {
        use std::os::fd::AsFd as _;
        let channel = &self.running.as_ref()?.started.channel;
        Some((channel.as_fd(), channel.wants_to_send()))
    }

    /// The next thing that it says.
    pub(super) fn hear(&mut self, now: Duration, phase: Phase, first_use: FirstUse, log: &Log) -> Option<Heard> {
        let running = self.running.as_mut()?;
        let unsent = running.unsent.take().map_or(Ok(()), Err);
        let received =
            unsent.and_then(|()| running.started.channel.flush()).and_then(|()| running.started.channel.receive());
        let message = match received {
            Ok(Some(message)) => message,
            Ok(None) => return None,
            Err(error) => return Some(self.lost(now, &error, log)),
        };
        if running.rate.judge(now) != rate::Judgement::Within {
            log.error("the network part talks without end, and is ended");
            return Some(self.end(now));
        }
        match judge(&message, Circumstances { stage: running.stage, phase, first_use }) {
            Judgement::Taken => {
                self.note(&message);
                Some(Heard::Message(message))
            }
            Judgement::Refused(permit) => Some(Heard::NotNow(message, permit)),
            Judgement::Outrageous => {
                log.error(format_args!("the network part says what it must not say, and is ended: {message:?}"));
                Some(self.end(now))
            }
        }
    }

    fn note(&mut self, message: &FromNetwork) {
        let Some(running) = &mut self.running else { return };
        match message {
            FromNetwork::Confined(confinement) => {
                running.stage = Stage::Serving;
                running.confinement = Some(*confinement);
                // Whom it may believe comes first.
                for message in std::mem::take(&mut running.early) {
                    running.tell(&message);
                }
                self.give();
            }
            FromNetwork::Connected(session) => {
                running.session = Some(session.clone());
                self.backoff.reset();
            }
            FromNetwork::Disconnected { .. } => running.session = None,
            FromNetwork::Seen { through } => self.unseen.seen(*through),
            FromNetwork::Perform { .. } | FromNetwork::Stop { .. } | FromNetwork::FirstUse(_) | FromNetwork::Nobody => {
            }
        }
    }

    fn lost(&mut self, now: Duration, error: &dyn std::error::Error, log: &Log) -> Heard {
        if self.running.as_ref().is_none_or(|running| running.stage != Stage::Ending) {
            log.warning(format_args!("the network part is lost: {}", Chain(error)));
        }
        self.end(now)
    }

    fn end(&mut self, now: Duration) -> Heard {
        self.running = None;
        self.unseen.part_ended();
        self.start_at = Some(now + self.backoff.after_failure(random::jitter()));
        Heard::Lost
    }

    /// Asks it to take leave of its console and end.
    pub(super) fn take_leave(&mut self) {
        if let Some(running) = &mut self.running {
            running.tell(&FromRoot::End);
            running.stage = Stage::Ending;
        }
    }

    /// The last ticket that any of them may have given out; requests of one that has ended may still be under way.
    fn tickets_so_far(&self) -> Ticket {
        Ticket(self.starts << TICKET_BITS)
    }

    /// Tells it something that only matters to it. One that was told how to begin has to hear what has changed since.
    pub(super) fn tell(&mut self, message: &FromRoot) {
        match &mut self.running {
            Some(running) if running.stage == Stage::Serving => running.tell(message),
            Some(running) if running.stage == Stage::Starting => running.early.push(message.clone()),
            _ => {}
        }
    }

    /// Answers a request. An answer that is too long for a message becomes one that says so.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        let Some(running) = self.serving() else { return };
        let sent = running.started.channel.send(&FromRoot::Finished { ticket, answer: Box::new(answer) });
        match sent {
            Err(ChannelError::CannotSend(bytes)) => {
                let text = format!("the answer has {bytes} bytes, more than a session takes; ask the partition itself");
                let answer = Box::new(Answer::Failed(Failure { text, errno: None, firmware: None }));
                running.tell(&FromRoot::Finished { ticket, answer });
            }
            sent => running.unsent = sent.err(),
        }
    }

    fn serving(&mut self) -> Option<&mut Running> {
        self.running.as_mut().filter(|running| running.stage == Stage::Serving)
    }

    /// Tells it something that consoles must hear, sooner or later.
    pub(super) fn tell_surely(&mut self, message: FromRoot) {
        self.unseen.push(message);
        self.give();
    }

    /// Gives it what consoles have not seen. One that has ended cannot take it, and the next one is given all of it.
    fn give(&mut self) {
        let Some(running) = self.running.as_mut().filter(|running| running.stage == Stage::Serving) else { return };
        while let Some(message) = self.unseen.next() {
            match running.started.channel.send(message) {
                Ok(()) => self.unseen.given(),
                Err(ChannelError::CannotSend(_)) => self.unseen.drop_next(),
                Err(error) => return running.unsent = Some(error),
            }
        }
    }

    /// Tells it whom to call.
    pub(super) fn tell_consoles(&mut self, consoles: Consoles) {
        self.tell(&FromRoot::Consoles(consoles.clone()));
        if let Some(running) = &mut self.running {
            running.consoles = consoles;
        }
    }

    /// Whether that is what it was told last.
    pub(super) fn knows(&self, consoles: &Consoles) -> bool {
        self.running.as_ref().is_some_and(|running| running.consoles == *consoles)
    }

    /// What holds it.
    pub(super) fn confinement(&self) -> Option<Confinement> {
        self.running.as_ref()?.confinement
    }

    /// With whom it has a session.
    pub(super) fn session(&self) -> Option<&Session> {
        self.running.as_ref()?.session.as_ref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use wire::hex::RunId;
    use wire::message::inventory::{Identity, Machine};
    use wire::message::migration::{HookOutcome, HookResult};

    use super::*;
    use crate::parts::channel::{Channel, pair};
    use crate::parts::message::Landlock;

    /// One that serves, and the other end of its channel.
    fn serving() -> (NetworkPart, Channel<FromNetwork, FromRoot>) {
        let (channel, theirs) = pair().unwrap();
        let started = Started { channel, child: None };
        let running = Running { stage: Stage::Serving, ..Running::new(started, Consoles::default()) };
        (NetworkPart { running: Some(running), ..NetworkPart::default() }, Channel::new(theirs))
    }

    fn hear(part: &mut NetworkPart) -> Option<Heard> {
        part.hear(Duration::ZERO, Phase::Ready, FirstUse::Forbidden, &Log::to_stderr())
    }

    fn settled() -> FromRoot {
        FromRoot::Settled { hooks: Vec::new() }
    }

    fn long_text() -> String {
        "x".repeat(2 << 20)
    }

    #[test]
    fn what_changes_while_it_starts_is_told_when_it_serves_and_before_what_waited() {
        let (mut part, mut theirs) = serving();
        part.running.as_mut().unwrap().stage = Stage::Starting;
        part.tell_surely(FromRoot::Settled { hooks: Vec::new() });
        part.tell(&FromRoot::Consoles(Consoles::default()));
        let confinement = Confinement { unprivileged: true, no_new_privileges: true, landlock: Landlock::Full };
        theirs.send(&FromNetwork::Confined(confinement)).unwrap();
        assert!(matches!(hear(&mut part), Some(Heard::Message(FromNetwork::Confined(_)))));
        assert_eq!(theirs.receive().unwrap(), Some(FromRoot::Consoles(Consoles::default())));
        assert_eq!(theirs.receive().unwrap(), Some(FromRoot::Settled { hooks: Vec::new() }));
    }

    #[test]
    fn what_consoles_must_hear_and_could_not_be_sent_waits_for_the_next_one() {
        let (mut part, theirs) = serving();
        drop(theirs);
        part.tell_surely(settled());
        assert!(matches!(hear(&mut part), Some(Heard::Lost)));
        assert_eq!(part.unseen.next(), Some(&settled()));
    }

    #[test]
    fn what_one_has_got_and_no_console_has_seen_is_for_the_next_one() {
        for is_seen in [false, true] {
            let (mut part, mut theirs) = serving();
            part.tell_surely(settled());
            assert_eq!((theirs.receive().unwrap(), part.unseen.next()), (Some(settled()), None));
            if is_seen {
                theirs.send(&FromNetwork::Seen { through: 1 }).unwrap();
                assert!(matches!(hear(&mut part), Some(Heard::Message(FromNetwork::Seen { .. }))));
            }
            drop(theirs);
            assert!(matches!(hear(&mut part), Some(Heard::Lost)));
            assert_eq!(part.unseen.next(), (!is_seen).then(settled).as_ref());
        }
    }

    #[test]
    fn what_is_too_long_for_any_of_them_ends_none() {
        let (mut part, mut theirs) = serving();
        let hook = HookOutcome { name: long_text(), result: HookResult::Exited(0) };
        part.tell_surely(FromRoot::Settled { hooks: vec![hook] });
        part.tell_surely(settled());
        assert_eq!(theirs.receive().unwrap(), Some(settled()));
        assert!(hear(&mut part).is_none(), "and all goes on");
    }

    #[test]
    fn it_knows_what_it_was_told_last() {
        let (mut part, mut theirs) = serving();
        assert!(part.knows(&Consoles::default()));
        let consoles = Consoles { discover_on: Some("mgmt".into()), ..Consoles::default() };
        part.tell_consoles(consoles.clone());
        assert_eq!(theirs.receive().unwrap(), Some(FromRoot::Consoles(consoles.clone())));
        assert!(part.knows(&consoles) && !part.knows(&Consoles::default()));
    }

    fn beginning(tickets_after: Ticket) -> Beginning {
        let machine = Machine { type_model: "8286-41A".into(), serial: "1".into() };
        Beginning {
            become_user: None,
            key: Vec::new(),
            run: RunId(1),
            tickets_after,
            identity: Identity { id: 3, name: None, uuid: None, machine },
            consoles: Consoles::default(),
            parent: 1,
        }
    }

    #[test]
    fn no_ticket_is_given_out_by_two_of_them() {
        let mut part = NetworkPart::default();
        let mut begun = || {
            let (channel, theirs) = pair().unwrap();
            part.begin(Started { channel, child: None }, |_, tickets_after| Ok(beginning(tickets_after))).unwrap();
            let mut theirs: Channel<FromNetwork, FromRoot> = Channel::new(theirs);
            let Some(FromRoot::Begin(beginning)) = theirs.receive().unwrap() else { panic!() };
            beginning.tickets_after.0
        };
        let (first, second) = (begun(), begun());
        assert!(second - first >= 1 << TICKET_BITS, "{first} {second}");
    }

    #[test]
    fn an_answer_that_is_too_long_becomes_one_that_says_so() {
        let (mut part, mut theirs) = serving();
        let answer = Answer::Failed(Failure { text: long_text(), errno: None, firmware: None });
        part.answer(Ticket(7), answer);
        let Some(FromRoot::Finished { ticket, answer }) = theirs.receive().unwrap() else { panic!() };
        let Answer::Failed(failure) = *answer else { panic!("{answer:?}") };
        assert!(ticket == Ticket(7) && failure.text.starts_with("the answer has 2097"), "{}", failure.text);
        assert!(hear(&mut part).is_none(), "and all goes on");
    }

    #[test]
    fn one_that_does_not_read_is_ended_and_started_again() {
        let (mut part, _theirs) = serving();
        while part.running.as_ref().unwrap().unsent.is_none() {
            part.tell(&FromRoot::End);
        }
        assert!(matches!(hear(&mut part), Some(Heard::Lost)));
        assert!(part.running.is_none() && part.deadline().is_some());
    }

    #[test]
    fn one_that_talks_without_end_is_ended() {
        for pause_ms in [0, 3, 5] {
            let (mut part, mut theirs) = serving();
            let heard = (0..4 * u64::from(TALK_BURST)).find(|number| {
                theirs.send(&FromNetwork::Nobody).unwrap();
                let now = Duration::from_millis(number * pause_ms);
                matches!(part.hear(now, Phase::Ready, FirstUse::Forbidden, &Log::nowhere()), Some(Heard::Lost))
            });
            assert_eq!(heard.is_some(), pause_ms < 5, "one each {pause_ms} ms: {heard:?}");
        }
    }

    #[test]
    fn what_matters_only_to_one_that_is_there_is_dropped() {
        let mut part = NetworkPart::default();
        part.tell_surely(settled());
        part.tell(&FromRoot::End);
        part.unseen.given();
        assert_eq!(part.unseen.next(), None);
    }
}
