//! A migration, as the partition goes through it.
//!
//! # Theory of operation
//!
//! ```text
//!  request, result of a stage          stage              step          file
//!  ----------------------------> next (pure) --> steps (pure) --> perform --> /sys/kernel/mobility/migration, hooks, ...
//!                                                               |
//!                                                               '--> journal --> (agent killed) --> left --> mend (pure)
//! ```
//!
//! The kernel migrates; the agent does what is before, around and after. Where a migration stands is a [`Stage`]; which stage
//! follows is the table in [`Stage::next`]; what is done in a stage is the list in [`Stage::steps`]:
//!
//! ```text
//!        .------------- failed ---------------------------------------------.
//!        |                                                                  v
//!  idle -+-> checking -- passed --> checked -- undo ---------------------> undoing -- over --> idle
//!        |                             |                                    ^  ^
//!        '--------.--------------------'                                    |  |
//!                 v                                                         |  |
//!              preparing -- failed -----------------------------------------'  |
//!                 '-- passed --> prepared -- undo -----------------------------'
//!                                  |  ^
//!                            suspend  | failed: the kernel did not suspend
//!                                  v  |
//!                               suspending -- passed --> resuming -- over --> idle
//! ```
//!
//! Each step is in the [`journal`] before it begins. Whoever finds the journal open, finds out from it, from whether the
//! machine was booted since, and from what shows whether the partition has moved, what has to be finished or taken back.

pub(crate) mod announce;
pub(crate) mod evidence;
pub(crate) mod journal;
pub(crate) mod last;
pub(crate) mod mend;
pub(crate) mod perform;
pub(crate) mod readiness;

use serde::{Deserialize, Serialize};
use wire::hex::{MigrationId, StreamId};
use wire::message::inventory::Machine;
use wire::message::migration::ConsoleContact;
use wire::phase::Phase;

use crate::hooks::Point;

/// Where a migration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// There is none.
    Idle,
    /// Could there be one?
    Checking,
    /// There could; hooks may keep something until it is undone.
    Checked,
    /// It is made ready.
    Preparing,
    /// It is ready.
    Prepared,
    /// The stream is about to be written, or is.
    Suspending,
    /// The partition has moved.
    Resuming,
    /// A check, and with `prepared` also a preparation, is taken back.
    Undoing {
        /// It had come to a preparation.
        prepared: bool,
    },
}

/// What makes another stage of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// Asked: could it migrate?
    Check,
    /// Asked: make ready.
    Prepare,
    /// Asked: suspend.
    Suspend,
    /// Asked: take back.
    Undo,
    /// The steps of the stage are done and nothing spoke against it.
    Passed,
    /// A step failed, or vetoed, or somebody stopped it.
    Failed,
}

/// One thing to do in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Look whether the kernel can, and whether something speaks against it.
    Readiness,
    /// Run the hooks of a point.
    Hooks(Point),
    /// Trust the console at the destination.
    KeepConsole,
    /// Do not trust it any more.
    ForgetConsole,
    /// Write the stream to the kernel. The partition stands still in it, and may run elsewhere after it; its neighbours are
    /// told at once.
    Suspend,
    /// Tell the neighbours on the management network that the partition is here now, once more.
    Announce,
}

impl Step {
    /// Whether it has to be on the disk before it begins, because an agent that comes after this one has to take it back. Others
    /// bring things back themselves, and are missed when a disk that is full keeps them from it.
    fn needs_record(self) -> bool {
        match self {
            Self::Readiness | Self::KeepConsole | Self::Suspend => true,
            Self::Hooks(point) => matches!(point, Point::Check | Point::Prepare | Point::BeforeSuspend),
            Self::ForgetConsole | Self::Announce => false,
        }
    }
}

/// What is known of a migration from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Journey {
    /// The name that the console drew; none for a mere check.
    pub(crate) migration: Option<MigrationId>,
    /// Where the partition is when it begins.
    pub(crate) from: Option<Machine>,
    /// Where it goes, when that is known.
    pub(crate) to: Option<Machine>,
    /// The console there.
    pub(crate) console: Option<ConsoleContact>,
    /// What is to be written to the kernel.
    pub(crate) stream: Option<StreamId>,
    /// How long the partition stood still, when it has moved.
    #[serde(default)]
    pub(crate) suspended_ms: Option<u64>,
}

impl Journey {
    /// Where it leads. Firmware may show the new system late, or never (QEMU): as long as it shows the old one, what the console
    /// announced counts.
    pub(crate) fn destination<'a>(&'a self, shown: Option<&'a Machine>) -> Option<&'a Machine> {
        shown.filter(|shown| Some(*shown) != self.from.as_ref()).or(self.to.as_ref())
    }
}

impl Stage {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 9] = [
        Self::Idle,
        Self::Checking,
        Self::Checked,
        Self::Preparing,
        Self::Prepared,
        Self::Suspending,
        Self::Resuming,
        Self::Undoing { prepared: false },
        Self::Undoing { prepared: true },
    ];

    /// The stage that follows; none when the event is out of place.
    pub(crate) fn next(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Idle | Self::Checked, Event::Check) => Some(Self::Checking),
            (Self::Idle | Self::Checked, Event::Prepare) => Some(Self::Preparing),
            (Self::Prepared, Event::Suspend) => Some(Self::Suspending),
            (Self::Checking, Event::Passed) => Some(Self::Checked),
            (Self::Checked, Event::Undo) | (Self::Checking, Event::Failed) => Some(Self::Undoing { prepared: false }),
            // What the kernel refused can be tried again.
            (Self::Preparing, Event::Passed) | (Self::Suspending, Event::Failed) => Some(Self::Prepared),
            (Self::Prepared, Event::Undo) | (Self::Preparing, Event::Failed) => Some(Self::Undoing { prepared: true }),
            (Self::Suspending, Event::Passed) => Some(Self::Resuming),
            // A hook that fails here cannot change what has happened.
            (Self::Resuming | Self::Undoing { .. }, Event::Passed | Event::Failed) => Some(Self::Idle),
            _ => None,
        }
    }

    /// What is done in it. In those without steps it waits to be asked.
    pub(crate) fn steps(self) -> &'static [Step] {
        match self {
            Self::Idle | Self::Checked | Self::Prepared => &[],
            Self::Checking => &[Step::Readiness, Step::Hooks(Point::Check)],
            Self::Preparing => &[Step::KeepConsole, Step::Hooks(Point::Prepare)],
            Self::Suspending => &[Step::Hooks(Point::BeforeSuspend), Step::Suspend, Step::Hooks(Point::AfterSuspend)],
            Self::Resuming => &[Step::Hooks(Point::Post)],
            Self::Undoing { prepared: false } => &[Step::Hooks(Point::Undo)],
            Self::Undoing { prepared: true } => {
                &[Step::Hooks(Point::Abort), Step::ForgetConsole, Step::Hooks(Point::Undo)]
            }
        }
    }

    /// What consoles see of it.
    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Idle | Self::Checked => Phase::Ready,
            Self::Checking => Phase::Checking,
            Self::Preparing => Phase::Preparing,
            Self::Prepared => Phase::Prepared,
            Self::Suspending => Phase::Suspended,
            Self::Resuming => Phase::Resuming,
            Self::Undoing { .. } => Phase::Undoing,
        }
    }
}

impl Step {
    /// Whether its failure ends the stage: what has not been done yet is not done then.
    pub(crate) fn ends_stage(self) -> bool {
        match self {
            Self::Readiness | Self::KeepConsole | Self::Hooks(Point::Check | Point::Prepare) => true,
            Self::Hooks(_) | Self::ForgetConsole | Self::Suspend | Self::Announce => false,
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod table {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const EVENTS: [Event; 6] =
        [Event::Check, Event::Prepare, Event::Suspend, Event::Undo, Event::Passed, Event::Failed];

    /// The table of every stage and every event; `-` is out of place.
    #[rustfmt::skip]
    const TABLE: &str = "
                 check     prepare    suspend     undo             passed    failed
idle             checking  preparing  -           -                -         -
checking         -         -          -           -                checked   undoing
checked          checking  preparing  -           undoing          -         -
preparing        -         -          -           -                prepared  undoing-prepared
prepared         -         -          suspending  undoing-prepared -         -
suspending       -         -          -           -                resuming  prepared
resuming         -         -          -           -                idle      idle
undoing          -         -          -           -                idle      idle
undoing-prepared -         -          -           -                idle      idle
";

    fn name(stage: Stage) -> &'static str {
        match stage {
            Stage::Idle => "idle",
            Stage::Checking => "checking",
            Stage::Checked => "checked",
            Stage::Preparing => "preparing",
            Stage::Prepared => "prepared",
            Stage::Suspending => "suspending",
            Stage::Resuming => "resuming",
            Stage::Undoing { prepared: false } => "undoing",
            Stage::Undoing { prepared: true } => "undoing-prepared",
        }
    }

    #[test]
    fn every_stage_meets_every_event() {
        let rows: Vec<Vec<&str>> = TABLE.trim().lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), Stage::ALL.len());
        for stage in Stage::ALL {
            let expected: Vec<&str> =
                rows.iter().find(|row| row[0] == name(stage)).map(|row| row[1..].to_vec()).unwrap();
            let found = EVENTS.map(|event| stage.next(event).map_or("-", name));
            assert_eq!(found.as_slice(), expected, "{stage:?}");
        }
    }

    #[test]
    fn who_waits_has_no_steps_and_who_has_steps_gets_on() {
        for stage in Stage::ALL {
            let gets_on = stage.next(Event::Passed).is_some() && stage.next(Event::Failed).is_some();
            assert_eq!(gets_on, !stage.steps().is_empty(), "{stage:?}");
        }
    }

    #[test]
    fn nothing_after_the_suspension_can_end_a_stage() {
        let after = Stage::Suspending.steps().iter().skip_while(|step| **step != Step::Suspend);
        let undoing = [Stage::Resuming, Stage::Undoing { prepared: true }].into_iter().flat_map(Stage::steps);
        assert!(after.chain(undoing).all(|step| !step.ends_stage()));
    }
}
