//! Whether the peer of a session lives: both sides send a heartbeat each interval, and a peer of whom nothing was heard for
//! three is gone. Whatever the peer proved to have sent counts, messages as well.

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
    next_beat: Duration,
    heard_at: Duration,
}

impl Pulse {
    /// It begins now, with a heartbeat.
    pub(crate) fn new(now: Duration, interval: Duration) -> Self {
        Self { interval, next_beat: now, heard_at: now }
    }

    /// Something of the peer arrived.
    pub(crate) fn heard(&mut self, now: Duration) {
        self.heard_at = self.heard_at.max(now);
    }

    /// What is due now. After a heartbeat that was late the next is a whole interval away.
    pub(crate) fn due(&mut self, now: Duration) -> Due {
        if now >= self.silence_ends() {
            Due::GiveUp
        } else if now >= self.next_beat {
            self.next_beat = now + self.interval;
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
}
