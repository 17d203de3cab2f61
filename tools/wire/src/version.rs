//! Versions of the session, and the rule about them.

use serde::{Deserialize, Serialize};

/// The oldest version that is understood.
///
/// It is raised only by a release that says so, and never beyond a version that a supported lparkit still offers as its
/// newest: a partition that is not updated for years must find a console.
pub const MIN: u32 = 1;

/// The newest version that is understood.
///
/// **The rule.** What was ever sent under a version keeps its meaning and its bytes: `tests/wire/vNN/*.hex` are not edited.
/// A new kind of message, a new field, a new value of an enum: each needs a new version, a new directory of frozen bytes, and
/// a sender that keeps to what the negotiated version knows. Only the two greetings with the identity in them and the goodbye
/// are older than the negotiation: these may get fields at any time, and receivers pass over those that they do not know.
pub const CURRENT: u32 = 1;

/// The versions that a peer understands, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

impl Range {
    /// This crate's.
    pub const OURS: Self = Self { min: MIN, max: CURRENT };

    /// The newest version that both understand.
    pub fn newest_common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        (newest >= self.min && newest >= other.min).then_some(newest)
    }

    /// Whether a version lies in it.
    pub fn contains(self, version: u32) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.min == self.max {
            write!(formatter, "{}", self.min)
        } else {
            write!(formatter, "{} to {}", self.min, self.max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_of_both_is_taken_or_none() {
        let cases = [
            ((1, 1), (1, 1), Some(1)),
            ((1, 3), (2, 5), Some(3)),
            ((2, 5), (1, 3), Some(3)),
            ((1, 9), (4, 4), Some(4)),
            ((1, 2), (3, 4), None),
            ((3, 4), (1, 2), None),
            ((2, 1), (1, 2), None),
            ((5, 1), (2, 3), None),
        ];
        for ((min, max), (other_min, other_max), expected) in cases {
            let other = Range { min: other_min, max: other_max };
            assert_eq!(Range { min, max }.newest_common(other), expected, "{min}..{max} and {other}");
        }
    }
}
