//! Whether the peer of a session lives: both sides send a heartbeat each interval, and a peer of whom nothing was heard for
//! three is gone. Whatever the peer proved to have sent counts, messages as well.
//!
//! A partition lets its own go along with the console's: it is awake for that one anyway, and otherwise sleeps. That is one wake-up
//! an interval, not two.

use std::time::Duration;

/// A side is given up after that many intervals of silence.
const INTERVALS_OF_SILENCE: u32 = 3;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// To send a heartbeat.
    Beat,
    /// To give the peer up.
    GiveUp,
}

/// The heartbeats of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    interval: Duration,
    last_beat: Option<Duration>,
    next_beat: Duration,
    heard_at: Duration,
    /// How much longer than an interval the next pause may be, so that the peer's heartbeat comes before the own is due.
    leeway: Duration,
}

impl Pulse {
    /// It begins now, with a heartbeat.
    pub(crate) fn new(now: Duration, interval: Duration) -> Self {
        Self { interval, last_beat: None, next_beat: now, heard_at: now, leeway: Duration::ZERO }
    }

    /// Something of the peer arrived.
    pub(crate) fn heard(&mut self, now: Duration) {
        self.heard_at = self.heard_at.max(now);
    }

    /// A heartbeat of the peer arrived: the own goes now or, when one has just gone, with the peer's next.
    pub(crate) fn heard_beat(&mut self, now: Duration) {
        self.heard(now);
        let quarter = self.interval / 4;
        self.leeway = quarter;
        self.next_beat = match self.last_beat {
            Some(last) if now < last + quarter => last + self.interval + 2 * quarter,
            _ => now,
        };
    }

    /// What is due now. After a heartbeat that was late the next is a whole interval away.
    pub(crate) fn due(&mut self, now: Duration) -> Due {
        if now >= self.silence_ends() {
            Due::GiveUp
        } else if now >= self.next_beat {
            self.last_beat = Some(now);
            self.next_beat = now + self.interval + std::mem::take(&mut self.leeway);
            Due::Beat
        } else {
            Due::Nothing
        }
    }

    /// When to look again.
    pub(crate) fn deadline(&self) -> Duration {
        self.next_beat.min(self.silence_ends())
    }

    fn silence_ends(&self) -> Duration {
        self.heard_at + self.interval * INTERVALS_OF_SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_beats_each_interval_and_gives_up_after_three_of_silence() {
        let seconds = Duration::from_secs;
        let mut pulse = Pulse::new(seconds(100), seconds(5));
        let cases = [(100, Due::Beat), (101, Due::Nothing), (105, Due::Beat), (112, Due::Beat), (114, Due::Nothing)];
        for (at, due) in cases {
            assert_eq!(pulse.due(seconds(at)), due, "at {at}");
        }
        assert_eq!(pulse.deadline(), seconds(115));
        assert_eq!(pulse.due(seconds(115)), Due::GiveUp);
        pulse.heard(seconds(115));
        assert_eq!(pulse.due(seconds(115)), Due::Nothing);
        assert_eq!(pulse.deadline(), seconds(117));
    }

    /// How often it wakes, and the pauses between its heartbeats, when the peer's come each 2 s, `after` milliseconds behind.
    fn wakes_beside_a_peer(after: u64) -> (usize, Vec<u64>) {
        let millis = Duration::from_millis;
        let mut pulse = Pulse::new(Duration::ZERO, millis(2000));
        let (mut wakes, mut beats) = (0, Vec::new());
        for now in 0..60_000 {
            let is_heard = now % 2000 == after;
            if is_heard {
                pulse.heard_beat(millis(now));
            }
            wakes += usize::from(is_heard || millis(now) >= pulse.deadline());
            if pulse.due(millis(now)) == Due::Beat {
                beats.push(now);
            }
        }
        (wakes, beats.windows(2).map(|pair| pair[1] - pair[0]).collect())
    }

    #[test]
    fn with_the_peers_heartbeats_it_wakes_once_an_interval() {
        for after in [0, 1, 2, 499, 500, 501, 1000, 1499, 1500, 1501, 1998, 1999] {
            let (wakes, pauses) = wakes_beside_a_peer(after);
            assert!((30..=32).contains(&wakes), "{wakes} wake-ups in 60 s when the peer is {after} ms behind");
            assert!(pauses.iter().all(|pause| (500..=3000).contains(pause)), "{after} ms behind: {pauses:?}");
        }
    }

    #[test]
    fn without_the_peers_heartbeats_it_beats_by_the_clock_again() {
        let millis = Duration::from_millis;
        for (heard_at, expected) in [(0, [0, 5000, 9000]), (1, [0, 6000, 11_000]), (1000, [0, 1000, 6000])] {
            let mut pulse = Pulse::new(Duration::ZERO, millis(4000));
            let beats = (0..heard_at + 12_000).filter(|now| {
                if *now == heard_at {
                    pulse.heard_beat(millis(*now));
                }
                pulse.due(millis(*now)) == Due::Beat
            });
            assert_eq!(beats.take(3).collect::<Vec<_>>(), expected, "heard at {heard_at}");
            assert_eq!(pulse.due(millis(heard_at + 12_000)), Due::GiveUp);
        }
    }

    #[test]
    fn heartbeats_of_the_peer_in_a_flood_make_no_flood() {
        let millis = Duration::from_millis;
        let mut pulse = Pulse::new(Duration::ZERO, millis(4000));
        let beats = (0..40_000).filter(|now| {
            pulse.heard_beat(millis(*now));
            pulse.due(millis(*now)) == Due::Beat
        });
        let beats: Vec<u64> = beats.collect();
        assert!(beats.windows(2).all(|pair| (1000..=6000).contains(&(pair[1] - pair[0]))), "{beats:?}");
        assert!(beats.len() >= 8, "nor silence");
    }
}
