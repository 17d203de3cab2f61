//! Which sequences have been heard: the greatest, and which of the 63 before it (RFC 4303, section 3.4.3).

const WIDTH: u64 = 64;

/// What has been heard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    newest: u64,
    /// Bit n: `newest - n` was heard.
    heard: u64,
}

impl Window {
    /// The greatest; 0 before the first.
    pub(super) fn newest(self) -> u64 {
        self.newest
    }

    /// Whether it was not heard before, as far as that can be told: what is too old counts as heard.
    pub(super) fn is_new(self, sequence: u64) -> bool {
        match self.newest.checked_sub(sequence) {
            None => true,
            Some(age) => age < WIDTH && self.heard & (1 << age) == 0,
        }
    }

    /// It was heard, and proved to be genuine.
    pub(super) fn note(&mut self, sequence: u64) {
        if let Some(age) = self.newest.checked_sub(sequence) {
            self.heard |= if age < WIDTH { 1 << age } else { 0 };
            return;
        }
        let step = sequence - self.newest;
        self.heard = if step < WIDTH { self.heard << step } else { 0 } | 1;
        self.newest = sequence;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_counts_twice_and_what_is_recent_counts_once(steps in prop::collection::vec(-70_i64..140, 1..200)) {
            let mut window = Window::default();
            let mut heard = BTreeSet::new();
            let mut at: i64 = 1;
            for step in steps {
                at = (at + step).max(1);
                let sequence = at.unsigned_abs();
                let newest = heard.last().copied().unwrap_or(0);
                let expected = !heard.contains(&sequence) && sequence + WIDTH > newest;
                prop_assert_eq!(window.is_new(sequence), expected, "{} after {}", sequence, newest);
                if expected {
                    window.note(sequence);
                    heard.insert(sequence);
                }
                prop_assert_eq!(window.newest(), heard.last().copied().unwrap_or(0));
            }
        }
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let mut window = Window::default();
        window.note(u64::MAX);
        assert!(!window.is_new(u64::MAX));
        assert!(window.is_new(u64::MAX - 63));
        assert!(!window.is_new(u64::MAX - 64));
        assert!(!window.is_new(1));
    }
}
