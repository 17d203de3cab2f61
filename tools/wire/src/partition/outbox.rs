//! Events that wait to be seen by a console. None is lost between two sessions; when nobody comes for very long, the oldest of
//! the common ones make place and are counted.

use std::collections::VecDeque;

use crate::limits::EVENTS_IN_FLIGHT;
use crate::message::{Event, Report, Sequence};

/// Events that are kept.
const CAPACITY: usize = 256;

/// Events that wait.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// In the order of their numbers.
    waiting: VecDeque<Report>,
    last: Sequence,
    /// The last that was sent in this session.
    sent: Sequence,
    /// The last that was ever sent: what a console may have seen keeps its number and its content.
    ever_sent: Sequence,
    /// The last that the console of this session has seen.
    seen: Sequence,
}

impl Outbox {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, event: Event) {
        while self.waiting.len() >= CAPACITY && self.make_place() {}
        self.last.0 += 1;
        self.waiting.push_back(Report { sequence: self.last, event });
    }

    /// A session begins, with a console that has seen events up to a number. False when that cannot be.
    pub(super) fn start_over(&mut self, seen: Sequence) -> bool {
        if seen > self.ever_sent {
            return false;
        }
        (self.sent, self.seen) = (Sequence::default(), seen);
        self.waiting.retain(|report| report.sequence > seen);
        true
    }

    /// The console has seen more events, up to a number. False when that cannot be.
    pub(super) fn forget(&mut self, through: Sequence) -> bool {
        if through <= self.seen || through > self.sent {
            return false;
        }
        self.seen = through;
        self.waiting.retain(|report| report.sequence > through);
        true
    }

    /// What is to be sent now.
    pub(super) fn send(&mut self) -> impl Iterator<Item = Report> {
        let from = self.waiting.partition_point(|report| report.sequence <= self.sent).min(EVENTS_IN_FLIGHT);
        let to = self.waiting.len().min(EVENTS_IN_FLIGHT);
        let reports: Vec<Report> = self.waiting.range(from..to).cloned().collect();
        self.sent = reports.last().map_or(self.sent, |report| report.sequence);
        self.ever_sent = self.ever_sent.max(self.sent);
        reports.into_iter()
    }

    /// An event that was never sent is counted as lost instead of kept; the first one leaves its place to the count. False when
    /// there is none.
    fn make_place(&mut self) -> bool {
        let unsent = self.waiting.partition_point(|report| report.sequence <= self.ever_sent);
        let find = |fits: fn(&Event) -> bool| (unsent..self.waiting.len()).find(|at| fits(&self.waiting[*at].event));
        let Some(at) = find(is_common).or_else(|| find(|event| !is_lost(event))) else { return false };
        let Some(gone) = self.waiting.remove(at) else { return false };
        let counter = self.waiting.range_mut(unsent..).find_map(|report| match &mut report.event {
            Event::Lost { count } => Some(count),
            _ => None,
        });
        match counter {
            Some(count) => *count += 1,
            None => self.waiting.insert(at, Report { event: Event::Lost { count: 1 }, ..gone }),
        }
        true
    }
}

/// Events that say how something is now: the next inventory says it as well.
fn is_common(event: &Event) -> bool {
    matches!(event, Event::Resized { .. } | Event::Firmware(_) | Event::Health(_))
}

fn is_lost(event: &Event) -> bool {
    matches!(event, Event::Lost { .. })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resized(memory_mib: u64) -> Event {
        Event::Resized { virtual_processors: 1, memory_mib }
    }

    fn numbers(reports: impl Iterator<Item = Report>) -> Vec<u64> {
        reports.map(|report| report.sequence.0).collect()
    }

    #[test]
    fn events_are_sent_once_a_session_and_again_in_the_next_until_they_are_seen() {
        let mut outbox = Outbox::default();
        (0..3).for_each(|at| outbox.push(resized(at)));
        assert!(outbox.start_over(Sequence(0)));
        assert_eq!(numbers(outbox.send()), [1, 2, 3]);
        assert_eq!(outbox.send().count(), 0);
        assert!(outbox.forget(Sequence(1)));
        assert!(!outbox.forget(Sequence(1)), "a console does not go back");
        outbox.push(resized(3));
        assert_eq!(numbers(outbox.send()), [4]);
        assert!(outbox.start_over(Sequence(2)));
        assert_eq!(numbers(outbox.send()), [3, 4]);
        assert!(outbox.forget(Sequence(4)));
        assert_eq!(outbox.len(), 0);
        assert!(!outbox.forget(Sequence(5)), "nobody can have seen it");
    }

    #[test]
    fn no_more_are_in_flight_than_a_console_takes() {
        let mut outbox = Outbox::default();
        (0..100).for_each(|at| outbox.push(resized(at)));
        assert_eq!(outbox.send().count(), EVENTS_IN_FLIGHT);
        assert_eq!(outbox.send().count(), 0);
        assert!(outbox.forget(Sequence(10)));
        assert_eq!(numbers(outbox.send()), (33..=42).collect::<Vec<u64>>());
    }

    #[test]
    fn even_events_that_are_never_common_make_place_in_the_end() {
        let mut outbox = Outbox::default();
        (0..1000).for_each(|_| outbox.push(Event::Settled { hooks: Vec::new() }));
        assert_eq!(outbox.len(), CAPACITY);
        assert_eq!(outbox.waiting[0].event, Event::Lost { count: 1000 - 255 });
    }

    #[test]
    fn what_a_migration_reports_outlives_a_flood_of_common_events() {
        let mut outbox = Outbox::default();
        outbox.push(resized(0));
        outbox.push(Event::Settled { hooks: Vec::new() });
        (0..1000).for_each(|at| outbox.push(resized(at)));
        assert_eq!(outbox.len(), CAPACITY);
        let lost: u64 =
            outbox.waiting.iter().map(|report| if let Event::Lost { count } = report.event { count } else { 0 }).sum();
        let kept = outbox.waiting.iter().filter(|report| matches!(report.event, Event::Resized { .. })).count();
        assert_eq!(lost + u64::try_from(kept).unwrap_or(0), 1001);
        assert!(outbox.waiting.iter().any(|report| matches!(report.event, Event::Settled { .. })));
    }

    proptest! {
        #[test]
        fn numbers_grow_and_what_was_sent_stays_as_it_was(
            steps in prop::collection::vec((0_u8..4, 0_u64..300), 0..600),
        ) {
            let mut outbox = Outbox::default();
            let mut sent = std::collections::BTreeMap::new();
            for (step, number) in steps {
                match step {
                    0 | 1 => (0..number % 20).for_each(|at| outbox.push(resized(at))),
                    2 => for report in outbox.send().collect::<Vec<_>>() {
                        let before = sent.insert(report.sequence, report.event.clone());
                        prop_assert!(before.is_none_or(|before| before == report.event));
                    },
                    _ => {
                        let seen = sent.keys().next_back().copied().unwrap_or_default().0;
                        prop_assert!(outbox.start_over(Sequence(number.min(seen))));
                    }
                }
                prop_assert!(outbox.len() <= CAPACITY);
                prop_assert!(outbox.waiting.iter().is_sorted_by_key(|report| report.sequence));
            }
        }
    }
}
