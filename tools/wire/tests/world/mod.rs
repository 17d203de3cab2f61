//! A partition and two consoles over a bad network, in virtual time: TCP that breaks with or without notice and delivers in
//! pieces, datagrams that get lost, agents and consoles that restart.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod engine;
mod link;

use std::collections::BTreeMap;
use std::time::Duration;

use wire::backoff::Backoff;
use wire::console::{self, Console, Outcome};
use wire::hex::{MigrationId, RunId, StreamId};
use wire::key::{PrivateKey, PublicKey};
use wire::message::greeting::GoodbyeReason;
use wire::message::inventory::{Identity, Machine};
use wire::message::migration::{ConsoleContact, Prepare, Suspend};
use wire::message::{Answer, Event, Goodbye, Request, RequestId, decode, encode};
use wire::partition::{self, Partition};
use wire::phase::Phase;

pub use engine::Engine;
use link::{End, Link};

const HEARTBEAT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(600);

/// What befalls the world.
#[derive(Debug, Clone)]
pub enum Blow {
    /// A console asks for a change, or to look.
    Ask { change: bool },
    /// Something happens in the partition.
    Happen,
    /// The connection breaks; each side notices at once or finds out by itself.
    Cut { partition_notices: bool, console_notices: bool },
    /// Bytes on their way take longer.
    Stall { ms: u64 },
    /// So many datagrams get lost.
    LoseBeats { count: u32 },
    /// The agent dies and starts anew.
    RestartAgent,
    /// The console that the partition is with starts anew.
    RestartConsole,
    /// The partition goes to the other console; perhaps its kernel refuses.
    Migrate { kernel_refuses: bool },
}

struct Site {
    console: Console,
    key: PublicKey,
    /// Its run.
    runs: u64,
    /// What it asked last in a migration.
    suspension: Option<RequestId>,
}

/// Everything.
pub struct World {
    now: Duration,
    partition: Partition,
    agent_runs: u64,
    engine: Engine,
    sites: [Site; 2],
    /// The console that the partition calls.
    at: usize,
    link: Option<Link>,
    links_so_far: u64,
    dial_at: Option<Duration>,
    backoff: Backoff,
    random: u32,
    lose_beats: u32,
    happened: u64,
    pub asked: Vec<(u64, RequestId)>,
    pub outcomes: BTreeMap<(u64, RequestId), Vec<Outcome>>,
    pub told: Vec<(u64, Event)>,
    pub heard: Vec<Event>,
    pub goodbyes: Vec<Goodbye>,
    pub migrations: u64,
}

fn key(seed: u8) -> PublicKey {
    PrivateKey::from_seed(&[seed; 32]).unwrap().public()
}

fn new_console(runs: u64) -> Console {
    Console::new(console::Settings { name: "c".into(), run: RunId(runs), heartbeat: HEARTBEAT })
}

fn new_partition(runs: u64) -> Partition {
    Partition::new(partition::Settings { agent: "test".into(), run: RunId(runs), observes: false })
}

fn machine() -> Machine {
    Machine { type_model: "8286-41A".into(), serial: "1".into() }
}

impl World {
    pub fn new(random: u32) -> Self {
        let site = |runs, seed| Site { console: new_console(runs), key: key(seed), runs, suspension: None };
        Self {
            now: Duration::ZERO,
            partition: new_partition(1),
            agent_runs: 1,
            engine: Engine::default(),
            sites: [site(1, 1), site(1_000_001, 2)],
            at: 0,
            link: None,
            links_so_far: 0,
            dial_at: Some(Duration::ZERO),
            backoff: Backoff::default(),
            random,
            lose_beats: 0,
            happened: 0,
            asked: Vec::new(),
            outcomes: BTreeMap::new(),
            told: Vec::new(),
            heard: Vec::new(),
            goodbyes: Vec::new(),
            migrations: 0,
        }
    }

    pub fn is_active(&self) -> bool {
        self.sites[self.at].console.is_active() && self.link.as_ref().is_some_and(Link::is_whole)
    }

    pub fn phase(&self) -> Phase {
        self.partition.phase()
    }

    pub fn unseen_events(&self) -> usize {
        self.partition.unseen_events()
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Any number, another one each time.
    fn draw(&mut self) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.random
    }

    /// Lets time go by.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        for step in 0.. {
            assert!(step < 200_000, "time stands still at {:?}", self.now);
            let next = self.next_time().filter(|next| *next <= end);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.step();
        }
        self.now = end;
    }

    fn next_time(&self) -> Option<Duration> {
        let link = self.link.as_ref().and_then(Link::next_arrival);
        let consoles = self.sites.iter().filter_map(|site| site.console.deadline());
        let others = [self.partition.deadline(), link, self.dial_at, self.engine.next_end()];
        others.into_iter().flatten().chain(consoles).min()
    }

    /// Does what is due now, one thing of each kind.
    fn step(&mut self) {
        if self.dial_at.is_some_and(|at| at <= self.now) {
            self.dial();
        }
        if let Some(input) = self.engine.take_end(self.now) {
            if matches!(input, partition::Input::Resumed(_)) {
                self.arrive_elsewhere();
            }
            self.tell_partition(input);
        }
        self.receive();
        self.tell_partition(partition::Input::Tick);
        for site in 0..2 {
            self.tell_console(site, console::Input::Tick);
        }
    }

    fn dial(&mut self) {
        self.dial_at = None;
        self.links_so_far += 1;
        self.link = Some(Link::new(self.at));
        let identity = Identity { id: 3, name: None, uuid: None, machine: machine() };
        self.tell_console(self.at, console::Input::Connected);
        self.tell_partition(partition::Input::Connected { console: self.sites[self.at].key, identity });
    }

    fn dial_later(&mut self) {
        let wait = self.backoff.after_failure(self.random);
        self.draw();
        self.dial_at = Some(self.now + wait);
    }

    fn receive(&mut self) {
        let Some(link) = &mut self.link else { return };
        let number = self.links_so_far;
        let (site, arrived) = (link.site, link.arrivals(self.now));
        for arrival in arrived {
            // What comes first may end the connection.
            if self.links_so_far != number || self.link.is_none() {
                return;
            }
            match arrival {
                link::Arrival::Message(End::Console, bytes) => {
                    self.tell_console(site, console::Input::Received(decode(&bytes)));
                }
                link::Arrival::Message(End::Partition, bytes) => {
                    self.tell_partition(partition::Input::Received(decode(&bytes)));
                }
                link::Arrival::Beat(End::Console) => self.tell_console(site, console::Input::Heard),
                link::Arrival::Beat(End::Partition) => self.tell_partition(partition::Input::Heard),
                link::Arrival::Closed(End::Console) => self.tell_console(site, console::Input::Disconnected),
                link::Arrival::Closed(End::Partition) => {
                    self.link = None;
                    self.tell_partition(partition::Input::Disconnected);
                    self.dial_later();
                }
            }
        }
    }

    fn tell_partition(&mut self, input: partition::Input) {
        for output in self.partition.handle(self.now, input) {
            match output {
                partition::Output::Send(message) => {
                    let frame = encode(&message).unwrap();
                    self.send(End::Console, &frame);
                }
                partition::Output::Welcomed(_) => {
                    self.backoff.reset();
                    self.greeting_accepted(End::Partition);
                }
                partition::Output::Beat => self.beat(End::Console),
                partition::Output::Perform { ticket, request } => {
                    let run = self.sites[self.at].runs;
                    self.engine.perform(self.now, (run, self.agent_runs), ticket, &request);
                }
                partition::Output::Stop(ticket) => self.engine.stop(self.now, ticket),
                partition::Output::Seen(_) => {}
                partition::Output::Disconnect => {
                    if let Some(mut link) = self.link.take() {
                        // The rest arrives; then the console sees the end.
                        link.close(self.now);
                        self.drain_to_console(link);
                    }
                    self.dial_later();
                }
                partition::Output::Note(note) => {
                    if let partition::Note::Ended(goodbye) = note {
                        self.goodbyes.push(goodbye);
                    }
                }
            }
        }
    }

    /// What a partition that hung up has sent still reaches the console, if the way there is whole.
    fn drain_to_console(&mut self, mut link: Link) {
        let site = link.site;
        for arrival in link.arrivals(self.now + Duration::from_secs(3600)) {
            match arrival {
                link::Arrival::Message(End::Console, bytes) => {
                    self.tell_console(site, console::Input::Received(decode(&bytes)));
                }
                link::Arrival::Closed(End::Console) => self.tell_console(site, console::Input::Disconnected),
                _ => {}
            }
        }
    }

    fn tell_console(&mut self, site: usize, input: console::Input) {
        let outputs = self.sites[site].console.handle(self.now, input);
        self.obey(site, outputs);
    }

    fn obey(&mut self, site: usize, outputs: Vec<console::Output>) {
        let run = self.sites[site].runs;
        let mut ended = Vec::new();
        for output in outputs {
            match output {
                console::Output::Send(message) => {
                    let frame = encode(&message).unwrap();
                    self.send_from(site, &frame);
                }
                console::Output::Welcomed(_) => self.greeting_accepted(End::Console),
                console::Output::Beat => self.beat_from(site),
                console::Output::Ended(id, outcome) => {
                    self.outcomes.entry((run, id)).or_default().push(outcome.clone());
                    ended.push((id, outcome));
                }
                console::Output::Happened(event) => self.heard.push(event),
                console::Output::Disconnect => {
                    if let Some(link) = self.link.as_mut().filter(|link| link.site == site) {
                        link.close_from_console(self.now);
                    }
                }
                console::Output::Note(console::Note::Ended(goodbye)) => self.goodbyes.push(goodbye),
                console::Output::Progressed(_) | console::Output::Note(_) => {}
            }
        }
        for (id, outcome) in ended {
            self.go_on(site, id, &outcome);
        }
    }

    /// Not when the partition hung up after its hello.
    fn greeting_accepted(&mut self, at: End) {
        if let Some(link) = &mut self.link {
            link.greeting_accepted(at);
        }
    }

    fn send(&mut self, to: End, frame: &[u8]) {
        let (delay, cut) = (self.draw(), self.draw());
        if let Some(link) = &mut self.link {
            link.send(self.now, to, frame, delay, cut);
        }
    }

    fn send_from(&mut self, site: usize, frame: &[u8]) {
        if self.link.as_ref().is_some_and(|link| link.site == site) {
            self.send(End::Partition, frame);
        }
    }

    fn beat(&mut self, to: End) {
        if self.lose_beats > 0 {
            self.lose_beats -= 1;
            return;
        }
        if let Some(link) = &mut self.link {
            link.beat(self.now, to);
        }
    }

    fn beat_from(&mut self, site: usize) {
        if self.link.as_ref().is_some_and(|link| link.site == site) {
            self.beat(End::Partition);
        }
    }

    /// Something befalls the world.
    pub fn strike(&mut self, blow: &Blow) {
        match blow {
            Blow::Ask { change: true } => drop(self.ask(Request::MigrationUndo {})),
            Blow::Ask { change: false } => drop(self.ask(Request::Inventory {})),
            Blow::Happen => {
                self.happened += 1;
                let event = Event::ShuttingDown { text: self.happened.to_string() };
                self.told.push((self.agent_runs, event.clone()));
                self.tell_partition(partition::Input::Happened(event));
            }
            Blow::Cut { partition_notices, console_notices } => {
                if let Some(link) = &mut self.link {
                    link.cut(self.now, *partition_notices, *console_notices);
                }
            }
            Blow::Stall { ms } => {
                if let Some(link) = &mut self.link {
                    link.stall(Duration::from_millis(*ms));
                }
            }
            Blow::LoseBeats { count } => self.lose_beats += count,
            Blow::RestartAgent => self.restart_agent(),
            Blow::RestartConsole => self.restart_console(),
            Blow::Migrate { kernel_refuses } => self.begin_migration(*kernel_refuses),
        }
    }

    fn ask(&mut self, request: Request) -> Option<RequestId> {
        let site = self.at;
        let (id, outputs) = self.sites[site].console.ask(self.now, request, PATIENCE).ok()?;
        self.asked.push((self.sites[site].runs, id));
        self.obey(site, outputs);
        Some(id)
    }

    fn restart_agent(&mut self) {
        self.agent_runs += 1;
        self.engine.forget();
        self.partition = new_partition(self.agent_runs);
        if let Some(link) = &mut self.link {
            link.cut(self.now, false, true);
        }
        self.link = None;
        self.dial_at = Some(self.now);
    }

    fn restart_console(&mut self) {
        let site = &mut self.sites[self.at];
        site.runs += 1;
        site.console = new_console(site.runs);
        site.suspension = None;
        let gone = site.runs - 1;
        self.asked.retain(|(run, _)| *run != gone);
        if let Some(link) = &mut self.link {
            link.cut(self.now, true, true);
        }
    }

    fn begin_migration(&mut self, kernel_refuses: bool) {
        self.engine.kernel_refuses = kernel_refuses;
        let there = &self.sites[1 - self.at];
        let console = ConsoleContact { name: "d".into(), key: there.key, addresses: Vec::new(), port: 657 };
        let migration = MigrationId(7);
        self.ask(Request::MigrationPrepare(Prepare { migration, destination: machine(), console, deadline_ms: 1000 }));
    }

    /// What a console that migrates a partition does next.
    fn go_on(&mut self, site: usize, id: RequestId, outcome: &Outcome) {
        if site != self.at {
            return;
        }
        let is_prepared = matches!(outcome, Outcome::Answered(Answer::Done {})) && self.phase() == Phase::Prepared;
        if self.sites[site].suspension == Some(id) {
            self.sites[site].suspension = None;
            self.ask(Request::MigrationUndo {});
        } else if is_prepared {
            let request = Request::MigrationSuspend(Suspend { migration: MigrationId(7), stream: StreamId(1) });
            self.sites[site].suspension = self.ask(request);
        }
    }

    fn arrive_elsewhere(&mut self) {
        self.migrations += 1;
        if let Some(id) = self.sites[self.at].suspension.take() {
            let run = self.sites[self.at].runs;
            self.sites[self.at].console.settle(id);
            self.asked.retain(|asked| *asked != (run, id));
        }
        self.at = 1 - self.at;
        self.backoff.reset();
    }

    /// After all blows: a console that lost track of a preparation takes it back.
    pub fn tidy(&mut self) {
        if self.phase() == Phase::Prepared {
            self.ask(Request::MigrationUndo {});
        }
    }

    /// Goodbyes that honest peers never say.
    pub fn accusations(&self) -> Vec<&Goodbye> {
        let honest = [GoodbyeReason::Silent, GoodbyeReason::Migrated, GoodbyeReason::Leaving, GoodbyeReason::Replaced];
        self.goodbyes.iter().filter(|goodbye| !honest.contains(&goodbye.reason)).collect()
    }
}
