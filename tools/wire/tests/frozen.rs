//! The bytes of version 1. **If a test of this file fails, do not change the test and not the files:** partitions and consoles
//! out there speak these bytes. What has to be different needs a new version (`src/version.rs`).
//!
//! With `LPARKIT_WRITE_FROZEN=1` files that do not exist are written; none is ever written over.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

mod samples;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use wire::discovery::{PORT, Question};
use wire::frame::Decoder;
use wire::heartbeat::{Heartbeats, Secret, Side};
use wire::message::{Message, decode, dlpar, encode, greeting, inventory, migration, request};
use wire::tls::Trust;

use samples::{from_console, from_partition, key};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire/v01")
}

/// Blocks of bytes, each with what it says to a reader.
type Blocks = Vec<(String, Vec<u8>)>;

fn print(blocks: &Blocks) -> String {
    let mut text = String::new();
    for (comment, bytes) in blocks {
        writeln!(text, "# {comment}").unwrap();
        for line in bytes.chunks(32) {
            for byte in line {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Blocks {
    let mut blocks = Blocks::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let Some(comment) = line.strip_prefix("# ") else {
            let digits = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
            let bytes = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap());
            blocks.last_mut().unwrap().1.extend(bytes);
            continue;
        };
        blocks.push((comment.to_owned(), Vec::new()));
    }
    blocks
}

/// What is frozen under a name; `now` is what this code would send.
fn frozen(name: &str, now: &Blocks) -> Blocks {
    let path = directory().join(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("LPARKIT_WRITE_FROZEN").is_some() {
        fs::create_dir_all(directory()).unwrap();
        fs::write(&path, print(now)).unwrap();
    }
    parse(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name} is not frozen: {error}")))
}

fn check_messages<M: Message + PartialEq + std::fmt::Debug>(samples: Vec<(&'static str, Vec<M>)>) {
    for (name, messages) in samples {
        let now = messages.iter().map(|message| (serde_json::to_string(message).unwrap(), encode(message).unwrap()));
        let frozen = frozen(name, &now.collect());
        assert_eq!(frozen.len(), messages.len(), "{name}");
        for (message, (json, bytes)) in messages.iter().zip(frozen) {
            assert_eq!(encode(message).unwrap(), bytes, "{name}: what is sent is not what was sent: {json}");
            let payload = Decoder::default().take(&mut bytes.as_slice()).unwrap().unwrap();
            assert_eq!(String::from_utf8(payload.clone()).unwrap(), json, "{name}");
            assert_eq!(decode::<M>(&payload).unwrap(), *message, "{name}: what was sent is not understood");
        }
    }
}

#[test]
fn messages_of_version_1_keep_their_bytes() {
    check_messages(from_console());
    check_messages(from_partition());
}

#[test]
fn heartbeats_of_version_1_keep_their_bytes() {
    let secret = Secret::new(std::array::from_fn(|at| u8::try_from(at).unwrap()));
    let end = |side| Heartbeats::new(&secret, side, 3).unwrap();
    let (mut partition, mut console) = (end(Side::Partition), end(Side::Console));
    let mut now = Blocks::new();
    for round in 1..=2 {
        let beat = partition.seal().unwrap();
        console.open(&beat).unwrap();
        now.push((format!("secret 00 01 .. 47, partition 3, its heartbeat {round}"), beat.to_vec()));
        let beat = console.seal().unwrap();
        partition.open(&beat).unwrap();
        now.push((format!("the console's heartbeat {round}, which has heard {round}"), beat.to_vec()));
    }
    assert_eq!(frozen("datagram-heartbeat", &now), now);
}

#[test]
fn discovery_of_version_1_keeps_its_bytes() {
    let question = Question::new([7; 32]);
    let asked = vec![("nonce 07 07 ..".to_owned(), question.datagram().to_vec())];
    assert_eq!(frozen("datagram-question", &asked), asked);
    let answer = |address: &str| question.answer(&key(1), address.parse().unwrap(), PORT).to_vec();
    let now = ["fe80::4c:50ff:fe00:0", "192.0.2.1"]
        .map(|address| (format!("to that, of the key with the seed 01 01 .., at {address}"), answer(address)))
        .to_vec();
    let answers = frozen("datagram-answer", &now);
    assert_eq!(answers, now);
    for (_, answer) in answers {
        assert!(question.accept(&answer, &Trust::Pinned([key(1).public()].into())).is_ok());
    }
}

/// The variants of an enum on the wire, as serde lists them when there is another.
fn variants<T: DeserializeOwned>() -> Vec<String> {
    let Err(error) = serde_json::from_str::<T>(r#""?""#) else { panic!("it takes everything") };
    let error = error.to_string();
    let (_, expected) = error.split_once("expected").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_kind_and_every_word_of_version_1_is_frozen() {
    let named =
        from_console().into_iter().map(|(name, _)| name).chain(from_partition().into_iter().map(|(name, _)| name));
    let expected: BTreeSet<String> = named
        .chain(["datagram-heartbeat", "datagram-question", "datagram-answer"])
        .map(|name| format!("{name}.hex"))
        .collect();
    let files = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), expected, "no file more, none less");

    let kinds = |prefix: &str, kinds: Vec<String>| {
        for kind in kinds {
            let name = format!("{prefix}-{}.hex", kind.replace('_', "-"));
            assert!(
                expected.iter().any(|file| *file == name || file.starts_with(&name.replace(".hex", "-"))),
                "{name}"
            );
        }
    };
    kinds("console", variants::<wire::message::FromConsole>());
    kinds("partition", variants::<wire::message::FromPartition>());
    kinds("console-request", variants::<wire::message::Request>());
    kinds("partition-answer", variants::<wire::message::Answer>());
    kinds("partition-event", variants::<wire::message::Event>());

    let json: String = expected
        .iter()
        .flat_map(|file| parse(&fs::read_to_string(directory().join(file)).unwrap()))
        .map(|(comment, _)| comment)
        .collect();
    for word in words() {
        assert!(json.contains(&format!("\"{word}\"")), "{word} is in no frozen message");
    }
}

/// Every variant of every enum inside messages.
fn words() -> Vec<String> {
    [
        variants::<dlpar::Change>(),
        variants::<dlpar::CpuTarget>(),
        variants::<dlpar::MemoryTarget>(),
        variants::<dlpar::SlotTarget>(),
        variants::<dlpar::SlotAction>(),
        variants::<dlpar::Direction>(),
        variants::<dlpar::Pool>(),
        variants::<dlpar::Quantity>(),
        variants::<dlpar::Adjust>(),
        variants::<dlpar::Verdict>(),
        variants::<dlpar::Cause>(),
        variants::<inventory::SlotKind>(),
        variants::<inventory::HealthState>(),
        variants::<migration::HookResult>(),
        variants::<request::ShutdownAction>(),
        variants::<wire::message::answer::RefusalReason>(),
        variants::<wire::phase::Phase>(),
        greeting::GoodbyeReason::ALL
            .map(|reason| serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned())
            .into(),
    ]
    .concat()
}
