//! Asking the management network which console is there.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use wire::discovery::{ANSWER_BYTES, GROUP, NONCE_BYTES, PORT, Question, Rejected};
use wire::tls::Trust;

use crate::config::ConsoleAddress;
use crate::random;

/// A console on the same link answers in milliseconds; under emulation, in hundreds of them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Datagrams that are looked at for one question: who floods the link fills neither the log nor our time.
const ANSWERS: u32 = 32;

/// A question that was asked, and where the answers come.
#[derive(Debug)]
pub(super) struct Asked {
    question: Question,
    socket: UdpSocket,
    interface: String,
    until: Duration,
    /// Datagrams that are still looked at.
    patience: u32,
}

impl Asked {
    /// Asks all consoles on a link.
    pub(super) fn ask(now: Duration, interface: &str) -> io::Result<Self> {
        let mut nonce = [0; NONCE_BYTES];
        random::fill(&mut nonce).ok_or_else(|| io::Error::other("no randomness"))?;
        let question = Question::new(nonce);
        let index = if_nametoindex(interface)?;
        let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        socket.send_to(&question.datagram(), SocketAddrV6::new(GROUP, PORT, 0, index))?;
        Ok(Self { question, socket, interface: interface.to_owned(), until: now + PATIENCE, patience: ANSWERS })
    }

    /// Until when answers are waited for.
    pub(super) fn until(&self) -> Duration {
        self.until
    }

    /// What to wait for; nothing when enough was heard that is no answer.
    pub(super) fn socket(&self) -> Option<BorrowedFd<'_>> {
        (self.patience > 0).then(|| self.socket.as_fd())
    }

    /// What came, up to a console that is believed.
    pub(super) fn answers(&mut self, trust: &Trust) -> Answers {
        let mut answers = Answers::default();
        // One more byte than an answer has, so that a longer datagram is seen to be longer.
        let mut datagram = [0; ANSWER_BYTES + 1];
        while self.patience > 0 && answers.found.is_none() {
            let Ok(length) = self.socket.recv(&mut datagram) else { break };
            self.patience -= 1;
            match self.question.accept(&datagram[..length], trust) {
                Ok(found) => {
                    let interface = is_link_local(found.address).then(|| self.interface.clone());
                    answers.found = Some(ConsoleAddress { ip: found.address, interface, port: found.port });
                }
                Err(rejected) => answers.rejected.push(rejected),
            }
        }
        answers
    }
}

/// What came of a question until now.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// A console that is believed.
    pub(super) found: Option<ConsoleAddress>,
    /// Why others are not.
    pub(super) rejected: Vec<Rejected>,
}

/// Whether an address means something only together with an interface.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
