//! The channel served on a socket pair and on a pty, as a host sees it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::*;

/// A served channel and the host's end of it.
struct Host {
    socket: UnixStream,
    lines: Lines<UnixStream>,
}

impl Host {
    fn new() -> Self {
        let (socket, guest) = UnixStream::pair().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        thread::spawn(move || serve(guest.try_clone().unwrap(), guest));
        let mut host = Self { lines: Lines::new(socket.try_clone().unwrap()), socket };
        let hello = host.reply();
        assert!(matches!(hello, Reply { id: UNASKED, answer: Answer::Hello(Hello { protocol: PROTOCOL, .. }) }));
        host
    }

    fn ask(&mut self, id: u64, action: Action) {
        self.socket.write_all(&encode(&Request { id, action }).unwrap()).unwrap();
    }

    fn reply(&mut self) -> Reply {
        match self.lines.next_line().unwrap() {
            Some(Line::Text(line)) => decode(&line).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, action: Action) -> Answer {
        self.ask(5, action);
        let reply = self.reply();
        assert_eq!(reply.id, 5);
        reply.answer
    }

    fn shell(&mut self, script: &str, deadline_ms: u64) -> (i32, String, String, bool) {
        match self.answer(sh(script, deadline_ms)) {
            Answer::Exited { status, stdout, stderr, truncated } => {
                (status, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), truncated)
            }
            other => panic!("{other:?}"),
        }
    }
}

fn sh(script: &str, deadline_ms: u64) -> Action {
    Action::Exec { argv: ["sh", "-c", script].map(Into::into).to_vec(), stdin: b"in".to_vec(), deadline_ms }
}

fn said(status: i32, stdout: &str, stderr: &str) -> (i32, String, String, bool) {
    (status, stdout.into(), stderr.into(), false)
}

#[test]
fn exec_gives_status_and_outputs() {
    let mut host = Host::new();
    assert_eq!(host.shell("cat; echo e >&2; exit 3", 60_000), said(3, "in", "e\n"));
    assert_eq!(host.shell("kill -9 $$", 60_000), said(137, "", ""));
}

#[test]
fn the_deadline_ends_the_whole_group() {
    let mut host = Host::new();
    let started = Instant::now();
    assert_eq!(host.shell("echo a; sleep 1000 & sleep 1000", 300), said(124, "a\n", ""));
    // The program's own status when only a child still holds its output.
    assert_eq!(host.shell("echo b; sleep 1000 & exit 2", 300), said(2, "b\n", ""));
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_long_output_is_cut() {
    let (status, stdout, _, truncated) = Host::new().shell("head -c 300000 /dev/zero; exit 1", 60_000);
    assert_eq!((status, stdout.len(), truncated), (1, OUTPUT_LIMIT_BYTES, true));
}

#[test]
fn a_slow_request_does_not_hold_up_the_next() {
    let mut host = Host::new();
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    host.ask(1, Action::Read { path: fifo.clone() });
    host.ask(2, Action::Hello);
    assert_eq!(host.reply().id, 2);
    host.ask(3, Action::Write { path: fifo, bytes: b"x".to_vec() });
    let mut replies = [host.reply(), host.reply()];
    replies.sort_by_key(|reply| reply.id);
    assert_eq!(replies[0], Reply { id: 1, answer: Answer::Bytes(b"x".to_vec()) });
    assert_eq!(replies[1], Reply { id: 3, answer: Answer::Done });
}

#[test]
fn files_are_read_and_written_as_they_are() {
    let mut host = Host::new();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, vec![7; OUTPUT_LIMIT_BYTES]).unwrap();
    assert_eq!(host.answer(Action::Read { path: path.clone() }), Answer::Bytes(vec![7; OUTPUT_LIMIT_BYTES]));
    assert_eq!(host.answer(Action::Write { path: path.clone(), bytes: b"ab".to_vec() }), Answer::Done);
    assert_eq!(fs::read(&path).unwrap()[..3], *b"ab\x07");
    fs::write(&path, vec![7; OUTPUT_LIMIT_BYTES + 1]).unwrap();
    assert!(matches!(host.answer(Action::Read { path }), Answer::Failed { errno: 27, .. }));
}

#[test]
fn failures_name_operation_thing_and_cause() {
    let mut host = Host::new();
    let lacking = "/no/such";
    for (action, expected) in [
        (Action::Read { path: lacking.into() }, "read /no/such: No such file or directory"),
        (Action::Write { path: lacking.into(), bytes: vec![] }, "write /no/such: No such file or directory"),
        (
            Action::Exec { argv: vec![lacking.into()], stdin: vec![], deadline_ms: 9 },
            "exec /no/such: No such file or directory",
        ),
        (
            Action::Spawn { argv: vec![lacking.into()], log: "/dev/null".into() },
            "spawn /no/such: No such file or directory",
        ),
    ] {
        assert_eq!(host.answer(action), Answer::Failed { errno: 2, message: expected.into() });
    }
    assert!(matches!(host.answer(Action::Spawn { argv: vec![], log: "/x".into() }), Answer::Failed { errno: 22, .. }));
}

#[test]
fn lines_that_are_no_requests_are_told_and_left() {
    let mut host = Host::new();
    host.socket.write_all(b"\n\nnonsense\n").unwrap();
    assert!(matches!(host.reply(), Reply { id: UNASKED, answer: Answer::Failed { errno: 22, .. } }));
    host.socket.write_all(&[vec![b'x'; LINE_LIMIT_BYTES], b"\n".to_vec()].concat()).unwrap();
    assert!(matches!(host.reply(), Reply { id: UNASKED, answer: Answer::Failed { errno: 7, .. } }));
    assert!(matches!(host.answer(Action::Hello), Answer::Hello(_)));
}

#[test]
fn too_many_requests_at_once_are_refused() {
    let mut host = Host::new();
    for id in 0..=AT_WORK_LIMIT as u64 {
        host.ask(id, sh("sleep 1000", 3_000));
    }
    let reply = host.reply();
    assert_eq!(reply.id, AT_WORK_LIMIT as u64);
    assert!(matches!(reply.answer, Answer::Failed { errno: 11, .. }));
}

#[test]
fn uptime_is_in_milliseconds() {
    for (text, expected) in [("5.12 9.33", 5120), ("70.05 1", 70_050), ("3", 3000), ("", 0)] {
        assert_eq!(uptime_ms(text), expected, "{text:?}");
    }
}
