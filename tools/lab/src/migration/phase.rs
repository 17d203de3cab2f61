//! The phases of a migration, and which follows which: a table without clocks, processes or partitions.
//!
//! ```text
//! validating -> preparing -> suspending -> transferring -> resuming -> completing -> completed
//!     |             |            |              |             |            |
//!     v             +------------+--------------+-------------+------------+--> rolling back -> rolled back
//!  refused                                                              |
//!                                                                       v
//!                                                                     lost
//! ```
//!
//! The source is given up at the end of `resuming`, when the partition has answered on the destination. Until then a failure
//! leads back; after it the partition lives on the destination, and what fails then (identity, hooks) is a warning. Only when
//! the destination itself dies before `completed`, the source gets the partition back as it was when it suspended.

use serde::{Deserialize, Serialize};

/// Where a migration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Room on the destination, consoles reachable, check hooks of the partition agree. Nothing is touched.
    Validating,
    /// Destination started, prepare hooks run.
    Preparing,
    /// The partition writes the stream id and its kernel calls `ibm,suspend-me`.
    Suspending,
    /// Memory and devices go to the destination; at its end the destination's identity is checked.
    Transferring,
    /// The destination is woken; the partition answers there.
    Resuming,
    /// Source ended, new identity told, post hooks run.
    Completing,
    /// It runs on the destination.
    Completed,
    /// Destination ended, source woken.
    RollingBack,
    /// It runs on the source.
    RolledBack,
    /// Validation said no.
    Refused,
    /// It runs nowhere: the source could not be woken.
    Lost,
}

impl Phase {
    /// What follows when the phase has done its work.
    pub fn after_success(self) -> Option<Self> {
        Some(match self {
            Self::Validating => Self::Preparing,
            Self::Preparing => Self::Suspending,
            Self::Suspending => Self::Transferring,
            Self::Transferring => Self::Resuming,
            Self::Resuming => Self::Completing,
            Self::Completing => Self::Completed,
            Self::RollingBack => Self::RolledBack,
            Self::Completed | Self::RolledBack | Self::Refused | Self::Lost => return None,
        })
    }

    /// What follows when it could not; after the source was given up that depends on whether the destination lives.
    pub fn after_failure(self, destination_lives: bool) -> Option<Self> {
        Some(match self {
            Self::Validating => Self::Refused,
            // The partition runs on the destination: what failed is a warning.
            Self::Completing if destination_lives => Self::Completed,
            // In the last of these it went down with the destination: the source has a copy of the transfer.
            Self::Preparing | Self::Suspending | Self::Transferring | Self::Resuming | Self::Completing => {
                Self::RollingBack
            }
            Self::RollingBack => Self::Lost,
            Self::Completed | Self::RolledBack | Self::Refused | Self::Lost => return None,
        })
    }

    /// Nothing follows.
    pub fn is_end(self) -> bool {
        self.after_success().is_none()
    }

    /// Whether `--stop` and a failure still lead back to the source.
    pub fn can_be_undone(self) -> bool {
        matches!(self.after_failure(true), Some(Self::RollingBack | Self::Refused))
    }

    /// As `status` and reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Preparing => "preparing",
            Self::Suspending => "suspending",
            Self::Transferring => "transferring",
            Self::Resuming => "resuming",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::RollingBack => "rolling back",
            Self::RolledBack => "rolled back",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Phase; 11] = [
        Phase::Validating,
        Phase::Preparing,
        Phase::Suspending,
        Phase::Transferring,
        Phase::Resuming,
        Phase::Completing,
        Phase::Completed,
        Phase::RollingBack,
        Phase::RolledBack,
        Phase::Refused,
        Phase::Lost,
    ];

    #[test]
    fn every_way_ends_and_no_phase_comes_twice() {
        // All ways through the table: at each phase success or failure.
        let mut ways = vec![vec![Phase::Validating]];
        let mut ends = std::collections::BTreeSet::new();
        while let Some(way) = ways.pop() {
            let last = way[way.len() - 1];
            for next in [last.after_success(), last.after_failure(true), last.after_failure(false)] {
                let Some(next) = next else {
                    ends.insert(last);
                    continue;
                };
                assert!(!way.contains(&next), "{next} comes twice");
                ways.push([way.as_slice(), &[next]].concat());
            }
        }
        let expected = ALL.into_iter().filter(|phase| phase.is_end()).collect();
        assert_eq!(ends, expected, "each end is reached, and nothing else is one");
    }

    #[test]
    fn a_failure_before_the_source_is_given_up_leads_back_or_is_a_refusal() {
        for phase in ALL {
            let undone = matches!(
                phase,
                Phase::Validating | Phase::Preparing | Phase::Suspending | Phase::Transferring | Phase::Resuming
            );
            assert_eq!(phase.can_be_undone(), undone, "{phase}");
        }
    }
}
