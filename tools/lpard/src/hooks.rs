//! Programs of the administrator that run before, in and after what the agent does. `HOOKS.md` is their contract.
//!
//! ```text
//! Occasion (what happens, with its facts) + directories -> found hooks, in order -> one program each -> Report
//! ```
//!
//! Two conventions: ours (`/etc/lparkit/hooks.d/POINT/`), and that of Debian's drmgr (`/etc/drmgr.d/pmig/`), so that hooks
//! that are there already go on working. Each hook runs in a process group of its own and has a deadline; what it says is
//! bounded and kept. Hooks run one after the other.

mod found;
mod occasion;
mod order;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sysroot::{Ended, Outcome, Program, Sysroot};
use wire::message::migration::{HookOutcome, HookResult};

use crate::config::HookSettings;
use crate::hook_output::{self, said};
use crate::log::{Chain, Entry, Level, Log};

pub(crate) use found::{Found, find};
pub(crate) use occasion::{Fact, Occasion};

/// What is kept of what all hooks of an occasion say: an answer with all of it fits into a message.
const SAID_BY_ALL_BYTES: usize = 128 << 10;

/// When hooks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Point {
    /// A migration is thought of; a failure is a veto.
    Check,
    /// A migration begins; a failure ends it.
    Prepare,
    /// Right before the kernel suspends: drmgr's `pre`. A failure is noted and changes nothing.
    BeforeSuspend,
    /// Right after, whether or not it came to a suspension: drmgr's `post`.
    AfterSuspend,
    /// The partition has moved.
    Post,
    /// What was prepared is not going to happen.
    Abort,
    /// What a check or a preparation did is to be taken back.
    Undo,
    /// Resources are about to change; a failure is a veto.
    DlparPre,
    /// Resources have changed, or not.
    DlparPost,
    /// Firmware reported something.
    Event,
}

impl Point {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Check,
        Self::Prepare,
        Self::BeforeSuspend,
        Self::AfterSuspend,
        Self::Post,
        Self::Abort,
        Self::Undo,
        Self::DlparPre,
        Self::DlparPost,
        Self::Event,
    ];

    /// The name for people and programs; where there is one, also the name of our directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Prepare => "prepare",
            Self::BeforeSuspend => "before-suspend",
            Self::AfterSuspend => "after-suspend",
            Self::Post => "post",
            Self::Abort => "abort",
            Self::Undo => "undo",
            Self::DlparPre => "dlpar-pre",
            Self::DlparPost => "dlpar-post",
            Self::Event => "event",
        }
    }

    /// Whether the first hook that fails keeps the others from running.
    fn stops_at_failure(self) -> bool {
        matches!(self, Self::Check | Self::Prepare | Self::DlparPre)
    }
}

/// What came of one hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) outcome: HookOutcome,
    /// The beginning of what it said, on both of its outputs, fit to be shown.
    pub(crate) said: String,
}

impl Ran {
    pub(crate) fn succeeded(&self) -> bool {
        self.outcome.result == HookResult::Exited(0)
    }

    /// For a person: which hook, how it ended, what it said.
    pub(crate) fn sentence(&self) -> String {
        let ended = match &self.outcome.result {
            HookResult::Exited(0) => "succeeded".to_owned(),
            HookResult::Exited(status) => format!("ended with status {status}"),
            HookResult::Killed(signal) => format!("was killed by signal {signal}"),
            HookResult::TimedOut {} => "ran too long and was killed".to_owned(),
            HookResult::NotStarted(why) => format!("could not be started: {why}"),
        };
        let said = self.said.trim();
        let separator = if said.is_empty() { "" } else { ": " };
        format!("hook {} {ended}{separator}{said}", self.outcome.name)
    }
}

/// What came of all hooks of an occasion.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub(crate) struct Report {
    pub(crate) ran: Vec<Ran>,
}

impl Report {
    /// The first hook that failed.
    pub(crate) fn failure(&self) -> Option<&Ran> {
        self.ran.iter().find(|ran| !ran.succeeded())
    }
}

/// Runs hooks of one machine.
#[derive(Debug)]
pub(crate) struct Runner<'a> {
    pub(crate) sysroot: &'a Sysroot,
    pub(crate) settings: &'a HookSettings,
    pub(crate) log: &'a Log,
}

impl Runner<'_> {
    /// Runs what is to be run at an occasion, but for those whose names are in `done`. `heard` hears of each as it ends;
    /// `stop` is asked before each. All together have no longer than `patience`.
    pub(crate) fn run(
        &self,
        occasion: &Occasion,
        done: &[String],
        patience: Duration,
        stop: &dyn Fn() -> bool,
        heard: &mut dyn FnMut(&Ran),
    ) -> Report {
        let began = Instant::now();
        let mut report = Report::default();
        let mut room = SAID_BY_ALL_BYTES;
        for hook in find(self.sysroot, occasion.point, self.settings.drmgr, self.log) {
            if done.contains(&hook.name) || stop() {
                continue;
            }
            let left = patience.saturating_sub(began.elapsed());
            let deadline = left.min(Duration::from_secs(self.settings.deadline_s));
            let ran = self.run_one(&hook, occasion, deadline, room.min(hook_output::LIMIT_BYTES));
            room = room.saturating_sub(ran.said.len());
            self.tell(occasion.point, &ran);
            heard(&ran);
            let failed = !ran.succeeded();
            report.ran.push(ran);
            if failed && occasion.point.stops_at_failure() {
                break;
            }
        }
        report
    }

    fn run_one(&self, hook: &Found, occasion: &Occasion, deadline: Duration, room: usize) -> Ran {
        let environment = occasion.environment(hook.convention);
        let input = occasion.input(hook.convention);
        let program = Program { environment, input, ..Program::new(&hook.path, deadline) };
        let (result, said) = match self.sysroot.run(&program) {
            Ok(Outcome { ended, output, errors, truncated }) => {
                (result(ended), said(&errors, &output, truncated, room))
            }
            Err(error) => (HookResult::NotStarted(Chain(&error).to_string()), String::new()),
        };
        Ran { outcome: HookOutcome { name: hook.name.clone(), result }, said }
    }

    fn tell(&self, point: Point, ran: &Ran) {
        let level = if ran.succeeded() { Level::Info } else { Level::Warning };
        let message = format!("{}: {}", point.name(), ran.sentence());
        self.log.note(
            &Entry::new(level, message).field("LPARD_HOOK", &ran.outcome.name).field("LPARD_POINT", point.name()),
        );
    }
}

fn result(ended: Ended) -> HookResult {
    match ended {
        Ended::Exited(status) => HookResult::Exited(status),
        Ended::Signalled(signal) => HookResult::Killed(signal),
        Ended::DeadlinePassed => HookResult::TimedOut {},
    }
}

#[cfg(test)]
pub(crate) mod stage;
#[cfg(test)]
mod tests;
