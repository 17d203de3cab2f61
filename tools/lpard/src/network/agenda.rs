//! Whom to call, and when. Pure: time and randomness are handed in.
//!
//! Addresses are called one after the other; after a round without success comes a pause that grows. Where there are no
//! addresses, the management network is asked who is there, a few times; then only a change of the link, or of what is
//! trusted, makes it ask again: a partition without a console sleeps.

use std::collections::VecDeque;
use std::time::Duration;

use wire::backoff::Backoff;

use crate::config::ConsoleAddress;

/// Questions without an answer, after which only a change makes another one worth while. They take about two minutes.
const QUESTIONS: u32 = 8;

/// A session that ends sooner has brought nothing.
const LASTING: Duration = Duration::from_secs(5);

/// So many of them in a row are bad luck: a console is started again and again. Then the pauses grow.
const BAD_LUCK: u32 = 8;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Do {
    /// Call there.
    Call(ConsoleAddress),
    /// Ask the management network.
    Ask,
}

/// Whom to call, and when.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    addresses: Vec<ConsoleAddress>,
    /// The one of them that nobody told: it answered a question.
    discovered: Option<ConsoleAddress>,
    discovers: bool,
    /// Those of this round that have not been called.
    round: VecDeque<ConsoleAddress>,
    backoff: Backoff,
    /// When the next round begins; none while there is nothing to begin.
    at: Option<Duration>,
    /// Rounds without success.
    failures: u32,
    /// Since when there is a session.
    since: Option<Duration>,
    /// Sessions in a row that did not last.
    short: u32,
}

impl Agenda {
    /// Other addresses, or other consoles that are believed: worth a try at once.
    pub(super) fn replace(&mut self, now: Duration, addresses: Vec<ConsoleAddress>, discovers: bool) {
        self.addresses = addresses;
        self.discovered = None;
        self.discovers = discovers;
        self.round.clear();
        self.start_over(now);
    }

    /// Something has changed for the better, perhaps.
    pub(super) fn start_over(&mut self, now: Duration) {
        self.backoff.reset();
        self.short = 0;
        self.failures = 0;
        self.at = self.has_something().then_some(now);
    }

    /// Somebody is there, or will be: call these first, and nobody twice.
    pub(super) fn prefer(&mut self, now: Duration, addresses: impl IntoIterator<Item = ConsoleAddress>) {
        self.start_over(now);
        self.round.clear();
        for address in addresses.into_iter().chain(self.addresses.iter().cloned()) {
            if !self.round.contains(&address) {
                self.round.push_back(address);
            }
        }
        self.at = Some(now);
    }

    /// Somebody has answered a question, and is called first. That is no success yet: he may send everybody away, and the pause
    /// between questions goes on growing; but there is somebody to ask again.
    pub(super) fn found(&mut self, now: Duration, address: ConsoleAddress) {
        self.failures = 0;
        self.round.retain(|other| *other != address);
        self.round.push_front(address);
        self.at = Some(now);
    }

    /// A session was welcomed there: nobody is to be called. Who answered last comes first when it ends: others that are not
    /// there may each take their time to fail.
    pub(super) fn succeeded(&mut self, now: Duration, there: &ConsoleAddress) {
        if !self.addresses.contains(there) {
            // It was discovered, and may be away for longer than questions are asked.
            let before = self.discovered.replace(there.clone());
            self.addresses.retain(|address| Some(address) != before.as_ref());
            self.addresses.push(there.clone());
        }
        self.addresses.sort_by_key(|address| address != there);
        if self.short < BAD_LUCK {
            self.backoff.reset();
        }
        self.since = Some(now);
        self.failures = 0;
        self.round.clear();
        self.at = None;
    }

    /// A call or a question came to nothing, or a session has ended; `random` is drawn anew.
    pub(super) fn failed(&mut self, now: Duration, random: u32) {
        if let Some(since) = self.since.take() {
            if now < since + LASTING {
                self.short = self.short.saturating_add(1);
                if self.short >= BAD_LUCK && !self.addresses.is_empty() {
                    // It would be called first for ever, and the others never.
                    self.addresses.rotate_left(1);
                }
            } else {
                self.short = 0;
                self.backoff.reset();
            }
        }
        if !self.round.is_empty() {
            self.at = Some(now);
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let goes_on = !self.addresses.is_empty() || (self.discovers && self.failures < QUESTIONS);
        let pause = self.backoff.after_failure(random);
        self.at = goes_on.then(|| now + pause);
    }

    /// All that could be called have been, in vain.
    pub(super) fn is_between_rounds(&self) -> bool {
        self.round.is_empty()
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.at
    }

    /// What is due now. It is up to the caller to report what came of it.
    pub(super) fn due(&mut self, now: Duration) -> Option<Do> {
        if self.at.is_none_or(|at| now < at) {
            return None;
        }
        self.at = None;
        if let Some(address) = self.round.pop_front() {
            return Some(Do::Call(address));
        }
        // A new round: those who are known, and with every second failure a question to those who are not.
        self.round = self.addresses.iter().cloned().collect();
        match self.round.pop_front() {
            Some(address) if !self.discovers || self.failures % 2 == 0 => Some(Do::Call(address)),
            Some(address) => {
                self.round.push_front(address);
                Some(Do::Ask)
            }
            None => self.discovers.then_some(Do::Ask),
        }
    }

    fn has_something(&self) -> bool {
        self.discovers || !self.addresses.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn address(last: u8) -> ConsoleAddress {
        format!("10.0.0.{last}").parse().unwrap()
    }

    /// What is done in the first so many attempts, all of which fail, and when.
    fn attempts(agenda: &mut Agenda, count: usize) -> Vec<(u64, Do)> {
        let mut found = Vec::new();
        while let Some(at) = agenda.deadline().filter(|_| found.len() < count) {
            let due = agenda.due(at).unwrap();
            assert_eq!(agenda.due(at), None, "one thing at a time");
            found.push((u64::try_from(at.as_millis()).unwrap(), due));
            agenda.failed(at, u32::MAX);
        }
        found
    }

    #[test]
    fn all_addresses_are_called_before_a_pause_that_grows() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![address(1), address(2)], false);
        let call = |last| Do::Call(address(last));
        let expected = [(0, call(1)), (0, call(2)), (500, call(1)), (500, call(2)), (1500, call(1)), (1500, call(2))];
        assert_eq!(attempts(&mut agenda, 6), expected);
    }

    #[test]
    fn without_addresses_the_network_is_asked_a_few_times_and_then_only_after_a_change() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![], true);
        assert_eq!(attempts(&mut agenda, 99).len(), usize::try_from(QUESTIONS).unwrap());
        assert_eq!(agenda.deadline(), None, "it sleeps");
        agenda.start_over(Duration::from_secs(900));
        assert_eq!(agenda.deadline(), Some(Duration::from_secs(900)));
    }

    #[test]
    fn with_addresses_it_never_ends_and_the_network_is_asked_now_and_then() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![address(1)], true);
        let found = attempts(&mut agenda, 40);
        assert_eq!(found.len(), 40);
        let questions = found.iter().filter(|(_, what)| *what == Do::Ask).count();
        assert!((10..=20).contains(&questions), "{questions} of 40");
        let longest = found.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        assert_eq!(longest, Some(60_000));
    }

    #[test]
    fn who_was_handed_over_comes_first_and_at_once() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![address(1)], false);
        attempts(&mut agenda, 9);
        let now = Duration::from_secs(100);
        agenda.prefer(now, [address(2), address(1), address(2)]);
        assert_eq!(agenda.due(now), Some(Do::Call(address(2))));
        agenda.failed(now, 0);
        assert_eq!(agenda.due(now), Some(Do::Call(address(1))));
        assert!(agenda.round.is_empty(), "nobody is called twice");
        agenda.succeeded(now, &address(2));
        assert_eq!(agenda.deadline(), None);
    }

    #[test]
    fn one_that_answers_and_sends_everybody_away_is_called_ever_more_seldom_and_for_ever() {
        for known in [vec![], vec![address(1)]] {
            let mut agenda = Agenda::default();
            agenda.replace(Duration::ZERO, known, true);
            let mut found_at = Vec::new();
            while found_at.len() < 40 {
                let at = agenda.deadline().unwrap();
                match agenda.due(at).unwrap() {
                    Do::Ask => {
                        agenda.found(at, address(9));
                        assert_eq!(agenda.due(at), Some(Do::Call(address(9))));
                        found_at.push(at);
                        agenda.failed(at, u32::MAX);
                    }
                    Do::Call(_) => agenda.failed(at, u32::MAX),
                }
            }
            let pauses: Vec<_> = found_at.windows(2).map(|pair| pair[1].checked_sub(pair[0]).unwrap()).collect();
            assert!(pauses.iter().rev().take(20).all(|pause| *pause >= Duration::from_secs(60)), "{pauses:?}");
            assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(120)), "{pauses:?}");
        }
    }

    #[test]
    fn one_that_ends_each_session_at_once_is_called_ever_more_seldom() {
        for (lasts, seldom) in [(Duration::ZERO, true), (LASTING, false)] {
            let mut agenda = Agenda::default();
            agenda.replace(Duration::ZERO, vec![address(1)], false);
            let pauses: Vec<Duration> = (0..40)
                .map(|_| {
                    let at = agenda.deadline().unwrap();
                    assert_eq!(agenda.due(at), Some(Do::Call(address(1))));
                    agenda.succeeded(at, &address(1));
                    agenda.failed(at + lasts, u32::MAX);
                    agenda.deadline().unwrap().checked_sub(at + lasts).unwrap()
                })
                .collect();
            let half_a_second = Duration::from_millis(500);
            assert_eq!(pauses[..8], [half_a_second; 8], "a few times nobody waits");
            assert_eq!(pauses[39], if seldom { Duration::from_secs(60) } else { half_a_second });
        }
    }

    #[test]
    fn one_that_ends_each_session_at_once_does_not_keep_the_others_from_being_called() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![address(1), address(2)], false);
        let called = (0..20).map(|_| {
            let at = agenda.deadline().unwrap();
            let Some(Do::Call(there)) = agenda.due(at) else { return false };
            let is_other = there == address(2);
            if !is_other {
                agenda.succeeded(at, &there);
            }
            agenda.failed(at, 0);
            is_other
        });
        assert!(called.filter(|is_other| *is_other).count() > 1);
    }

    #[test]
    fn after_a_session_that_lasted_nobody_waits_long() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![address(1)], false);
        let mut pause_after = |lasts| {
            let at = agenda.deadline().unwrap();
            assert!(agenda.due(at).is_some());
            agenda.succeeded(at, &address(1));
            agenda.failed(at + lasts, u32::MAX);
            agenda.deadline().unwrap().checked_sub(at + lasts).unwrap()
        };
        let pauses: Vec<Duration> = (0..20).map(|_| pause_after(Duration::ZERO)).collect();
        assert_eq!(pauses[19], Duration::from_secs(60));
        assert_eq!(pause_after(LASTING), Duration::from_millis(500));
    }

    #[test]
    fn who_answered_last_is_called_first_when_the_session_ends() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![address(1), address(2), address(3)], false);
        agenda.succeeded(Duration::ZERO, &address(3));
        agenda.failed(Duration::ZERO, 0);
        let called: Vec<Do> = attempts(&mut agenda, 3).into_iter().map(|(_, what)| what).collect();
        assert_eq!(called, [3, 1, 2].map(|last| Do::Call(address(last))));
    }

    #[test]
    fn one_that_was_discovered_is_called_for_as_long_as_it_is_away() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![], true);
        assert!(agenda.is_between_rounds());
        for last in [8, 9] {
            agenda.succeeded(Duration::ZERO, &address(last));
            agenda.failed(Duration::ZERO, 0);
        }
        let found = attempts(&mut agenda, 40);
        assert_eq!(found.len(), 40, "it never ends");
        assert!(found.iter().all(|(_, what)| matches!(what, Do::Ask) || *what == Do::Call(address(9))), "{found:?}");
        assert!(found.iter().any(|(_, what)| *what == Do::Ask), "and it may have moved");
    }

    #[test]
    fn nobody_to_call_and_nobody_to_ask_is_nothing_to_do() {
        let mut agenda = Agenda::default();
        agenda.replace(Duration::ZERO, vec![], false);
        assert_eq!((agenda.deadline(), agenda.due(Duration::ZERO)), (None, None));
    }
}
