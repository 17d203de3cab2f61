//! What is said of peers that are sent away: each kind once an address, with a count when it comes again much later. A flood
//! of garbage must not become a flood of lines, and of addresses that were made up only so many are remembered.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// As long as it goes on within that time, nothing more is said.
const QUIET: Duration = Duration::from_secs(600);
/// What is remembered; a system has fewer partitions.
const REMEMBERED: usize = 256;

/// Why a peer was sent away, or a datagram passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Misdeed {
    /// More connections than it may have.
    TooMany,
    /// No key in time.
    TooSlow,
    /// More bytes than it takes to prove a key.
    TooMuch,
    /// No TLS, another protocol, or TLS broke.
    NoSession,
    /// A key that is not pinned.
    Key,
    /// What is no frame.
    Frame,
    /// A session that is against the rules: greeting, version, messages.
    Rules,
    /// Datagrams that are neither questions nor heartbeats.
    Datagram,
    /// Heartbeats of no session, sent again or forged.
    Heartbeat,
}

impl Misdeed {
    /// As it stands in the log.
    fn name(self) -> &'static str {
        match self {
            Self::TooMany => "too many connections",
            Self::TooSlow => "too slow",
            Self::TooMuch => "too many bytes",
            Self::NoSession => "no session",
            Self::Key => "wrong key",
            Self::Frame => "bad frame",
            Self::Rules => "against the rules",
            Self::Datagram => "bad datagram",
            Self::Heartbeat => "bad heartbeat",
        }
    }
}

impl fmt::Display for Misdeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[derive(Debug, Clone, Copy)]
struct Memory {
    last: Duration,
    unsaid: u64,
}

/// What was said of whom.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    said: BTreeMap<(IpAddr, Misdeed), Memory>,
}

impl Complaints {
    /// A peer misbehaved; the line to be written, if there is to be one.
    pub(super) fn note(&mut self, now: Duration, address: IpAddr, misdeed: Misdeed, cause: &str) -> Option<String> {
        let key = (address, misdeed);
        let before = self.said.get_mut(&key);
        if let Some(memory) = before {
            let was = memory.last;
            memory.last = now;
            if now < was + QUIET {
                memory.unsaid += 1;
                return None;
            }
        } else if !self.make_room(now) {
            return None;
        }
        let unsaid = self.said.insert(key, Memory { last: now, unsaid: 0 }).map_or(0, |memory| memory.unsaid);
        let more = if unsaid > 0 { format!(" (and {unsaid} times before)") } else { String::new() };
        Some(format!("refused {address}: {misdeed}: {cause}{more}"))
    }

    /// False when all is taken by what is not quiet yet.
    fn make_room(&mut self, now: Duration) -> bool {
        if self.said.len() >= REMEMBERED {
            self.said.retain(|_, memory| now < memory.last + QUIET);
        }
        self.said.len() < REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::Ipv6Addr;

    use super::*;

    fn address(last: u16) -> IpAddr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last).into()
    }

    #[test]
    fn a_thousand_times_the_same_is_one_line() {
        let mut complaints = Complaints::default();
        let lines: Vec<_> = (0..1000)
            .filter_map(|at| complaints.note(Duration::from_millis(at), address(1), Misdeed::Key, "who?"))
            .collect();
        assert_eq!(lines, ["refused fe80::1: wrong key: who?"]);
        assert!(complaints.note(Duration::ZERO, address(1), Misdeed::TooSlow, "x").is_some(), "another kind is said");
        assert!(complaints.note(Duration::ZERO, address(2), Misdeed::Key, "x").is_some(), "another address too");
        let later = complaints.note(Duration::from_secs(601), address(1), Misdeed::Key, "who?").unwrap();
        assert!(later.ends_with("(and 999 times before)"), "{later}");
    }

    #[test]
    fn addresses_that_are_made_up_do_not_fill_the_memory_or_the_log() {
        let mut complaints = Complaints::default();
        let said = |complaints: &mut Complaints, at| {
            (0..2000).filter(|last| complaints.note(at, address(*last), Misdeed::Datagram, "x").is_some()).count()
        };
        assert_eq!(said(&mut complaints, Duration::ZERO), REMEMBERED);
        assert_eq!(complaints.said.len(), REMEMBERED);
        assert_eq!(said(&mut complaints, QUIET), REMEMBERED, "after a while there is room again");
    }
}
