//! Strangers at a console's door: connections that have not proved a key yet, which anybody on the link can make.
//!
//! A partition proves its key within milliseconds, so who has been there for longest is the least likely to be one. Therefore
//! a newcomer is never turned away: he takes the place of the oldest stranger of his address when it has too many, or else
//! of the oldest of all. A thousand idle connections keep nobody out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::limits::HANDSHAKE_DEADLINE;

/// Strangers at once.
const ALL: usize = 64;
/// Strangers at once of one address; a partition that calls again before its old connection is gone needs two.
const OF_ONE_ADDRESS: usize = 4;

/// A connection that has not proved a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stranger(u64);

/// All strangers of a console, the oldest first.
#[derive(Debug, Default)]
pub struct Door {
    strangers: VecDeque<Visit>,
    so_far: u64,
}

#[derive(Debug)]
struct Visit {
    stranger: Stranger,
    from: IpAddr,
    until: Duration,
}

impl Door {
    /// Somebody connected; whose connection is to be closed for him.
    pub fn enter(&mut self, now: Duration, from: IpAddr) -> (Stranger, Option<Stranger>) {
        let of_his = self.strangers.iter().filter(|visit| visit.from == from).count();
        let is_in_the_way = |visit: &Visit| of_his < OF_ONE_ADDRESS || visit.from == from;
        let is_full = of_his >= OF_ONE_ADDRESS || self.strangers.len() >= ALL;
        let oldest = self.strangers.iter().position(is_in_the_way).filter(|_| is_full);
        let gone = oldest.and_then(|index| self.strangers.remove(index)).map(|visit| visit.stranger);
        self.so_far += 1;
        let stranger = Stranger(self.so_far);
        self.strangers.push_back(Visit { stranger, from, until: now + HANDSHAKE_DEADLINE });
        (stranger, gone)
    }

    /// He proved a key, or is gone.
    pub fn leave(&mut self, stranger: Stranger) {
        self.strangers.retain(|visit| visit.stranger != stranger);
    }

    /// Whose time is over: their connections are to be closed.
    pub fn overdue(&mut self, now: Duration) -> Vec<Stranger> {
        let over = self.strangers.partition_point(|visit| visit.until <= now);
        self.strangers.drain(..over).map(|visit| visit.stranger).collect()
    }

    /// When to look for them again.
    pub fn deadline(&self) -> Option<Duration> {
        self.strangers.front().map(|visit| visit.until)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    #[test]
    fn one_address_displaces_only_its_own() {
        let mut door = Door::default();
        let (victim, _) = door.enter(Duration::ZERO, address(1));
        let flood: Vec<_> = (0..1000).map(|_| door.enter(Duration::ZERO, address(2))).collect();
        for (index, (_, gone)) in flood.iter().enumerate() {
            assert_eq!(*gone, index.checked_sub(OF_ONE_ADDRESS).map(|index| flood[index].0));
        }
        assert_eq!(door.strangers.len(), 1 + OF_ONE_ADDRESS);
        assert_eq!(door.strangers[0].stranger, victim);
    }

    #[test]
    fn of_a_thousand_addresses_the_newest_stay() {
        let mut door = Door::default();
        let gone: BTreeSet<u64> =
            (0..1000).filter_map(|number| door.enter(Duration::ZERO, address(number)).1).map(|gone| gone.0).collect();
        assert_eq!(gone, (1..=1000 - 64).collect());
        assert_eq!(door.strangers.len(), ALL);
    }

    #[test]
    fn who_proves_nothing_in_time_has_to_go() {
        let mut door = Door::default();
        let (first, _) = door.enter(Duration::ZERO, address(1));
        let (proved, _) = door.enter(Duration::from_secs(1), address(2));
        let (second, _) = door.enter(Duration::from_secs(2), address(3));
        door.leave(proved);
        assert_eq!(door.deadline(), Some(HANDSHAKE_DEADLINE));
        assert_eq!(door.overdue(HANDSHAKE_DEADLINE), [first]);
        assert_eq!(door.overdue(HANDSHAKE_DEADLINE), []);
        assert_eq!(door.overdue(HANDSHAKE_DEADLINE * 2), [second]);
        assert_eq!(door.deadline(), None);
    }
}
