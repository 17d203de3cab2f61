//! The program serves the channel on a terminal: every byte goes through as it is, much of it in both directions, and a
//! spawned program outlives its request in a session of its own.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use lab_guest::channel::{Action, Answer, Line, Lines, Reply, Request, UNASKED, decode, encode};
use nix::pty::openpty;

/// A server on a terminal, ended with the test.
struct Guest {
    server: Child,
    host: File,
    lines: Lines<File>,
}

impl Guest {
    fn new() -> Self {
        let pty = openpty(None, None).unwrap();
        let slave = fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pty.slave))).unwrap();
        let server = Command::new(env!("CARGO_BIN_EXE_lab-guest")).arg("channel").arg(slave).spawn().unwrap();
        let host = File::from(pty.master);
        let mut guest = Self { server, lines: Lines::new(host.try_clone().unwrap()), host };
        assert!(matches!(guest.reply(), Reply { id: UNASKED, answer: Answer::Hello(_) }));
        guest
    }

    fn reply(&mut self) -> Reply {
        match self.lines.next_line().unwrap() {
            Some(Line::Text(line)) => decode(&line).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, action: Action) -> Answer {
        let line = encode(&Request { id: 9, action }).unwrap();
        let mut host = self.host.try_clone().unwrap();
        // A terminal holds 4 KiB: what comes back must be read while more is written.
        let writer = thread::spawn(move || host.write_all(&line));
        let reply = self.reply();
        writer.join().unwrap().unwrap();
        reply.answer
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn two_hundred_kibibytes_come_back_as_they_went() {
    let bytes: Vec<u8> = (0..=255).cycle().take(200 << 10).collect();
    let cat = Action::Exec { argv: vec!["cat".into()], stdin: bytes.clone(), deadline_ms: 60_000 };
    let expected = Answer::Exited { status: 0, stdout: bytes, stderr: vec![], truncated: false };
    assert!(Guest::new().answer(cat) == expected);
}

#[test]
fn a_spawned_program_leads_its_own_session() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let argv = ["sh", "-c", "cut -d ' ' -f 1,5,6 /proc/$$/stat; echo end >&2"].map(Into::into).to_vec();
    let Answer::Started { pid } = Guest::new().answer(Action::Spawn { argv, log: log.clone() }) else { panic!() };
    assert_eq!(wait_for(&log, "end\n"), format!("{pid} {pid} {pid}\nend\n"));
}

fn wait_for(log: &Path, end: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut text = String::new();
        File::open(log).unwrap().read_to_string(&mut text).unwrap();
        if text.ends_with(end) || Instant::now() > deadline {
            return text;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
