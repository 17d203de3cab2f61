//! Replays the fuzzers' seeds, and every input that was once a bug, through the functions that the fuzzers call.
//!
//! With `LPARKIT_WRITE_SEEDS=1` the seeds are written anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../fuzz/entry.rs"]
mod entry;
mod samples;

use std::fs;
use std::path::{Path, PathBuf};

use wire::discovery::Question;
use wire::heartbeat::{Heartbeats, Secret, Side};
use wire::message::{FromConsole, FromPartition, Message, encode};

/// A target's name and what it calls.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 3] =
    [("stream", entry::stream), ("heartbeat", entry::heartbeat), ("discovery", entry::discovery)];

fn directory(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(kind).join(target)
}

/// None where the directory is absent: there may be no former bug.
fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory(kind, target)).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn no_seed_and_no_former_bug_makes_a_parser_panic() {
    if std::env::var_os("LPARKIT_WRITE_SEEDS").is_some() {
        write_seeds();
    }
    for (target, run) in TARGETS {
        let seeds = inputs("corpus-seed", target);
        assert!(!seeds.is_empty(), "seeds of {target}");
        for path in seeds.iter().chain(&inputs("regressions", target)) {
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn no_seed_cut_short_or_altered_makes_a_parser_panic() {
    for (target, run) in TARGETS {
        for path in inputs("corpus-seed", target) {
            let seed = fs::read(path).unwrap();
            for at in (0..seed.len()).step_by(seed.len() / 64 + 1) {
                run(&seed[..at]);
                for mask in [1, 0x80, 0xff] {
                    let mut altered = seed.clone();
                    altered[at] ^= mask;
                    run(&altered);
                }
            }
        }
    }
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let directory = directory("corpus-seed", target);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), bytes).unwrap();
}

fn write_seeds() {
    write_sessions(&samples::from_console(), |message: &FromConsole| matches!(message, FromConsole::Welcome(_)));
    write_sessions(&samples::from_partition(), |message: &FromPartition| matches!(message, FromPartition::Hello(_)));
    let secret = Secret::new([7; Secret::BYTES]);
    for (name, side) in [("partition", Side::Partition), ("console", Side::Console)] {
        write("heartbeat", name, &Heartbeats::new(&secret, side, 3).unwrap().seal().unwrap());
    }
    let question = Question::new([7; 32]);
    write("discovery", "question", &question.datagram());
    write("discovery", "answer", &question.answer(&samples::key(1), "fe80::1".parse().unwrap(), 657));
}

/// A session for each kind of message: the greeting, then all of the kind.
fn write_sessions<M: Message>(samples: &[(&'static str, Vec<M>)], is_greeting: fn(&M) -> bool) {
    let all: Vec<&M> = samples.iter().flat_map(|(_, messages)| messages).collect();
    let greeting = all.iter().find(|message| is_greeting(message)).unwrap();
    for (name, messages) in samples {
        let session = std::iter::once(*greeting).chain(messages.iter().filter(|message| !is_greeting(message)));
        let bytes: Vec<u8> = session.flat_map(|message| encode(message).unwrap()).collect();
        write("stream", name, &bytes);
    }
}
