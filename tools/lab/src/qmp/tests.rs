//! The client against scripted peers.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::thread::JoinHandle;

use super::*;

const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}, "capabilities": []}}"#;

/// What the scripted peer does next.
enum Do {
    /// Reads one line; its `execute` must be this.
    Read(&'static str),
    /// Writes these bytes; `ID` stands for the id of the command read last.
    Write(String),
    /// Waits for a moment: a slow peer.
    Pause,
}

fn say(line: &str) -> Do {
    Do::Write(format!("{line}\r\n"))
}

/// A peer that plays a script and then closes, and our end of its socket.
fn peer(script: Vec<Do>) -> (UnixStream, JoinHandle<()>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let player = thread::spawn(move || {
        let mut lines = BufReader::new(theirs.try_clone().unwrap());
        let mut id = Value::Null;
        for step in script {
            match step {
                Do::Read(command) => {
                    let mut line = String::new();
                    lines.read_line(&mut line).unwrap();
                    let mut request: Value = serde_json::from_str(&line).unwrap();
                    assert_eq!(request["execute"], command);
                    id = request["id"].take();
                }
                // The reader may have given up: then the rest of the script is not wanted.
                Do::Write(text) => drop((&theirs).write_all(text.replace("ID", &id.to_string()).as_bytes())),
                Do::Pause => thread::sleep(Duration::from_millis(60)),
            }
        }
    });
    (ours, player)
}

fn negotiated(mut rest: Vec<Do>) -> (Qmp, JoinHandle<()>) {
    let mut script = vec![say(GREETING), Do::Read("qmp_capabilities"), say(r#"{"return": {}, "id": ID}"#)];
    script.append(&mut rest);
    let (ours, player) = peer(script);
    (Qmp::over(ours, soon()).unwrap(), player)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn shortly() -> Instant {
    Instant::now() + Duration::from_millis(10)
}

#[test]
fn events_during_a_command_are_queued_with_their_times() {
    let event = r#"{"timestamp": {"seconds": 1700000000, "microseconds": 250000}, "event": "SUSPEND"}"#;
    let clockless = r#"{"timestamp": {"seconds": -1, "microseconds": -1}, "event": "STOP", "data": {"a": 1}}"#;
    let script = vec![
        Do::Read("query-status"),
        say(event),
        say(clockless),
        say(r#"{"return": {"status": "suspended"}, "id": ID}"#),
    ];
    let (mut qmp, player) = negotiated(script);
    assert_eq!(qmp.version()["qemu"]["major"], 10);
    assert_eq!(qmp.execute("query-status", Value::Null).unwrap()["status"], "suspended");
    let stop = qmp.wait_event(&["STOP"], soon()).unwrap();
    assert_eq!((stop.at, &stop.data), (None, &json!({"a": 1})));
    let suspend = qmp.next_event(Duration::ZERO).unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    assert_eq!((suspend.name.as_str(), suspend.at), ("SUSPEND", Some(at)));
    player.join().unwrap();
    assert_eq!(qmp.next_event(Duration::from_secs(20)), None);
}

#[test]
fn a_refusal_keeps_qemus_class_and_words_and_the_connection() {
    let script = vec![
        Do::Read("device_del"),
        say(r#"{"id": ID, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}"#),
        Do::Read("stop"),
        say(r#"{"return": {}, "id": ID}"#),
    ];
    let (mut qmp, _player) = negotiated(script);
    let refusal = qmp.execute("device_del", json!({"id": "x"})).unwrap_err();
    assert!(refusal.is_refusal());
    assert_eq!(refusal.to_string(), "QEMU refused device_del: Device 'x' not found (DeviceNotFound)");
    qmp.execute("stop", Value::Null).unwrap();
}

#[test]
fn a_slow_peer_may_split_a_line_anywhere() {
    let script = vec![
        Do::Read("query-name"),
        Do::Write("{\"return\": {\"name\":".into()),
        Do::Pause,
        Do::Write(" \"l\"}, \"id\": ID}\n\n{\"event\"".into()),
        Do::Pause,
        say(r#": "RESUME"}"#),
    ];
    let (mut qmp, _player) = negotiated(script);
    assert_eq!(qmp.execute("query-name", Value::Null).unwrap()["name"], "l");
    assert_eq!(qmp.wait_event(&["RESUME", "STOP"], soon()).unwrap().name, "RESUME");
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_commands() {
    let script = vec![
        Do::Read("query-cpus-fast"),
        Do::Pause,
        say(r#"{"return": "late", "id": ID}"#),
        Do::Read("query-name"),
        say(r#"{"return": "right", "id": ID}"#),
    ];
    let (mut qmp, _player) = negotiated(script);
    let late = qmp.execute_until("query-cpus-fast", Value::Null, shortly()).unwrap_err();
    assert_eq!(late.to_string(), "the answer to query-cpus-fast did not come from QEMU in time");
    assert_eq!(qmp.execute("query-name", Value::Null).unwrap(), "right");
}

#[test]
fn the_end_of_qemu_is_told_as_such() {
    let (mut qmp, player) = negotiated(vec![Do::Read("stop")]);
    assert!(matches!(qmp.execute("stop", Value::Null), Err(QmpError::Closed { .. })));
    player.join().unwrap();
    assert!(matches!(qmp.execute("cont", Value::Null), Err(QmpError::Closed { .. })));
    assert!(matches!(qmp.wait_event(&["STOP"], soon()), Err(QmpError::Closed { .. })));
}

#[test]
fn garbage_is_refused_and_does_not_end_the_connection() {
    let lines = ["\u{7}hello", "[1]", "{}", "{\"id\": 3}", "{\"QMP\": 3}", "null", "{\"return\": "];
    for line in lines {
        let script = vec![Do::Read("stop"), say(line), Do::Read("cont"), say(r#"{"return": 7, "id": ID}"#)];
        let (mut qmp, _player) = negotiated(script);
        let error = qmp.execute("stop", Value::Null).unwrap_err();
        assert!(matches!(error, QmpError::Garbage { .. }), "{line}: {error}");
        assert!(!error.to_string().contains('\u{7}'));
        assert_eq!(qmp.execute("cont", Value::Null).unwrap(), 7);
    }
}

#[test]
fn a_peer_that_is_no_qemu_is_refused() {
    for first in [r#"{"return": {}}"#, "SSH-2.0-OpenSSH"] {
        let (ours, _player) = peer(vec![say(first)]);
        assert!(matches!(Qmp::over(ours, soon()), Err(QmpError::Garbage { .. })), "{first}");
    }
    let (ours, _theirs) = UnixStream::pair().unwrap();
    assert!(matches!(Qmp::over(ours, shortly()), Err(QmpError::Timeout { .. })));
}

#[test]
fn a_line_without_end_is_bounded() {
    let (mut qmp, _player) = negotiated(vec![Do::Read("stop"), Do::Write("x".repeat(LINE_MAX_BYTES + (64 << 10)))]);
    assert!(matches!(qmp.execute("stop", Value::Null), Err(QmpError::LineTooLong)));
}

#[test]
fn a_flood_of_events_loses_the_oldest() {
    let mut flood: String = (0..=QUEUE_MAX_EVENTS).map(|n| format!("{{\"event\": \"E{n}\"}}\n")).collect();
    flood.push_str("{\"return\": {}, \"id\": ID}\n");
    // No number follows an E in the answer, and ID stands nowhere else.
    let (mut qmp, _player) = negotiated(vec![Do::Read("stop"), Do::Write(flood)]);
    qmp.execute("stop", Value::Null).unwrap();
    assert_eq!(qmp.next_event(Duration::ZERO).unwrap().name, "E1");
}

#[test]
fn an_absent_socket_is_awaited_and_then_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Qmp::connect(&directory.path().join("qmp"), shortly()).unwrap_err();
    assert!(matches!(error, QmpError::Connect { .. }));
}
