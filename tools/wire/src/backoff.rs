//! When to call a console again that could not be reached: soon at first, then more and more seldom, never at the same time as
//! all the others that lost it in the same moment.

use std::time::Duration;

/// The first waits are around this: a console that only restarted is back at once.
const FIRST: Duration = Duration::from_millis(500);
/// No wait is longer: an administrator who mended something does not want to restart the agent too.
const LONGEST: Duration = Duration::from_secs(60);

/// Waits between attempts, each one drawn from the upper half of a span that doubles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// A session was welcomed, or the partition woke up elsewhere: begin anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure; `random` is any number, drawn anew each time.
    pub fn after_failure(&mut self, random: u32) -> Duration {
        let span = FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = span / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let longest: Vec<u128> = (0..10).map(|_| backoff.after_failure(u32::MAX).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        backoff.reset();
        assert_eq!(backoff.after_failure(0), Duration::from_millis(250));
        assert_eq!(backoff.after_failure(u32::MAX), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn every_wait_is_in_the_upper_half_of_its_span(draws in prop::collection::vec(any::<u32>(), 1..60)) {
            let mut backoff = Backoff::default();
            let mut span = FIRST;
            for random in draws {
                let wait = backoff.after_failure(random);
                prop_assert!(span / 2 <= wait && wait <= span, "{wait:?} of {span:?}");
                span = (span * 2).min(LONGEST);
            }
        }
    }
}
