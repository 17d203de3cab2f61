//! How much a peer may send: so many messages at once and so many a second; who goes on and on beyond that is sent away.

use std::time::Duration;

/// What one more message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Within the limits.
    Within,
    /// Beyond them: it is not looked at.
    Beyond,
    /// Beyond them for too long.
    Flood,
}

/// A limit and what has been used of it.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Time that one message costs.
    cost: Duration,
    burst: u32,
    /// When all that was sent is paid for.
    paid_at: Duration,
    beyond_in_a_row: u32,
}

impl Rate {
    /// `burst` at once, and one more each `cost`.
    pub const fn new(burst: u32, cost: Duration) -> Self {
        Self { cost, burst, paid_at: Duration::ZERO, beyond_in_a_row: 0 }
    }

    /// One more message.
    pub fn judge(&mut self, now: Duration) -> Judgement {
        let paid_at = self.paid_at.max(now) + self.cost;
        if paid_at <= now + self.cost * self.burst {
            self.paid_at = paid_at;
            self.beyond_in_a_row = 0;
            return Judgement::Within;
        }
        self.beyond_in_a_row += 1;
        if self.beyond_in_a_row > self.burst { Judgement::Flood } else { Judgement::Beyond }
    }
}

#[cfg(test)]
mod tests {
    use super::Judgement::{Beyond, Flood, Within};
    use super::*;

    #[test]
    fn a_burst_passes_then_as_many_as_are_paid_for() {
        let mut rate = Rate::new(3, Duration::from_millis(100));
        let mut judge = |ms| rate.judge(Duration::from_millis(ms));
        assert_eq!([judge(0), judge(0), judge(0), judge(0)], [Within, Within, Within, Beyond]);
        assert_eq!([judge(99), judge(100), judge(100)], [Beyond, Within, Beyond]);
        assert_eq!([judge(1000), judge(1000), judge(1000), judge(1000)], [Within, Within, Within, Beyond]);
        assert_eq!([judge(1000), judge(1000), judge(1000), judge(1000)], [Beyond, Beyond, Flood, Flood]);
        assert_eq!(judge(1100), Within, "who stops is heard again");
    }
}
