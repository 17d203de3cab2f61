//! What the fuzz targets call: one function for each door that strangers' bytes come in by. `tests/fuzz_seeds.rs` calls the
//! same functions on the committed inputs, so that the stable toolchain runs them too.

use std::time::Duration;

use wire::console::{self, Console};
use wire::discovery::Question;
use wire::frame::Decoder;
use wire::heartbeat::{DATAGRAM_BYTES, Heartbeats, Secret, Side, session_of};
use wire::hex::RunId;
use wire::key::PublicKey;
use wire::message::inventory::{Identity, Machine};
use wire::message::{Answer, decode, encode};
use wire::partition::{self, Partition};
use wire::tls::Trust;

/// Cuts bytes into messages and gives each to an end of either kind, as if a peer with the right key had sent them.
pub(crate) fn stream(data: &[u8]) {
    let mut decoder = Decoder::default();
    let mut input = data;
    let (mut partition, mut console) = (open_partition(), open_console());
    for second in 0.. {
        let now = Duration::from_secs(second);
        let Ok(Some(message)) = decoder.take(&mut input) else { break };
        let outputs = partition.handle(now, partition::Input::Received(decode(&message)));
        obey_partition(&mut partition, now, outputs, &mut decoder);
        for output in console.handle(now, console::Input::Received(decode(&message))) {
            if let console::Output::Send(message) = output {
                assert!(encode(&message).is_ok(), "what is sent fits into a frame");
            }
        }
        assert!(console.deadline().is_none_or(|deadline| deadline > now), "time would stand still");
    }
}

fn open_partition() -> Partition {
    let settings = partition::Settings { agent: "fuzz".into(), run: RunId(1), observes: false };
    let mut partition = Partition::new(settings);
    let machine = Machine { type_model: "8286-41A".into(), serial: "1".into() };
    let identity = Identity { id: 3, name: None, uuid: None, machine };
    let console = PublicKey::from_bytes([1; 32]);
    partition.handle(Duration::ZERO, partition::Input::Connected { console, identity });
    partition
}

fn open_console() -> Console {
    let settings = console::Settings { name: "fuzz".into(), run: RunId(2), heartbeat: Duration::from_secs(5) };
    let mut console = Console::new(settings);
    console.handle(Duration::ZERO, console::Input::Connected);
    console
}

/// Every request ends well at once.
fn obey_partition(partition: &mut Partition, now: Duration, outputs: Vec<partition::Output>, decoder: &mut Decoder) {
    for output in outputs {
        match output {
            partition::Output::Send(message) => assert!(encode(&message).is_ok(), "what is sent fits into a frame"),
            partition::Output::Welcomed(_) => decoder.greeting_accepted(),
            partition::Output::Perform { ticket, .. } => {
                partition.handle(now, partition::Input::Finished { ticket, answer: Answer::Done {} });
            }
            _ => {}
        }
    }
    assert!(partition.deadline().is_none_or(|deadline| deadline > now), "time would stand still");
}

/// Opens a datagram; one whose header is right has a tag that cannot be.
pub(crate) fn heartbeat(data: &[u8]) {
    let secret = Secret::new([7; Secret::BYTES]);
    for side in [Side::Partition, Side::Console] {
        let Ok(mut heartbeats) = Heartbeats::new(&secret, side, 3) else { continue };
        let opened = heartbeats.open(data);
        let is_ours = session_of(data) == Some(heartbeats.session());
        assert!(opened.is_err() || (is_ours && data.len() == DATAGRAM_BYTES), "{opened:?}");
    }
}

/// Reads a datagram as a question and as an answer.
pub(crate) fn discovery(data: &[u8]) {
    if let Some(question) = Question::parse(data) {
        assert_eq!(question.datagram(), data, "there is one form of a question");
    }
    let found = Question::new([7; 32]).accept(data, &Trust::FirstUse);
    assert!(found.is_err() || !found.is_ok_and(|found| found.address.is_unspecified() || found.port == 0));
}
