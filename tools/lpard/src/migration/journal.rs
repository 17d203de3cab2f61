//! What was begun, on the disk before it begins: one JSON object a line, each line synced.
//!
//! The file holds one migration, or one check. The next one begins it anew; the last line of one that is over is `closed`.

use serde::{Deserialize, Serialize};
use sysroot::Sysroot;
use wire::message::migration::{HookOutcome, HookResult};

use super::{Journey, Stage, Step};
use crate::boot_id::boot_id;
use crate::hooks::Point;

const DIRECTORY: &str = "var/lib/lparkit";
/// Where it is.
pub(crate) const PATH: &str = "var/lib/lparkit/migration.journal";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// A check or a migration begins; what is known of it then.
    Opened(Journey),
    /// More is known of it.
    Journey(Journey),
    /// A stage begins.
    Stage(Stage),
    /// A step of the stage begins.
    Began(Step),
    /// A hook of the step has run.
    Ran {
        /// Which point.
        point: Point,
        /// Which one, and how it ended.
        outcome: HookOutcome,
    },
    /// The step is over.
    Ended {
        /// Which.
        step: Step,
        /// Without a failure.
        ok: bool,
    },
    /// All is over.
    Closed,
}

/// A line as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    /// Of which run of the machine.
    boot: String,
    line: Line,
}

/// Why a line could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("keep the journal")]
    Os(#[from] sysroot::Error),
    #[error("write a line of the journal as JSON")]
    Json(#[from] serde_json::Error),
}

/// Writes a line down, so that it survives a crash.
pub(crate) fn append(sysroot: &Sysroot, line: Line) -> Result<(), JournalError> {
    #[cfg(test)]
    super::tests::life::before_a_line();
    let opens = matches!(line, Line::Opened(_));
    let text = serde_json::to_string(&Written { boot: boot_id(sysroot), line })?;
    if opens {
        sysroot.create_directories(DIRECTORY)?;
        sysroot.replace_file(PATH, format!("{text}\n").as_bytes(), 0o600)?;
    } else {
        sysroot.append_journal_line(PATH, &text)?;
    }
    #[cfg(test)]
    super::tests::life::after_a_line();
    Ok(())
}

/// A migration or a check that was not over when its agent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// What was known of it.
    pub(crate) journey: Journey,
    /// The last stage that was begun.
    pub(crate) stage: Stage,
    /// Of which run of the machine the last line is.
    pub(crate) boot: String,
    /// Hooks that have run, with their points.
    ran: Vec<(Point, HookOutcome)>,
    /// How far the suspension came.
    pub(crate) suspension: Suspension,
}

/// How far a suspension came, as the journal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suspension {
    /// The stream was not written.
    NotBegun,
    /// It was about to be written.
    Begun,
    /// The kernel came back from it: the partition has moved.
    Passed,
    /// The kernel refused it.
    Failed,
}

impl Left {
    /// The hooks of a point that need not run again.
    pub(crate) fn done_at(&self, point: Point) -> Vec<String> {
        // One that could not be started gets another chance.
        let has_run = |outcome: &HookOutcome| !matches!(outcome.result, HookResult::NotStarted(_));
        self.outcomes_at(point).into_iter().filter(has_run).map(|outcome| outcome.name).collect()
    }

    /// How the hooks of a point ended.
    pub(crate) fn outcomes_at(&self, point: Point) -> Vec<HookOutcome> {
        self.ran.iter().filter(|(at, _)| *at == point).map(|(_, outcome)| outcome.clone()).collect()
    }

    fn new(journey: Journey, boot: String) -> Self {
        Self { journey, stage: Stage::Idle, boot, ran: Vec::new(), suspension: Suspension::NotBegun }
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Journey(journey) => self.journey = journey,
            Line::Stage(stage) => {
                // What ran in an earlier attempt does not count for this one.
                let repeated: Vec<Point> = stage.steps().iter().filter_map(|step| step.point()).collect();
                self.ran.retain(|(point, _)| !repeated.contains(point));
                self.stage = stage;
                if stage == Stage::Suspending {
                    self.suspension = Suspension::NotBegun;
                }
            }
            Line::Began(Step::Suspend) => self.suspension = Suspension::Begun,
            Line::Ended { step: Step::Suspend, ok: true } => self.suspension = Suspension::Passed,
            Line::Ended { step: Step::Suspend, ok: false } => self.suspension = Suspension::Failed,
            Line::Ran { point, outcome } => self.ran.push((point, outcome)),
            Line::Opened(_) | Line::Began(_) | Line::Ended { .. } | Line::Closed => {}
        }
    }
}

impl Step {
    fn point(self) -> Option<Point> {
        match self {
            Self::Hooks(point) => Some(point),
            _ => None,
        }
    }
}

/// Reads what was left. None when all is over, or nothing ever was.
pub(crate) fn left(sysroot: &Sysroot) -> Result<Option<Left>, JournalError> {
    Ok(sysroot.read_text_if_present(PATH)?.as_deref().and_then(parse))
}

/// A line that a crash tore is none: what it says had not begun.
fn parse(text: &str) -> Option<Left> {
    let mut left = None;
    for written in text.lines().filter_map(|line| serde_json::from_str::<Written>(line).ok()) {
        match (&mut left, written.line) {
            (_, Line::Opened(journey)) => left = Some(Left::new(journey, written.boot)),
            (left, Line::Closed) => *left = None,
            (Some(left), line) => {
                left.boot = written.boot;
                left.take(line);
            }
            (None, _) => {}
        }
    }
    // Opened and not a step further: nothing was done.
    left.filter(|left| left.stage != Stage::Idle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn machine() -> (tempfile::TempDir, Sysroot) {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        (directory, sysroot)
    }

    fn ran(point: Point, name: &str, result: HookResult) -> Line {
        Line::Ran { point, outcome: HookOutcome { name: name.into(), result } }
    }

    fn written(lines: &[Line]) -> Option<Left> {
        let (_directory, sysroot) = machine();
        for line in lines {
            append(&sysroot, line.clone()).unwrap();
        }
        left(&sysroot).unwrap()
    }

    #[test]
    fn nothing_is_left_of_what_was_never_begun_or_is_over() {
        let opened = Line::Opened(Journey::default());
        assert_eq!(written(&[]), None);
        assert_eq!(written(std::slice::from_ref(&opened)), None);
        assert_eq!(written(&[opened.clone(), Line::Stage(Stage::Checking), Line::Closed]), None);
        assert_eq!(written(&[opened, Line::Stage(Stage::Checking)]).unwrap().stage, Stage::Checking);
    }

    #[test]
    fn a_torn_line_counts_as_not_written() {
        let (directory, sysroot) = machine();
        append(&sysroot, Line::Opened(Journey::default())).unwrap();
        append(&sysroot, Line::Stage(Stage::Preparing)).unwrap();
        append(&sysroot, ran(Point::Prepare, "a", HookResult::Exited(0))).unwrap();
        let path = directory.path().join(PATH);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        let found = left(&sysroot).unwrap().unwrap();
        assert_eq!(found.done_at(Point::Prepare), Vec::<String>::new());
        append(&sysroot, Line::Closed).unwrap();
        assert_eq!(left(&sysroot).unwrap(), None, "the torn line does not swallow the next one");
    }

    #[test]
    fn a_second_attempt_forgets_what_ran_in_the_first() {
        let lines = [
            Line::Opened(Journey::default()),
            Line::Stage(Stage::Suspending),
            ran(Point::BeforeSuspend, "a", HookResult::Exited(0)),
            Line::Began(Step::Suspend),
            Line::Ended { step: Step::Suspend, ok: false },
            Line::Stage(Stage::Prepared),
            Line::Stage(Stage::Suspending),
        ];
        let found = written(&lines).unwrap();
        assert_eq!((found.suspension, found.done_at(Point::BeforeSuspend)), (Suspension::NotBegun, vec![]));
        let found = written(&lines[..5]).unwrap();
        assert_eq!((found.suspension, found.done_at(Point::BeforeSuspend)), (Suspension::Failed, vec!["a".to_owned()]));
    }
}
