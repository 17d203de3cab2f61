//! The channel's lines, each kind once, and what is refused.
#![allow(clippy::unwrap_used)]

use super::*;

fn exec(deadline_ms: u64) -> Action {
    Action::Exec { argv: vec!["uname".into(), "-r".into()], stdin: b"x\n".to_vec(), deadline_ms }
}

#[test]
fn requests_have_these_lines() {
    let table = [
        (7, exec(9), r#"{"id":7,"do":{"exec":{"argv":["uname","-r"],"stdin":"eAo=","deadline_ms":9}}}"#),
        (
            8,
            Action::Write { path: "/sys/kernel/dlpar".into(), bytes: b"cpu".to_vec() },
            r#"{"id":8,"do":{"write":{"path":"/sys/kernel/dlpar","bytes":"Y3B1"}}}"#,
        ),
        (9, Action::Read { path: "/proc/meminfo".into() }, r#"{"id":9,"do":{"read":{"path":"/proc/meminfo"}}}"#),
        (
            10,
            Action::Spawn { argv: vec!["a".into()], log: "/tmp/x.log".into() },
            r#"{"id":10,"do":{"spawn":{"argv":["a"],"log":"/tmp/x.log"}}}"#,
        ),
        (11, Action::Hello, r#"{"id":11,"do":"hello"}"#),
    ];
    for (id, action, line) in table {
        let request = Request { id, action };
        assert_eq!(String::from_utf8(encode(&request).unwrap()).unwrap(), format!("{line}\n"));
        assert_eq!(decode::<Request>(line.as_bytes()).unwrap(), request);
    }
}

#[test]
fn replies_have_these_lines() {
    let hello = Hello { protocol: 1, kernel: "6.1.0".into(), boot_id: "b".into(), uptime_ms: 5120 };
    let table = [
        (
            Answer::Exited { status: 0, stdout: b"6".to_vec(), stderr: vec![], truncated: false },
            r#"{"id":7,"is":{"exited":{"status":0,"stdout":"Ng==","stderr":"","truncated":false}}}"#,
        ),
        (Answer::Done, r#"{"id":7,"is":"done"}"#),
        (Answer::Bytes(vec![0xff]), r#"{"id":7,"is":{"bytes":"/w=="}}"#),
        (Answer::Started { pid: 77 }, r#"{"id":7,"is":{"started":{"pid":77}}}"#),
        (
            Answer::Hello(hello),
            r#"{"id":7,"is":{"hello":{"protocol":1,"kernel":"6.1.0","boot_id":"b","uptime_ms":5120}}}"#,
        ),
        (
            Answer::Failed { errno: 22, message: "write /sys/kernel/dlpar: Invalid argument".into() },
            r#"{"id":7,"is":{"failed":{"errno":22,"message":"write /sys/kernel/dlpar: Invalid argument"}}}"#,
        ),
    ];
    for (answer, line) in table {
        let reply = Reply { id: 7, answer };
        assert_eq!(String::from_utf8(encode(&reply).unwrap()).unwrap(), format!("{line}\n"));
        assert_eq!(decode::<Reply>(line.as_bytes()).unwrap(), reply);
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for line in [
        "",
        "x",
        "{}",
        r#"{"id":-1,"do":"hello"}"#,
        r#"{"id":1,"do":"bye"}"#,
        r#"{"id":1,"do":"hello","and":2}"#,
        r#"{"id":1,"do":{"read":{"path":"/a","from":1}}}"#,
        r#"{"id":1,"do":{"write":{"path":"/a","bytes":"!"}}}"#,
        r#"{"id":1,"do":"hello"} {"id":2,"do":"hello"}"#,
    ] {
        assert!(decode::<Request>(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn exec_has_defaults() {
    let request: Request = decode(br#"{"id":1,"do":{"exec":{"argv":["a"]}}}"#).unwrap();
    let action = Action::Exec { argv: vec!["a".into()], stdin: vec![], deadline_ms: 10_000 };
    assert_eq!(request.action, action);
}

#[test]
fn lines_are_ascii_and_bounded() {
    let request = Request { id: 1, action: Action::Read { path: "/ü/\u{1f600}\n".into() } };
    let line = encode(&request).unwrap();
    assert!(line.is_ascii());
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
    assert_eq!(decode::<Request>(&line).unwrap(), request);

    let largest = vec![b'x'; OUTPUT_LIMIT_BYTES];
    let exited = Answer::Exited { status: 0, stdout: largest.clone(), stderr: largest, truncated: true };
    assert!(encode(&Reply { id: u64::MAX, answer: exited }).is_ok());
    let long = Request { id: 1, action: Action::Read { path: "a".repeat(LINE_LIMIT_BYTES).into() } };
    assert!(matches!(encode(&long), Err(ChannelError::TooLong(_))));
    assert!(matches!(decode::<Request>(&vec![b' '; LINE_LIMIT_BYTES + 1]), Err(ChannelError::TooLong(_))));
}
