//! Datagrams: heartbeats of the sessions, and questions of partitions that look for a console.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use wire::console::Input;
use wire::discovery::{PORT, QUESTION_BYTES, Question};
use wire::heartbeat::session_of;

use super::Server;
use super::complaints::Misdeed;
use crate::console::message::News;

/// Taken before something else has its turn.
const AT_ONCE: usize = 64;
/// Answers a second: an answer costs a signature, and a system has fewer partitions that all start at once.
const ANSWERS_PER_SECOND: u32 = 64;
/// Longer than what is known; what is longer still is cut, and then it is nothing known.
const BUFFER_BYTES: usize = QUESTION_BYTES + 1;

/// How many answers were given in this second.
#[derive(Debug, Default)]
pub(super) struct Answers {
    second: u64,
    given: u32,
}

impl Answers {
    fn may_give(&mut self, now: Duration) -> bool {
        if self.second != now.as_secs() {
            *self = Self { second: now.as_secs(), given: 0 };
        }
        self.given += 1;
        self.given <= ANSWERS_PER_SECOND
    }
}

/// The next datagram of a socket, if there is one.
fn next(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut bytes = [0; BUFFER_BYTES];
    loop {
        match socket.recv_from(&mut bytes) {
            Ok((count, from)) => return Some((bytes[..count].to_vec(), from)),
            // What an earlier datagram met (no such port, no route) is told here; the next one may be good.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => {}
        }
    }
}

impl Server {
    pub(super) fn take_datagrams(&mut self) {
        for _ in 0..AT_ONCE {
            let Some((datagram, from)) = next(&self.sockets.datagrams) else { return };
            match Question::parse(&datagram) {
                Some(question) => self.answer(&question, from),
                None => self.take_heartbeat(&datagram, from),
            }
        }
    }

    pub(super) fn take_questions(&mut self) {
        for _ in 0..AT_ONCE {
            let Some((datagram, from)) = next(&self.sockets.questions) else { return };
            match Question::parse(&datagram) {
                Some(question) => self.answer(&question, from),
                None => self.complain(from.ip(), Misdeed::Datagram, "no question"),
            }
        }
    }

    fn answer(&mut self, question: &Question, from: SocketAddr) {
        if !self.answers.may_give(self.now()) {
            return self.complain(from.ip(), Misdeed::TooMany, "more questions than are answered");
        }
        let answer = question.answer(&self.own, self.sockets.address.into(), PORT);
        // Who asked and is gone does not need it.
        let _ = self.sockets.datagrams.send_to(&answer, from);
    }

    fn take_heartbeat(&mut self, datagram: &[u8], from: SocketAddr) {
        let Some(session) = session_of(datagram) else {
            return self.complain(from.ip(), Misdeed::Datagram, "neither a question nor a heartbeat");
        };
        let of_session = self.partners.iter_mut().find_map(|(lpar, partner)| {
            let link = partner.link.as_mut().filter(|link| link.heartbeats.session() == session)?;
            Some((lpar.clone(), link))
        });
        let Some((lpar, link)) = of_session else {
            return self.complain(from.ip(), Misdeed::Heartbeat, "of no session");
        };
        match link.heartbeats.open(datagram) {
            Ok(_) => {
                link.beats_to = from;
                self.heard(&lpar);
            }
            Err(rejected) => self.complain(from.ip(), Misdeed::Heartbeat, &rejected.to_string()),
        }
    }

    fn heard(&mut self, lpar: &str) {
        let now = self.now();
        let Some(partner) = self.partners.get_mut(lpar) else { return };
        let outputs = partner.end.handle(now, Input::Heard);
        self.report(lpar, News::Heard);
        self.perform(lpar, outputs);
    }

    pub(super) fn beat(&mut self, lpar: &str) {
        let Some(link) = self.partners.get_mut(lpar).and_then(|partner| partner.link.as_mut()) else { return };
        match link.heartbeats.seal() {
            // One that is lost is followed by others.
            Ok(datagram) => drop(self.sockets.datagrams.send_to(&datagram, link.beats_to)),
            Err(error) => eprintln!("console: {lpar}: {error}"),
        }
    }

    pub(super) fn complain(&mut self, of: IpAddr, misdeed: Misdeed, cause: &str) {
        if let Some(line) = self.complaints.note(self.now(), of, misdeed, cause) {
            eprintln!("console: {line}");
        }
    }
}
