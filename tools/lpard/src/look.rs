//! When the root part shall look whom else there is to call: at once, but not again and again. Pure: time is handed in.
//!
//! To look costs the root part something, and what asks for it may come in floods: links that come and go on a host of
//! containers, a console that refuses each call. The network part keeps to it so as not to wake the root part in vain, and that
//! keeps to it because the other may have been taken over.

use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The looks.
#[derive(Debug, Default)]
pub(crate) struct Look {
    wanted_at: Option<Duration>,
    last: Option<Duration>,
}

impl Look {
    /// One is wanted. It comes later when the last one was just now.
    pub(crate) fn want(&mut self, now: Duration) {
        let at = self.last.map_or(now, |last| now.max(last + PAUSE));
        self.wanted_at.get_or_insert(at);
    }

    /// When to ask again whether one is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.wanted_at
    }

    /// Whether one is due now, which it is not any more then.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.wanted_at.is_some_and(|at| now >= at);
        if is_due {
            (self.wanted_at, self.last) = (None, Some(now));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_comes_at_once_and_of_many_the_next_after_a_pause() {
        let mut look = Look::default();
        assert_eq!((look.is_due(at(9)), look.deadline()), (false, None));
        look.want(at(10));
        assert!(look.is_due(at(10)) && !look.is_due(at(10)));
        (0..9).for_each(|tenth| look.want(at(10) + PAUSE * tenth / 10));
        assert_eq!((look.is_due(at(10) + PAUSE / 2), look.deadline()), (false, Some(at(10) + PAUSE)));
        assert!(look.is_due(at(10) + PAUSE), "none is forgotten");
        assert_eq!(look.deadline(), None, "and nothing wakes without a wish");
        look.want(at(100));
        assert!(look.is_due(at(100)));
    }
}
