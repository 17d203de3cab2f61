//! Who may be connected without having proved who he is: few at a time, briefly, with few bytes.
//!
//! ```text
//! accept -> admitted ---- the peer proved a pinned key and greeted ----> proven: not counted here any more
//!              '- time is up, too many bytes, or a newcomer needs the place -> sent away
//! ```
//!
//! A newcomer is never refused: it takes the place of the oldest of its own address, or, when all places are taken, of the
//! oldest of the address that has most. So whoever holds connections open loses them first, and a partition that
//! calls while a thousand others knock is served as soon as it has spoken.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Of one address: a partition has one, and while the network breaks a second and a third that is not noticed yet.
pub(super) const PLACES_PER_ADDRESS: usize = 4;
/// In all: eight times what the partitions of a full system need when their console is started anew.
pub(super) const PLACES: usize = 64;
/// From the connection to the accepted greeting. A handshake under TCG on a loaded machine takes a second.
pub(super) const TIME: Duration = Duration::from_secs(10);
/// Until the accepted greeting: TLS's handshake has some 1,500 bytes, the greeting 64 KiB at most, records some more.
pub(super) const BYTES: usize = 72 << 10;

/// Names a connection; greater ones are newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ConnectionId(pub(super) u64);

#[derive(Debug, Clone, Copy)]
struct Place {
    address: IpAddr,
    until: Duration,
    bytes: usize,
}

/// The connections that have proved nothing yet.
#[derive(Debug, Default)]
pub(super) struct Admission {
    places: BTreeMap<ConnectionId, Place>,
    last: u64,
}

impl Admission {
    /// A connection came; the other one that must go for it.
    pub(super) fn admit(&mut self, now: Duration, address: IpAddr) -> (ConnectionId, Option<ConnectionId>) {
        let evicted = self.to_evict(address);
        if let Some(evicted) = evicted {
            self.places.remove(&evicted);
        }
        self.last += 1;
        let id = ConnectionId(self.last);
        self.places.insert(id, Place { address, until: now + TIME, bytes: 0 });
        (id, evicted)
    }

    fn to_evict(&self, address: IpAddr) -> Option<ConnectionId> {
        let held = |address| self.places.values().filter(|place| place.address == address).count();
        let crowded = if held(address) >= PLACES_PER_ADDRESS {
            address
        } else if self.places.len() >= PLACES {
            let crowding = |(id, place): &(&ConnectionId, &Place)| (held(place.address), std::cmp::Reverse(**id));
            self.places.iter().max_by_key(crowding)?.1.address
        } else {
            return None;
        };
        self.places.iter().find(|(_, place)| place.address == crowded).map(|(id, _)| *id)
    }

    /// Bytes came; whether they are still few enough. Of a proven one all are.
    pub(super) fn count(&mut self, id: ConnectionId, bytes: usize) -> bool {
        let Some(place) = self.places.get_mut(&id) else { return true };
        place.bytes = place.bytes.saturating_add(bytes);
        place.bytes <= BYTES
    }

    /// It proved who it is, or it is gone.
    pub(super) fn leave(&mut self, id: ConnectionId) {
        self.places.remove(&id);
    }

    /// Those whose time is up; they are gone from here.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<ConnectionId> {
        let late: Vec<_> = self.places.iter().filter(|(_, place)| place.until <= now).map(|(id, _)| *id).collect();
        self.places.retain(|_, place| place.until > now);
        late
    }

    /// When the next one's time is up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.places.values().map(|place| place.until).min()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    fn address(last: u16) -> IpAddr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last).into()
    }

    #[test]
    fn the_oldest_of_the_same_address_makes_place() {
        let mut admission = Admission::default();
        let came: Vec<_> = (0..6).map(|at| admission.admit(Duration::from_secs(at), address(1))).collect();
        let evicted: Vec<_> = came.iter().map(|(_, evicted)| *evicted).collect();
        assert_eq!(evicted, [None, None, None, None, Some(came[0].0), Some(came[1].0)]);
    }

    #[test]
    fn who_holds_most_places_loses_one_when_all_are_taken() {
        let mut admission = Admission::default();
        let now = Duration::ZERO;
        let (partition, _) = admission.admit(now, address(1));
        let (greedy, _) = admission.admit(now, address(2));
        admission.admit(now, address(2));
        for other in 3..=63 {
            admission.admit(now, address(other));
        }
        assert_eq!(admission.places.len(), PLACES);
        assert_eq!(admission.admit(now, address(100)).1, Some(greedy));
        // Now all have one: the oldest goes.
        assert_eq!(admission.admit(now, address(101)).1, Some(partition));
    }

    #[test]
    fn time_and_bytes_are_counted_from_the_beginning_until_it_is_proven() {
        let mut admission = Admission::default();
        let (slow, _) = admission.admit(Duration::from_secs(1), address(1));
        let (proven, _) = admission.admit(Duration::from_secs(2), address(1));
        assert!(admission.count(slow, BYTES) && !admission.count(slow, 1));
        admission.leave(proven);
        assert!(admission.count(proven, usize::MAX));
        assert_eq!(admission.deadline(), Some(Duration::from_secs(11)));
        assert_eq!(admission.expire(Duration::from_secs(10)), []);
        assert_eq!(admission.expire(Duration::from_secs(11)), [slow]);
        assert_eq!(admission.deadline(), None);
    }

    proptest! {
        #[test]
        fn whoever_comes_there_are_never_more_than_the_limits_and_the_newcomer_is_one_of_them(
            callers in prop::collection::vec(0_u16..200, 0..400),
        ) {
            let mut admission = Admission::default();
            for (at, caller) in callers.into_iter().enumerate() {
                let (id, evicted) = admission.admit(Duration::from_millis(at as u64), address(caller));
                prop_assert!(admission.places.contains_key(&id));
                prop_assert!(evicted.is_none_or(|evicted| !admission.places.contains_key(&evicted)));
                prop_assert!(admission.places.len() <= PLACES);
                for place in admission.places.values() {
                    let held = admission.places.values().filter(|other| other.address == place.address).count();
                    prop_assert!(held <= PLACES_PER_ADDRESS);
                }
            }
        }
    }
}
