//! Heartbeats of two ends, and everything that is not one.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn secret(seed: u8) -> Secret {
    let mut bytes = [0; Secret::BYTES];
    for (at, byte) in (0_u8..).zip(&mut bytes) {
        *byte = seed.wrapping_add(at);
    }
    Secret::new(bytes)
}

fn pair() -> (Heartbeats, Heartbeats) {
    let end = |side| Heartbeats::new(&secret(1), side, 3).unwrap();
    (end(Side::Partition), end(Side::Console))
}

#[test]
fn each_end_hears_the_other_and_tells_so() {
    let (mut partition, mut console) = pair();
    for round in 1..200 {
        let beat = console.open(&partition.seal().unwrap());
        assert_eq!(beat, Ok(Beat { sequence: round, heard: round - 1 }));
        let beat = partition.open(&console.seal().unwrap());
        assert_eq!(beat, Ok(Beat { sequence: round, heard: round }));
    }
}

#[test]
fn a_heartbeat_counts_once_and_in_any_order_of_the_last_64() {
    let (mut partition, mut console) = pair();
    let beats: Vec<_> = (0..100).map(|_| partition.seal().unwrap()).collect();
    assert!(console.open(&beats[98]).is_ok());
    for (index, beat) in beats.iter().enumerate() {
        let sequence = u64::try_from(index).unwrap() + 1;
        let expected =
            if sequence <= 99 - 64 || sequence == 99 { Err(Rejected::Replayed(sequence)) } else { Ok(sequence) };
        assert_eq!(console.open(beat).map(|beat| beat.sequence), expected);
        assert_eq!(console.open(beat), Err(Rejected::Replayed(sequence)), "a second time");
    }
}

#[test]
fn a_heartbeat_of_another_session_partition_or_direction_is_passed_over() {
    let (mut partition, mut console) = pair();
    let mut other_session = Heartbeats::new(&secret(2), Side::Partition, 3).unwrap();
    let mut other_partition = Heartbeats::new(&secret(1), Side::Partition, 4).unwrap();
    assert_eq!(console.open(&other_session.seal().unwrap()), Err(Rejected::OtherSession));
    assert_eq!(console.open(&other_partition.seal().unwrap()), Err(Rejected::OtherPartition(4)));
    let own = console.seal().unwrap();
    assert_eq!(console.open(&own), Err(Rejected::Direction), "thrown back");
    // Said to be of the right session: the key is another.
    let mut forged = other_session.seal().unwrap();
    forged[12..20].copy_from_slice(&partition.session().0);
    assert_eq!(console.open(&forged), Err(Rejected::Forged));
    // A forged one does not use up the number of the true one.
    let mut true_one = partition.seal().unwrap();
    true_one[51] ^= 1;
    assert_eq!(console.open(&true_one), Err(Rejected::Forged));
    true_one[51] ^= 1;
    assert!(console.open(&true_one).is_ok());
    assert_eq!(session_of(&true_one), Some(partition.session()));
}

#[test]
fn numbers_are_never_used_twice() {
    let (mut partition, _) = pair();
    partition.last_sent = u64::MAX - 1;
    assert!(partition.seal().is_ok());
    assert_eq!(partition.seal(), Err(Exhausted));
    assert_eq!(partition.seal(), Err(Exhausted));
}

#[test]
fn a_secret_does_not_show_itself() {
    assert!(!format!("{:?}", secret(1)).contains("[1, 2, 3"));
    assert!(!format!("{:?}", pair()).contains("[1, 2, 3"));
}

proptest! {
    #[test]
    fn bytes_of_strangers_are_never_a_heartbeat(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let (_, mut console) = pair();
        prop_assert!(console.open(&bytes).is_err());
    }

    #[test]
    fn a_garbled_heartbeat_is_none(bit in 0_usize..DATAGRAM_BYTES * 8, cut in 0_usize..DATAGRAM_BYTES) {
        let (mut partition, mut console) = pair();
        let good = partition.seal().unwrap();
        let mut garbled = good;
        garbled[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(console.open(&garbled).is_err());
        prop_assert_eq!(console.open(&good[..cut]), Err(Rejected::NoHeartbeat));
        prop_assert_eq!(console.open(&[&good[..], &[0]].concat()), Err(Rejected::NoHeartbeat));
        prop_assert!(console.open(&good).is_ok(), "garbled ones leave no trace");
    }
}
