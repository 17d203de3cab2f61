//! Measures from outside how long a partition is silent: ICMP echo every 10 ms, and the gaps between the answers.
//!
//! A thread sends and receives; each request carries a magic word and a 64-bit number, so that answers to others, and the
//! wrap of ICMP's own 16-bit number after 11 minutes, do no harm. The instant an answer arrives is kept, not the round
//! trip: after a blackout the answers to requests that were queued come in a bunch, which is what a user would see.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket};

/// Between two requests. A blackout is known to this precision.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// Answers kept: three hours at [`INTERVAL`]. A longer watch loses the oldest.
pub const ANSWERS_MAX: usize = 1 << 20;

/// First bytes of what a request carries.
const MAGIC: [u8; 8] = *b"lparecho";

const ICMP_ECHO_REQUEST: u8 = 8;
const ICMP_ECHO_REPLY: u8 = 0;

/// Type, code, checksum, identifier, sequence number.
const ICMP_HEADER_BYTES: usize = 8;

/// Each prober has a word of its own behind the magic: two probers may watch the same address.
static PROBERS: AtomicU64 = AtomicU64::new(0);

/// The prober cannot work.
#[derive(Debug, thiserror::Error)]
pub enum EchoError {
    /// Neither kind of ICMP socket is to be had.
    #[error("cannot open an ICMP socket; it needs root, or a user namespace with its own network")]
    Socket(#[source] io::Error),
    /// No thread.
    #[error("cannot start the thread that watches {address}")]
    Thread {
        /// The watched address.
        address: Ipv4Addr,
        /// The system's answer.
        source: io::Error,
    },
}

/// Two consecutive answers, and so the silence between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last answer before.
    pub last: Instant,
    /// The first answer after.
    pub first: Instant,
}

impl Gap {
    /// How long it was silent.
    pub fn length(&self) -> Duration {
        self.first.saturating_duration_since(self.last)
    }
}

/// The instants of all answers, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    answers: Vec<Instant>,
}

impl Gaps {
    /// From answers in any order.
    pub fn new(mut answers: Vec<Instant>) -> Self {
        answers.sort_unstable();
        Self { answers }
    }

    /// How many answers came.
    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// The longest silence; `None` with fewer than two answers. Of equal ones the first.
    pub fn longest(&self) -> Option<Gap> {
        longest(&self.answers)
    }

    /// The longest silence that begins or ends between two instants, or spans them: a migration's blackout.
    pub fn longest_between(&self, from: Instant, until: Instant) -> Option<Gap> {
        let before = self.answers.partition_point(|answer| *answer <= from).saturating_sub(1);
        let after = self.answers.partition_point(|answer| *answer < until);
        longest(self.answers.get(before..(after + 1).min(self.answers.len())).unwrap_or_default())
    }

    /// The last answer at or before an instant.
    pub fn last_before(&self, instant: Instant) -> Option<Instant> {
        let count = self.answers.partition_point(|answer| *answer <= instant);
        count.checked_sub(1).map(|index| self.answers[index])
    }

    /// The first answer after an instant.
    pub fn first_after(&self, instant: Instant) -> Option<Instant> {
        self.answers.get(self.answers.partition_point(|answer| *answer <= instant)).copied()
    }

    /// The silence around an instant. `None` when there is no answer on one of its sides.
    pub fn around(&self, instant: Instant) -> Option<Gap> {
        Some(Gap { last: self.last_before(instant)?, first: self.first_after(instant)? })
    }
}

fn longest(answers: &[Instant]) -> Option<Gap> {
    let gaps = answers.windows(2).map(|pair| Gap { last: pair[0], first: pair[1] });
    gaps.reduce(|longest, gap| if gap.length() > longest.length() { gap } else { longest })
}

/// What prober and thread share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    sent: AtomicU64,
    answers: Mutex<Vec<Instant>>,
}

impl Shared {
    /// A thread that panicked leaves a list that is as good as before.
    fn answers(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that asks one address until it is stopped or dropped.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Prober {
    /// Begins to ask. The sockets belong to the network namespace of the calling thread.
    pub fn start(address: Ipv4Addr) -> Result<Self, EchoError> {
        let (socket, framing) = icmp_socket()?;
        let shared = Arc::new(Shared::default());
        let word = (PROBERS.fetch_add(1, Ordering::Relaxed) << 32) | u64::from(std::process::id());
        let asker = Asker { socket, framing, to: SocketAddrV4::new(address, 0).into(), word, shared: shared.clone() };
        let thread = thread::Builder::new().name(format!("echo {address}")).spawn(move || asker.run());
        let thread = thread.map_err(|source| EchoError::Thread { address, source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How many requests were sent.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// The answers so far.
    pub fn gaps(&self) -> Gaps {
        Gaps::new(self.shared.answers().clone())
    }

    /// Ends the thread; gives all answers.
    pub fn stop(mut self) -> Gaps {
        self.join();
        self.gaps()
    }

    fn join(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.join();
    }
}

/// Whether the kernel puts the IP header before what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    WithIpHeader,
    Bare,
}

/// A raw socket where we may, else the "ping socket" that `net.ipv4.ping_group_range` opens to groups.
fn icmp_socket() -> Result<(OwnedFd, Framing), EchoError> {
    let open = |kind| socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp);
    match open(SockType::Raw) {
        Ok(socket) => Ok((socket, Framing::WithIpHeader)),
        Err(Errno::EPERM | Errno::EACCES) => match open(SockType::Datagram) {
            Ok(socket) => Ok((socket, Framing::Bare)),
            Err(error) => Err(EchoError::Socket(error.into())),
        },
        Err(error) => Err(EchoError::Socket(error.into())),
    }
}

/// The thread's side.
struct Asker {
    socket: OwnedFd,
    framing: Framing,
    to: SockaddrIn,
    word: u64,
    shared: Arc<Shared>,
}

impl Asker {
    fn run(&self) {
        let mut next = Instant::now();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let number = self.shared.sent.fetch_add(1, Ordering::Relaxed);
            // A request that cannot be sent (no route yet, full queue) is one without an answer: that is the measure.
            let request = request(self.word, number);
            let _ = sendto(self.socket.as_raw_fd(), &request, &self.to, MsgFlags::MSG_DONTWAIT);
            // From the plan, not from now: the pace does not drift. After a stall the missed turns are left out.
            next = (next + INTERVAL).max(Instant::now());
            self.listen_until(next);
        }
    }

    fn listen_until(&self, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up: poll counts whole milliseconds, and a timeout of zero in the last one would spin.
            let milliseconds = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
            let mut wanted = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut wanted, PollTimeout::from(milliseconds)), Ok(1..)) {
                return;
            }
            self.receive();
            if Instant::now() >= until {
                return;
            }
        }
    }

    fn receive(&self) {
        let mut packet = [0; 256];
        let Ok(length) = recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::MSG_DONTWAIT) else { return };
        let arrived = Instant::now();
        if answered(&packet[..length.min(packet.len())], self.framing, self.word).is_some() {
            let mut answers = self.shared.answers();
            if answers.len() == ANSWERS_MAX {
                answers.drain(..ANSWERS_MAX / 2);
            }
            answers.push(arrived);
        }
    }
}

/// An echo request: header, magic, the prober's word, the number.
fn request(word: u64, number: u64) -> Vec<u8> {
    // The header has room for the low halves only; the whole numbers follow.
    let ([.., i, j], [.., n, m]) = (word.to_be_bytes(), number.to_be_bytes());
    let mut packet = vec![ICMP_ECHO_REQUEST, 0, 0, 0, i, j, n, m];
    packet.extend_from_slice(&MAGIC);
    packet.extend_from_slice(&word.to_be_bytes());
    packet.extend_from_slice(&number.to_be_bytes());
    let sum = checksum(&packet).to_be_bytes();
    packet[2..4].copy_from_slice(&sum);
    packet
}

/// The number of the request that a received packet answers, if it is one of this prober's.
fn answered(packet: &[u8], framing: Framing, word: u64) -> Option<u64> {
    let header = match framing {
        Framing::Bare => 0,
        Framing::WithIpHeader => 4 * usize::from(packet.first()? & 0x0f),
    };
    let icmp = packet.get(header..)?;
    let body = icmp.get(ICMP_HEADER_BYTES..ICMP_HEADER_BYTES + 24)?;
    let ours = icmp[0] == ICMP_ECHO_REPLY && body[..8] == MAGIC && body[8..16] == word.to_be_bytes();
    ours.then(|| body[16..].try_into().ok().map(u64::from_be_bytes))?
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]);
    // One's complement: a carry comes in again at the low end.
    let add = |sum: u16, word: u16| {
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    };
    !bytes.chunks(2).map(word).fold(0, add)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn gaps_are_found_where_they_are() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let gap = |last, first| Some(Gap { last: at(last), first: at(first) });
        let gaps = Gaps::new([30, 0, 10, 20, 900, 910, 1500, 1510].map(at).to_vec());
        assert_eq!(gaps.longest(), gap(30, 900));
        assert_eq!(gaps.longest().unwrap().length(), Duration::from_millis(870));
        let cases = [
            // from, until, longest
            (0, 1510, gap(30, 900)),
            (905, 1505, gap(910, 1500)),
            (500, 600, gap(30, 900)),
            (905, 907, gap(900, 910)),
            (1510, 9000, None),
        ];
        for (from, until, expected) in cases {
            assert_eq!(gaps.longest_between(at(from), at(until)), expected, "{from} to {until}");
        }
        let around = [(500, gap(30, 900)), (30, gap(30, 900)), (899, gap(30, 900)), (900, gap(900, 910)), (1510, None)];
        for (instant, expected) in around {
            assert_eq!(gaps.around(at(instant)), expected, "around {instant}");
        }
        assert_eq!((gaps.last_before(at(29)), gaps.first_after(at(29))), (Some(at(20)), Some(at(30))));
    }

    #[test]
    fn fewer_than_two_answers_have_no_gap() {
        let now = Instant::now();
        for answers in [vec![], vec![now]] {
            let gaps = Gaps::new(answers);
            assert_eq!((gaps.longest(), gaps.longest_between(now, now), gaps.around(now)), (None, None, None));
        }
        assert_eq!(Gaps::default().last_before(now), None);
    }

    #[test]
    fn only_our_own_answers_count() {
        let mut reply = request(7, 70_000);
        assert_eq!(checksum(&reply), 0);
        assert_eq!(answered(&reply, Framing::Bare, 7), None, "a request is no answer");
        reply[0] = ICMP_ECHO_REPLY;
        assert_eq!(answered(&reply, Framing::Bare, 7), Some(70_000));
        assert_eq!(answered(&reply, Framing::Bare, 8), None);
        let mut framed = vec![0x46; 24];
        framed.extend_from_slice(&reply);
        assert_eq!(answered(&framed, Framing::WithIpHeader, 7), Some(70_000));
        for length in 0..framed.len() {
            assert_eq!(answered(&framed[..length], Framing::WithIpHeader, 7), None, "{length} bytes");
        }
        assert_eq!(answered(&[0x4f; 40], Framing::WithIpHeader, 7), None);
    }
}
