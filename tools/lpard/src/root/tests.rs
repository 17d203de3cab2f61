//! What firmware reports runs the hooks of events.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::thread::sleep;

use serde_json::{Value, json};

use super::*;
use crate::hooks::Point;
use crate::hooks::stage::Stage;

/// A loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A recorded event, and what it means: a sentence, and all that is decoded.
fn recorded(name: &str) -> (Vec<u8>, String, Value) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let hex = fs::read_to_string(tests.join("events").join(name).with_extension("hex")).unwrap();
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let bytes = digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect();
    let meaning = fs::read_to_string(tests.join("expected/events").join(name).with_extension("txt")).unwrap();
    let (sentence, decoded) = meaning.split_once('\n').unwrap();
    (bytes, sentence.to_owned(), serde_json::from_str(decoded).unwrap())
}

#[test]
fn the_hooks_of_an_event_are_told_what_happened_in_a_word_in_a_sentence_and_in_full() {
    let (event, sentence, decoded) = recorded("v6-epow-event");
    let stage = Stage::new();
    stage.hook(Point::Event, "1-fails", "exit 1");
    stage.hook_that_listens(Point::Event, "2-listens");
    stage.file("proc/powerpc/rtas/error_log", [&21_u32.to_ne_bytes()[..], &event].concat());
    let mut root = Root::new(stage.root(), Sysroot::staged(stage.root()).unwrap()).unwrap();
    root.look_at_firmware();
    let began = Instant::now();
    while stage.told("2-listens").is_none() {
        assert!(began.elapsed() < PATIENCE, "it does not run");
        sleep(Duration::from_millis(10));
    }
    let environment = [
        "LPARKIT_HOOKS=1".to_owned(),
        "LPARKIT_KIND=epow".to_owned(),
        "LPARKIT_POINT=event".to_owned(),
        format!("LPARKIT_TEXT={sentence}"),
    ];
    let json = json!({ "hooks": 1, "point": "event", "kind": "epow", "text": sentence, "details": decoded });
    assert_eq!(stage.told("2-listens").unwrap(), (environment.to_vec(), json));
}
