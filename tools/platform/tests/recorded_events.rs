//! Recorded RTAS events: what each means, as a sentence and as JSON, is in `tests/expected/events`.
//! `BLESS=yes cargo test -p platform` rewrites what is expected; read the diff before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

mod recorded_bytes;

use std::fs;

use platform::rtas::event;

#[test]
fn each_event_means_what_is_expected() {
    let events = recorded_bytes::events();
    assert!(events.len() >= 14, "{} events", events.len());
    for (name, bytes) in events {
        let found = event::decode(&bytes).unwrap();
        let shown = format!("{}\n{}\n", found.sentence(), serde_json::to_string_pretty(&found).unwrap());
        let expected = recorded_bytes::directory().join("expected/events").join(format!("{name}.txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&expected).unwrap_or_default(), "{name}");
    }
}
