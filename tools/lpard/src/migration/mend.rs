//! What has to be done about a migration that its agent did not live to end. Pure.
//!
//! | left behind | done about it |
//! |---|---|
//! | checking, checked | undo hooks |
//! | preparing, prepared | abort hooks, the console forgotten, undo hooks |
//! | suspending, the stream not written | `after-suspend` hooks, then as prepared |
//! | suspending, and the kernel refused, or shows that nothing moved | the same |
//! | suspending, written, and it moved; or nobody can tell | announce, `after-suspend` hooks, post hooks |
//! | resuming | what is left of the post hooks |
//! | undoing | what is left of it |
//!
//! After a boot there is nothing to be suspended and nobody to be told; hooks still get their chance, for what they keep on
//! the disk. That nobody can tell counts as moved, because post hooks bring things back that are missed otherwise.

use super::evidence::Moved;
use super::journal::{Left, Suspension};
use super::{Stage, Step};
use crate::hooks::Point;

/// How things are when the journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct World {
    /// The machine was booted since.
    pub(crate) rebooted: bool,
    /// Whether the partition is on another system now.
    pub(crate) moved: Moved,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mending {
    /// In this order.
    pub(crate) steps: Vec<Step>,
    /// For people and hooks: why.
    pub(crate) reason: &'static str,
    /// The migration took place.
    pub(crate) moved: bool,
}

/// Finds out what to do.
pub(crate) fn mend(left: &Left, world: World) -> Mending {
    let moved = has_moved(left, world);
    let mut steps: Vec<Step> = match left.stage {
        Stage::Suspending if moved => {
            [&[Step::Announce, Step::Hooks(Point::AfterSuspend)], Stage::Resuming.steps()].concat()
        }
        Stage::Suspending => [&[Step::Hooks(Point::AfterSuspend)], Stage::Undoing { prepared: true }.steps()].concat(),
        Stage::Preparing | Stage::Prepared => Stage::Undoing { prepared: true }.steps().to_vec(),
        Stage::Checking | Stage::Checked => Stage::Undoing { prepared: false }.steps().to_vec(),
        Stage::Resuming | Stage::Undoing { .. } | Stage::Idle => left.stage.steps().to_vec(),
    };
    if world.rebooted {
        steps.retain(|step| *step != Step::Announce);
    }
    let reason = match (world.rebooted, moved) {
        (true, _) => "the machine was booted while it was under way",
        (false, true) => "the agent ended before it was over",
        (false, false) => "the agent ended while it was under way",
    };
    Mending { steps, reason, moved }
}

fn has_moved(left: &Left, world: World) -> bool {
    match (left.stage, left.suspension) {
        (Stage::Resuming, _) | (Stage::Suspending, Suspension::Passed) => true,
        (Stage::Suspending, Suspension::Begun) => !world.rebooted && world.moved != Moved::No,
        _ => false,
    }
}
