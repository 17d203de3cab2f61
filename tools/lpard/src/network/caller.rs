//! Carries what is said between consoles, the session and the root part.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use std::os::fd::AsFd as _;
use wire::channel::Channel;
use wire::key::{KeyError, PrivateKey, PublicKey};
use wire::message::greeting::{GoodbyeReason, Welcome};
use wire::message::inventory::Identity;
use wire::message::migration::ConsoleContact;
use wire::message::{FromConsole, Goodbye, Sequence, decode};
use wire::partition::{Input, Note, Output, Partition, Settings};
use wire::tls::{TlsError, Trust, partition_config, partition_connection};

use super::agenda::{Agenda, Do};
use super::complaints::Complaints;
use super::discover::{Answers, Asked, is_link_local};
use super::heartbeat_socket::HeartbeatSocket;
use super::link::{Heard, Link, LinkError};
use crate::config::ConsoleAddress;
use crate::log::{Chain, Log};
use crate::look::Look;
use crate::parts::message::{Beginning, Consoles, FromNetwork, FromRoot, Session, Ticket};
use crate::random;

const AGENT: &str = concat!("lpard ", env!("CARGO_PKG_VERSION"));

/// Of whom is complained when what came is no answer of a console that is believed.
const ANSWERS: &str = "an answer was passed over";

/// Why there can be no session at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("use the agent's key")]
    Key(#[from] KeyError),
}

/// What is to be done after a look at everything.
#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) to_root: Vec<FromNetwork>,
    /// When to look again at the latest.
    pub(super) deadline: Option<Duration>,
    /// The root part wants this part to end.
    pub(super) ends: bool,
}

/// The session with its connections.
#[derive(Debug)]
pub(super) struct Caller {
    log: Log,
    key: PrivateKey,
    identity: Identity,
    consoles: Consoles,
    agenda: Agenda,
    look: Look,
    session: Partition,
    link: Option<Link>,
    beats: HeartbeatSocket,
    asked: Option<Asked>,
    complaints: Complaints,
    /// Requests that the root part has, by the names that it knows.
    tickets: BTreeMap<Ticket, wire::partition::Ticket>,
    last_ticket: u64,
    /// The key that the console of this connection has proved.
    proved: Option<PublicKey>,
    to_root: Vec<FromNetwork>,
    ends: bool,
}

impl Caller {
    pub(super) fn new(beginning: Beginning, beats: HeartbeatSocket, log: Log) -> Result<Self, SetupError> {
        let settings = Settings { agent: AGENT.to_owned(), run: beginning.run, observes: false };
        let mut caller = Self {
            log,
            key: PrivateKey::from_pkcs8(beginning.key)?,
            identity: beginning.identity,
            consoles: Consoles::default(),
            agenda: Agenda::default(),
            look: Look::default(),
            session: Partition::new(settings),
            link: None,
            beats,
            asked: None,
            complaints: Complaints::default(),
            tickets: BTreeMap::new(),
            last_ticket: beginning.tickets_after.0,
            proved: None,
            to_root: Vec::new(),
            ends: false,
        };
        caller.take_consoles(Duration::ZERO, beginning.consoles);
        Ok(caller)
    }

    /// Does what is due; says when to come again.
    pub(super) fn tick(&mut self, now: Duration) -> Next {
        if self.link.is_none() && self.asked.is_none() && !self.ends {
            match self.agenda.due(now) {
                Some(Do::Call(address)) => self.call(now, address),
                Some(Do::Ask) => self.ask(now),
                None => {}
            }
        }
        self.input(now, Input::Tick);
        if self.look.is_due(now) {
            self.to_root.push(FromNetwork::Nobody);
        }
        let deadlines = [
            self.session.deadline(),
            self.look.deadline(),
            self.link.as_ref().and_then(Link::deadline),
            self.asked.as_ref().map(Asked::until),
            self.agenda.deadline().filter(|_| self.link.is_none() && self.asked.is_none()),
        ];
        let to_root = std::mem::take(&mut self.to_root);
        Next { to_root, deadline: deadlines.into_iter().flatten().min(), ends: self.ends }
    }

    /// What to wait for.
    pub(super) fn sockets(&self) -> Vec<PollFd<'_>> {
        let asked = self.asked.iter().filter_map(Asked::socket).map(|socket| PollFd::new(socket, PollFlags::POLLIN));
        // Without a session nobody's heartbeats are of interest: a flood of them wakes nobody.
        let beats = self.link.iter().map(|_| PollFd::new(self.beats.as_fd(), PollFlags::POLLIN));
        self.link.iter().map(Link::socket).chain(beats).chain(asked).collect()
    }

    /// Something of the network has changed: what failed before may work now.
    pub(super) fn link_changed(&mut self, now: Duration) {
        if self.link.is_none() {
            self.agenda.start_over(now);
            self.look_when_idle(now);
        }
    }

    /// Nobody is left to call: an adapter may be the management network's that was not there, or had no link, when it was looked
    /// for. Who looks and finds the same says nothing, so that this does not go on and on.
    fn look_when_idle(&mut self, now: Duration) {
        if self.link.is_none() && self.agenda.deadline().is_none() {
            self.look.want(now);
        }
    }

    /// Neither a call nor a question brought anything. After the last of a round the root part looks whether it knows of others.
    fn in_vain(&mut self, now: Duration) {
        self.agenda.failed(now, random::jitter());
        self.want_look(now);
    }

    fn want_look(&mut self, now: Duration) {
        if self.agenda.is_between_rounds() {
            self.look.want(now);
        }
    }

    /// Looks what came from the network.
    pub(super) fn look_at_sockets(&mut self, now: Duration) {
        if let Some(link) = &mut self.link {
            let heard = link.look(now);
            self.hear_console(now, heard);
        }
        self.hear_beats(now);
        self.hear_answers(now);
    }

    fn hear_answers(&mut self, now: Duration) {
        let trust = self.trust();
        let Some(asked) = &mut self.asked else { return };
        let Answers { found, rejected } = asked.answers(&trust);
        let is_over = now >= asked.until();
        for error in &rejected {
            self.complain(ANSWERS, &Chain(error).to_string());
        }
        if let Some(address) = found {
            self.asked = None;
            self.agenda.found(now, address);
        } else if is_over {
            self.asked = None;
            self.in_vain(now);
        }
    }

    /// For the log: what the network, or who is on it, did wrong.
    fn complain(&mut self, of: &str, what: &str) {
        if self.complaints.is_news(of, what) {
            self.log.info(format_args!("{of}: {what}"));
        }
    }

    /// The same of the console of this connection.
    fn complain_of_console(&mut self, what: &str) {
        let address = self.link.as_ref().map(|link| link.address().to_string()).unwrap_or_default();
        self.complain(&format!("console {address}"), what);
    }

    /// Takes what the root part says.
    pub(super) fn hear_root(&mut self, now: Duration, message: FromRoot) {
        match message {
            // The first word was said already.
            FromRoot::Begin(_) => {}
            FromRoot::Consoles(consoles) => self.take_consoles(now, consoles),
            FromRoot::Identity(identity) => self.identity = identity,
            FromRoot::Progressed { ticket, done, of, text } => {
                if let Some(ticket) = self.tickets.get(&ticket).copied() {
                    self.input(now, Input::Progressed { ticket, done, of, text });
                }
            }
            FromRoot::Finished { ticket, answer } => {
                if let Some(ticket) = self.tickets.remove(&ticket) {
                    self.input(now, Input::Finished { ticket, answer: *answer });
                }
            }
            FromRoot::Happened(event) => self.input(now, Input::Happened(event)),
            FromRoot::Resumed { record, console } => {
                // It may have come back to where it was: then the console that it has known until now is the right one.
                let before = self.link.as_ref().map(|link| link.address().clone());
                self.input(now, Input::Resumed(record));
                self.hang_up(now);
                self.complaints.forget_all();
                // Nobody waits for who is there: it is known.
                self.asked = None;
                let handed_over = console.map(|console| self.addresses_of(&console)).unwrap_or_default();
                self.agenda.prefer(now, handed_over.into_iter().chain(before));
                // The hypervisor may name others here.
                self.look.want(now);
            }
            FromRoot::Settled { hooks } => self.input(now, Input::Settled { hooks }),
            FromRoot::GivenUp => self.input(now, Input::GivenUp),
            FromRoot::Stayed => self.input(now, Input::Stayed),
            FromRoot::End => {
                let goodbye = self.session.leave(GoodbyeReason::Leaving, "the agent stops");
                self.perform_all(now, goodbye);
                self.ends = true;
            }
        }
    }

    fn take_consoles(&mut self, now: Duration, consoles: Consoles) {
        if self.calls_one_who_is_not_in(&consoles) {
            // It may take its time to fail, and nobody waits for it any more.
            self.input(now, Input::Disconnected);
            self.hang_up(now);
        }
        let is_believed = self.link.is_none() || self.proved.is_none_or(|key| consoles.trusted.contains(&key));
        if self.consoles.discover_on != consoles.discover_on {
            // Nobody may be believed for what comes on another link, or on none.
            self.asked = None;
        }
        self.agenda.replace(now, consoles.addresses.clone(), consoles.discover_on.is_some());
        self.complaints.forget_all();
        self.consoles = consoles;
        if !is_believed {
            self.log.notice("the console of this session is not trusted any more");
            self.input(now, Input::Disconnected);
            self.hang_up(now);
        }
        self.look_when_idle(now);
    }

    /// Whether a console is being called whose address is known no more. One that was discovered never was.
    fn calls_one_who_is_not_in(&self, consoles: &Consoles) -> bool {
        let Some(link) = self.link.as_ref().filter(|_| self.proved.is_none()) else { return false };
        self.consoles.addresses.contains(link.address()) && !consoles.addresses.contains(link.address())
    }

    /// A link-local address of a contact is on the management network.
    fn addresses_of(&self, contact: &ConsoleContact) -> Vec<ConsoleAddress> {
        let interface = |ip| if is_link_local(ip) { self.consoles.discover_on.clone() } else { None };
        let address = |ip| ConsoleAddress { ip, interface: interface(ip), port: contact.port };
        contact.addresses.iter().map(|ip| address(*ip)).collect()
    }

    fn trust(&self) -> Trust {
        if self.consoles.first_use && self.consoles.trusted.is_empty() {
            return Trust::FirstUse;
        }
        Trust::Pinned(self.consoles.trusted.iter().copied().collect())
    }

    /// Trust may have changed while it proved its key.
    fn believes(&self, console: PublicKey) -> bool {
        match self.trust() {
            Trust::Pinned(keys) => keys.contains(&console),
            Trust::FirstUse => true,
        }
    }

    fn call(&mut self, now: Duration, address: ConsoleAddress) {
        let text = address.to_string();
        let called = self.channel().map_err(CallError::from).and_then(|channel| Ok(Link::call(now, address, channel)?));
        match called {
            Ok(link) => self.link = Some(link),
            Err(error) => {
                self.complain(&format!("console {text}"), &Chain(&error).to_string());
                self.in_vain(now);
            }
        }
    }

    fn channel(&self) -> Result<Channel, TlsError> {
        Ok(Channel::new(partition_connection(partition_config(&self.key, self.trust())?)?))
    }

    fn ask(&mut self, now: Duration) {
        let Some(interface) = self.consoles.discover_on.clone() else { return };
        match Asked::ask(now, &interface) {
            Ok(asked) => self.asked = Some(asked),
            Err(error) => {
                self.complain(&format!("ask for consoles on {interface}"), &Chain(&error).to_string());
                self.in_vain(now);
            }
        }
    }

    fn hear_console(&mut self, now: Duration, heard: Heard) {
        if let Some(console) = heard.proved {
            if !self.believes(console) {
                self.complain_of_console(&format!("the key {} is not trusted any more", console.fingerprint()));
                return self.hang_up(now);
            }
            self.input(now, Input::Connected { console, identity: self.identity.clone() });
            self.proved = Some(console);
        }
        for message in heard.messages {
            self.input(now, Input::Received(decode::<FromConsole>(&message)));
        }
        if let Some(error) = heard.over {
            if self.link.is_some() {
                self.lost(now, &error);
            }
        }
    }

    fn hear_beats(&mut self, now: Duration) {
        let Some(link) = &mut self.link else { return };
        let from = link.address().ip;
        let mut heard = false;
        for datagram in self.beats.receive(from) {
            heard |= link.is_beat(&datagram);
        }
        if heard {
            self.input(now, Input::Heard);
        }
    }

    /// The connection is over, and not by us.
    fn lost(&mut self, now: Duration, error: &LinkError) {
        self.complain_of_console(&Chain(error).to_string());
        self.input(now, Input::Disconnected);
        self.hang_up(now);
        self.want_look(now);
    }

    /// Closes the connection, if there is one, and sees to the next.
    fn hang_up(&mut self, now: Duration) {
        let Some(link) = self.link.take() else { return };
        if link.is_welcomed() {
            let why = format!("the session with {} is over", link.address());
            self.to_root.push(FromNetwork::Disconnected { why });
        }
        link.close();
        self.proved = None;
        self.agenda.failed(now, random::jitter());
        self.look_when_idle(now);
    }

    /// Hands something to the session, and does what it says.
    fn input(&mut self, now: Duration, input: Input) {
        let outputs = self.session.handle(now, input);
        self.perform_all(now, outputs);
    }

    fn perform_all(&mut self, now: Duration, outputs: Vec<Output>) {
        for output in outputs {
            if let Err(error) = self.perform(now, output) {
                return self.lost(now, &error);
            }
        }
    }

    fn perform(&mut self, now: Duration, output: Output) -> Result<(), LinkError> {
        match output {
            Output::Send(message) => self.link.as_mut().map_or(Ok(()), |link| link.send(&message))?,
            Output::Welcomed(welcome) => self.welcomed(now, &welcome)?,
            Output::Beat => self.link.as_mut().map_or(Ok(()), |link| link.beat(&self.beats))?,
            Output::Perform { ticket, request } => {
                self.last_ticket += 1;
                let name = Ticket(self.last_ticket);
                self.tickets.insert(name, ticket);
                self.to_root.push(FromNetwork::Perform { ticket: name, request: Box::new(request) });
            }
            Output::Stop(stopped) => {
                let named = self.tickets.iter().find(|(_, ticket)| **ticket == stopped);
                self.to_root.extend(named.map(|(name, _)| FromNetwork::Stop { ticket: *name }));
            }
            Output::Seen(Sequence(through)) => self.to_root.push(FromNetwork::Seen { through }),
            Output::Disconnect => self.hang_up(now),
            Output::Note(note) => self.tell(&note),
        }
        Ok(())
    }

    fn welcomed(&mut self, now: Duration, welcome: &Welcome) -> Result<(), LinkError> {
        let (Some(link), Some(key)) = (&mut self.link, self.proved) else { return Ok(()) };
        link.welcomed(self.identity.id)?;
        let address = link.address().clone();
        self.agenda.succeeded(now, &address);
        self.complaints.forget(&format!("console {address}"));
        self.complaints.forget(ANSWERS);
        if self.consoles.first_use && self.consoles.trusted.is_empty() {
            let (name, addresses, port) = (welcome.console.clone(), vec![address.ip], address.port);
            self.to_root.push(FromNetwork::FirstUse(ConsoleContact { name, key, addresses, port }));
        }
        self.to_root.push(FromNetwork::Connected(Session { console: welcome.console.clone(), key, address }));
        Ok(())
    }

    fn tell(&mut self, note: &Note) {
        let goodbye = |Goodbye { reason, text }: &Goodbye| format!("{reason:?}: {text}");
        match note {
            Note::Refused(id, refusal) => {
                self.log.warning(format_args!("request {} is refused: {:?}: {}", id.0, refusal.reason, refusal.text));
            }
            Note::Ended(said) => self.complain_of_console(&format!("the session was ended here: {}", goodbye(said))),
            Note::ConsoleLeft(said) => self.complain_of_console(&format!("it left: {}", goodbye(said))),
            Note::Unheard(id, _) => {
                self.log.info(format_args!("nobody waits for the outcome of request {} any more", id.0));
            }
        }
    }
}

/// Why a call did not even begin.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum CallError {
    Tls(#[from] TlsError),
    Link(#[from] LinkError),
}
