//! A whole session with TLS in memory: greetings, a request, an event, heartbeats, a migration to the next console.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod samples;

use std::time::Duration;

use wire::channel::Channel;
use wire::console::{self, Console, Outcome};
use wire::heartbeat::{Heartbeats, Side};
use wire::hex::RunId;
use wire::key::PrivateKey;
use wire::message::migration::MigrationRecord;
use wire::message::{Answer, Event, Request, decode, encode};
use wire::partition::{self, Partition};
use wire::tls::{Trust, console_config, console_connection, partition_config, partition_connection};

use samples::{identity, key, machine};

const NOW: Duration = Duration::from_secs(1);

/// Both ends of one connection, and what came out of the console's.
struct Session<'a> {
    partition: &'a mut Partition,
    console: Console,
    inside: Channel,
    outside: Channel,
    /// What the partition was asked to perform.
    performed: Vec<(partition::Ticket, Request)>,
    ended: Vec<Outcome>,
    happened: Vec<Event>,
    beats: [u32; 2],
    is_over: bool,
}

impl<'a> Session<'a> {
    fn open(partition: &'a mut Partition, lpar: &PrivateKey, hmc: &PrivateKey) -> Self {
        let trust = |key: &PrivateKey| Trust::Pinned([key.public()].into());
        let client = partition_config(lpar, trust(hmc)).unwrap();
        let server = console_config(hmc, trust(lpar)).unwrap();
        let settings = console::Settings { name: "c".into(), run: RunId(2), heartbeat: Duration::from_secs(5) };
        let mut session = Self {
            partition,
            console: Console::new(settings),
            inside: Channel::new(partition_connection(client).unwrap()),
            outside: Channel::new(console_connection(server).unwrap()),
            performed: Vec::new(),
            ended: Vec::new(),
            happened: Vec::new(),
            beats: [0, 0],
            is_over: false,
        };
        session.carry();
        let shown = session.inside.peer().unwrap().unwrap();
        assert_eq!(session.outside.peer().unwrap(), Some(lpar.public()));
        let outputs = session.console.handle(NOW, console::Input::Connected);
        session.obey_console(outputs);
        session.tell_partition(partition::Input::Connected { console: shown, identity: identity() });
        session.carry();
        session
    }

    fn tell_partition(&mut self, input: partition::Input) {
        for output in self.partition.handle(NOW, input) {
            match output {
                partition::Output::Send(message) => self.inside.send(&encode(&message).unwrap()).unwrap(),
                partition::Output::Welcomed(_) => self.inside.greeting_accepted(),
                partition::Output::Beat => self.beats[0] += 1,
                partition::Output::Perform { ticket, request } => self.performed.push((ticket, request)),
                partition::Output::Disconnect => self.is_over = true,
                partition::Output::Stop(_) | partition::Output::Seen(_) | partition::Output::Note(_) => {}
            }
        }
    }

    fn obey_console(&mut self, outputs: Vec<console::Output>) {
        for output in outputs {
            match output {
                console::Output::Send(message) => self.outside.send(&encode(&message).unwrap()).unwrap(),
                console::Output::Welcomed(_) => self.outside.greeting_accepted(),
                console::Output::Beat => self.beats[1] += 1,
                console::Output::Ended(_, outcome) => self.ended.push(outcome),
                console::Output::Happened(event) => self.happened.push(event),
                console::Output::Disconnect | console::Output::Progressed(_) | console::Output::Note(_) => {}
            }
        }
    }

    /// Carries bytes both ways until none are left.
    fn carry(&mut self) {
        while !self.inside.output().is_empty() || !self.outside.output().is_empty() {
            let bytes = take_output(&mut self.inside);
            let mut input = bytes.as_slice();
            while let Some(message) = self.outside.next_message(&mut input).unwrap() {
                let outputs = self.console.handle(NOW, console::Input::Received(decode(&message)));
                self.obey_console(outputs);
            }
            let bytes = take_output(&mut self.outside);
            let mut input = bytes.as_slice();
            while let Some(message) = self.inside.next_message(&mut input).unwrap() {
                self.tell_partition(partition::Input::Received(decode(&message)));
            }
        }
    }

    fn ask(&mut self, request: Request) {
        let (_, outputs) = self.console.ask(NOW, request, Duration::from_secs(60)).unwrap();
        self.obey_console(outputs);
        self.carry();
    }
}

fn take_output(channel: &mut Channel) -> Vec<u8> {
    let bytes = channel.output().to_vec();
    channel.written(bytes.len());
    bytes
}

#[test]
fn a_partition_is_asked_tells_migrates_and_is_asked_by_the_next_console() {
    let (lpar, source, destination) = (key(1), key(2), key(3));
    let settings = partition::Settings { agent: "test".into(), run: RunId(1), observes: false };
    let mut partition = Partition::new(settings);

    let mut session = Session::open(&mut partition, &lpar, &source);
    assert!(session.console.is_active());
    assert_eq!(session.beats, [1, 1]);
    session.ask(Request::Inventory {});
    let (ticket, _) = session.performed[0];
    // An inventory is longer than a greeting may be.
    let inventory = samples::inventory_of_many_slots(1000);
    session.tell_partition(partition::Input::Finished { ticket, answer: inventory.clone() });
    session.carry();
    assert_eq!(session.ended, [Outcome::Answered(inventory)]);

    let mut inside = Heartbeats::new(&session.inside.heartbeat_secret().unwrap(), Side::Partition, 3).unwrap();
    let mut outside = Heartbeats::new(&session.outside.heartbeat_secret().unwrap(), Side::Console, 3).unwrap();
    let beat = inside.seal().unwrap();
    assert!(outside.open(&beat).is_ok());

    session.ask(samples::prepare(&destination));
    let (ticket, _) = session.performed[1];
    session.tell_partition(partition::Input::Finished { ticket, answer: Answer::Done {} });
    session.carry();
    session.ask(samples::suspend());
    assert!(matches!(session.performed[2].1, Request::MigrationSuspend(_)));
    let record = MigrationRecord { migration: None, from: machine(), to: machine(), suspended_ms: 900 };
    session.tell_partition(partition::Input::Resumed(record.clone()));
    assert!(session.is_over);

    let session = Session::open(&mut partition, &lpar, &destination);
    assert_eq!(session.happened, [Event::Resumed(record)]);
    let mut later = Heartbeats::new(&session.outside.heartbeat_secret().unwrap(), Side::Console, 3).unwrap();
    assert!(later.open(&beat).is_err(), "heartbeats of one session are none of another");
}
