//! Echo requests (ICMP, RFC 792 and RFC 4443): a small one, and one as large as the interface sends.
//!
//! The kernel lets everybody send them whom `net.ipv4.ping_group_range` names, and root through a raw socket (IPv6 only: for IPv4 a
//! raw socket would have to make headers). On the way nobody may cut them into pieces: of IPv6 nobody does but the sender,
//! who is told not to; of IPv4 Linux forbids it for packets that the interface takes (`IP_PMTUDISC_WANT`, the default, which
//! `net.ipv4.ip_no_pmtu_disc` changes). A router that has told of less before is remembered, and then the sender does cut them: what
//! the kernel has learnt is no fault, a session sends smaller ones too.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt};

use crate::doctor::way::Echo;

/// Within a link an answer comes in a millisecond.
const PATIENCE: Duration = Duration::from_secs(1);
/// A message without anything is 8 bytes long; the rest is what is asked for again.
const HEADER_BYTES: usize = 8;
const SMALL_BYTES: usize = 64;
/// What IP puts before it.
const IPV4_HEADER_BYTES: u32 = 20;
const IPV6_HEADER_BYTES: u32 = 40;
/// A network loses one at times. It does not lose all of these, unless they are too large for it.
const LARGE_REQUESTS: u16 = 3;
/// More than any packet.
const ANSWER_BYTES: usize = 1 << 16;

/// Sends both to an address through an interface whose packets have at most `mtu_bytes`.
pub(super) fn ask(to: SocketAddr, mtu_bytes: u32) -> Echo {
    let header = if to.is_ipv6() { IPV6_HEADER_BYTES } else { IPV4_HEADER_BYTES };
    let large = usize::try_from(mtu_bytes.saturating_sub(header)).unwrap_or(SMALL_BYTES).max(SMALL_BYTES);
    let came_back = |length, sequence| exchange(to, &Request::new(to, length, sequence));
    match came_back(SMALL_BYTES, 1) {
        Err(error) => Echo::Untried(why(to, &error)),
        Ok(false) => Echo::Neither,
        Ok(true) => match any(|sequence| came_back(large, sequence)) {
            Ok(true) => Echo::Both(mtu_bytes),
            Ok(false) => Echo::OnlySmall(mtu_bytes),
            Err(error) => Echo::Untried(why(to, &error)),
        },
    }
}

/// Whether one of several large ones came back. That they are too large may be known here already.
fn any(mut came_back: impl FnMut(u16) -> io::Result<bool>) -> io::Result<bool> {
    for sequence in 2..2 + LARGE_REQUESTS {
        match came_back(sequence) {
            Ok(false) => {}
            Err(error) if is(&error, Errno::EMSGSIZE) => return Ok(false),
            // The driver threw it away at once, which only a raw socket is told.
            Err(error) if is(&error, Errno::ENOBUFS) => {}
            ended => return ended,
        }
    }
    Ok(false)
}

fn why(to: SocketAddr, error: &io::Error) -> String {
    match (error.kind(), to) {
        (io::ErrorKind::PermissionDenied, SocketAddr::V6(_)) => "only root may send echo requests here".to_owned(),
        (io::ErrorKind::PermissionDenied, SocketAddr::V4(_)) => {
            "net.ipv4.ping_group_range lets nobody send echo requests".to_owned()
        }
        _ => format!("send an echo request: {error}"),
    }
}

/// Whether the answer came.
fn exchange(to: SocketAddr, request: &Request) -> io::Result<bool> {
    let socket = open(to)?;
    socket.send_to(&request.packet, to)?;
    let until = Instant::now() + PATIENCE;
    let mut answer = vec![0; ANSWER_BYTES];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut answer) {
            Ok((length, _)) if request.is_answered_by(&answer[..length]) => return Ok(true),
            // A raw socket hears what is meant for others too.
            Ok(_) => {}
            Err(error) if is_over(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

/// Nobody answered in time, or somebody said that nobody will.
fn is_over(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | HostUnreachable | NetworkUnreachable | ConnectionRefused)
}

fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let (family, protocol) = match to {
        SocketAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        SocketAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let open = |kind| socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol);
    let opened = match open(SockType::Datagram) {
        Err(Errno::EACCES | Errno::EPERM) if to.is_ipv6() => open(SockType::Raw),
        opened => opened,
    }?;
    if to.is_ipv6() {
        setsockopt(&opened, sockopt::Ipv6DontFrag, &true)?;
    }
    Ok(opened.into())
}

/// A request, and what makes its answer.
struct Request {
    packet: Vec<u8>,
    answer_kind: u8,
}

impl Request {
    /// The kernel fills in the checksum, and the identifier where the socket is not raw.
    fn new(to: SocketAddr, length: usize, sequence: u16) -> Self {
        let (kind, answer_kind) = if to.is_ipv6() { (128, 129) } else { (8, 0) };
        let mut packet = vec![kind, 0, 0, 0, 0, 0];
        packet.extend_from_slice(&sequence.to_be_bytes());
        // Nobody guesses it.
        packet.extend_from_slice(&RandomState::new().build_hasher().finish().to_be_bytes());
        packet.resize(length.max(HEADER_BYTES), 0x5a);
        Self { packet, answer_kind }
    }

    fn is_answered_by(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.packet.len() && bytes[..2] == [self.answer_kind, 0] && bytes[6..] == self.packet[6..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_same_bytes_in_an_answer_are_the_answer() {
        let request = Request::new(to("[::1]:0"), 100, 7);
        assert_eq!(request.packet.len(), 100);
        let answer: Vec<u8> = [&[129, 0, 1, 2, 3, 4][..], &request.packet[6..]].concat();
        assert!(request.is_answered_by(&answer), "checksum and identifier are the kernel's business");
        let mut others = vec![vec![], answer[..99].to_vec(), [&answer[..], &[0]].concat(), request.packet.clone()];
        for at in [0, 1, 7, 8, 99] {
            others.push(answer.clone());
            others.last_mut().unwrap()[at] ^= 1;
        }
        assert!(others.iter().all(|other| !request.is_answered_by(other)));
        let ipv4 = Request::new(to("127.0.0.1:0"), 100, 7);
        assert!(ipv4.is_answered_by(&[&[0, 0, 1, 2, 3, 4][..], &ipv4.packet[6..]].concat()));
    }

    #[test]
    fn one_large_packet_may_be_lost_and_not_all() {
        let failed = |errno: Errno| Err(io::Error::from(errno));
        let with = |answers: Vec<io::Result<bool>>| {
            let (mut answers, mut asked) = (answers.into_iter(), 0);
            let came_back = any(|_| {
                asked += 1;
                answers.next().unwrap_or(Ok(false))
            });
            (came_back.map_err(|error| error.raw_os_error()), asked)
        };
        assert_eq!(with(vec![Ok(true)]), (Ok(true), 1));
        assert_eq!(with(vec![Ok(false), Ok(true)]), (Ok(true), 2));
        assert_eq!(with(vec![]), (Ok(false), LARGE_REQUESTS));
        assert_eq!(with(vec![failed(Errno::EMSGSIZE)]), (Ok(false), 1));
        assert_eq!(with(vec![failed(Errno::ENOBUFS), Ok(true)]), (Ok(true), 2));
        assert_eq!(with(vec![failed(Errno::EPERM)]), (Err(Some(Errno::EPERM as i32)), 1), "says nothing of the size");
    }

    /// The machine itself, which answers unless somebody told it not to.
    #[test]
    fn this_machine_answers_itself() {
        let own = to("[::1]:0");
        if let Err(error) = open(own) {
            eprintln!("skipped: nobody here may send echo requests to {own}: {error}");
            return;
        }
        assert_eq!(ask(own, 1500), Echo::Both(1500));
        // The loopback takes 65536 bytes, headers included.
        assert_eq!(ask(own, 66_000), Echo::OnlySmall(66_000));
    }

    #[test]
    fn nobody_answers_for_nobody() {
        // A documentation prefix (RFC 3849): no route, or nobody behind it.
        let echo = ask(to("[2001:db8::1]:0"), 1500);
        assert!(matches!(echo, Echo::Neither | Echo::Untried(_)), "{echo:?}");
    }
}
