//! What is a message and what is not. That every kind keeps its bytes is tested in `tests/frozen.rs`.
#![allow(clippy::panic, clippy::unwrap_used)]

use super::*;

fn console(json: &str) -> Result<FromConsole, Undecodable> {
    decode(json.as_bytes())
}

#[test]
fn a_request_that_cannot_be_read_is_named_where_its_name_can_be_read() {
    let unsupported = [
        (r#"{"request":{"id":7,"do":{"frobnicate":{"a":1}}}}"#, "frobnicate"),
        (r#"{"request":{"id":7,"do":{"inventory":{},"frobnicate":{}}}}"#, "frobnicate"),
    ];
    for (json, expected) in unsupported {
        let Err(Undecodable::Unsupported { id: RequestId(7), kind }) = console(json) else { panic!("{json}") };
        assert_eq!(kind, expected);
    }
    let malformed = [
        r#"{"request":{"id":7,"do":{"inventory":{"all":true}}}}"#,
        r#"{"request":{"id":7,"do":{"inventory":{}},"at":1}}"#,
        r#"{"request":{"id":7,"do":{}}}"#,
        r#"{"request":{"id":7,"do":{"migration_suspend":{"migration":"0x1","stream":"1234"}}}}"#,
        r#"{"request":{"id":7,"do":{"resize":{"change":{"cpu":{"action":"remove","target":{"count":0}}},"deadline_ms":1,"allow_partial":false,"dry_run":false}}}}"#,
        r#"{"request":{"id":7,"do":{"resize":{"change":{"cpu":{"action":"remove","target":{"indexed_count":{"count":1,"index":"0x1"}}}},"deadline_ms":1,"allow_partial":false,"dry_run":false}}}}"#,
    ];
    for json in malformed {
        let found = console(json);
        assert!(matches!(found, Err(Undecodable::Malformed { id: RequestId(7), .. })), "{json}: {found:?}");
    }
}

#[test]
fn bytes_that_cannot_be_answered_are_no_message() {
    let nothing = [
        "",
        "{}",
        "[]",
        "null",
        "{\"request\":{}}",
        r#"{"request":{"id":-1,"do":{"inventory":{}}}}"#,
        r#"{"request":{"id":18446744073709551616,"do":{"inventory":{}}}}"#,
        r#"{"request":{"do":{"inventory":{}}}}"#,
        r#"{"request":{"id":7,"do":"inventory"}}"#,
        r#"{"seen":{"through":1},"request":{"id":7,"do":{"inventory":{}}}}"#,
        r#"{"seen":{"through":1}} x"#,
        r#"{"seen":{"through":1,"and":2}}"#,
        r#"{"answer":{"id":7,"is":{"done":{}}}}"#,
        "{\"seen\":{\"through\":1}\u{0}}",
    ];
    for json in nothing {
        assert!(matches!(console(json), Err(Undecodable::NoMessage(_))), "{json}");
    }
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    assert!(matches!(decode::<FromConsole>(&deep), Err(Undecodable::NoMessage(_))));
    assert!(matches!(decode::<FromConsole>(&[0xff, 0xfe]), Err(Undecodable::NoMessage(_))));
}

#[test]
fn greetings_and_goodbyes_of_later_versions_are_understood() {
    let json = r#"{"welcome":{"version":1,"console":"c","run":"0x1","heartbeat_ms":5000,"seen":0,"colour":"blue"}}"#;
    assert!(matches!(console(json), Ok(FromConsole::Welcome(_))));
    let json = r#"{"goodbye":{"reason":"bored","text":"","until":"tomorrow"}}"#;
    let Ok(FromConsole::Goodbye(goodbye)) = console(json) else { panic!() };
    assert_eq!(goodbye.reason, greeting::GoodbyeReason::Unknown);
    let json = r#"{"hello":{"versions":{"min":1,"max":9,"beta":10},"agent":"a","run":"0x1","mood":"good",
        "identity":{"id":3,"name":null,"uuid":null,"machine":{"type_model":"8286-41A","serial":"1","rack":2},"pod":"x"}}}"#;
    assert!(matches!(decode(json.as_bytes()), Ok(FromPartition::Hello(_))));
}

#[test]
fn the_name_of_an_unknown_kind_is_cut_short() {
    let json = format!(r#"{{"request":{{"id":7,"do":{{"{}":{{}}}}}}}}"#, "ü".repeat(1000));
    let Err(Undecodable::Unsupported { kind, .. }) = console(&json) else { panic!() };
    assert_eq!(kind, "ü".repeat(40));
}

#[test]
fn the_kinds_that_are_known_are_the_kinds_of_requests() {
    for kind in request::KIND_NAMES {
        let json = format!(r#"{{"request":{{"id":7,"do":{{"{kind}":false}}}}}}"#);
        assert!(matches!(console(&json), Err(Undecodable::Malformed { .. })), "{kind}");
    }
    let error = serde_json::from_str::<Request>(r#"{"x":{}}"#).unwrap_err().to_string();
    let known = request::KIND_NAMES.map(|kind| format!("`{kind}`")).join(", ");
    assert!(error.contains(&format!("expected one of {known}")), "{error}");
}

#[test]
fn an_explanation_does_not_grow_with_what_it_explains() {
    let json = format!(r#"{{"request":{{"id":7,"do":{{"inventory":{{"{}":1}}}}}}}}"#, "x".repeat(100_000));
    let error = console(&json).unwrap_err();
    assert!(error.explained().starts_with("request 7 is malformed: unknown field `xxx"));
    assert!(error.explained().len() <= 300);
}
