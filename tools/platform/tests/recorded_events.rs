//! Recorded RTAS events: what each means, as a sentence and as JSON, is in `tests/expected/events`.
//! `BLESS=yes cargo test -p platform` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../../../tests/expected.rs"]
mod expected;
mod recorded_bytes;

use platform::rtas::event;

#[test]
fn each_event_means_what_is_expected() {
    let events = recorded_bytes::events();
    assert!(events.len() >= 14, "{} events", events.len());
    for (name, bytes) in events {
        let found = event::decode(&bytes).unwrap();
        let shown = format!("{}\n{}\n", found.sentence(), serde_json::to_string_pretty(&found).unwrap());
        assert!(!expected::differs(&format!("events/{name}.txt"), &shown), "{name}");
    }
}
