//! An agent that is killed after any line of its journal, also while it mends, leaves nothing undone and does nothing twice.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use sysroot::Sysroot;
use wire::hex::{MigrationId, StreamId};
use wire::key::PublicKey;
use wire::message::migration::ConsoleContact;

use super::evidence::Moved;
use super::mend::{World, mend};
use super::perform::{Heard, Performer, Terms};
use super::*;
use crate::config::HookSettings;
use crate::hooks::Runner;
use crate::log::Log;
use crate::trust;

/// The points whose hooks a migration runs; each has one hook, named after it.
const POINTS: [Point; 5] = [Point::Check, Point::Prepare, Point::Post, Point::Abort, Point::Undo];

struct Machine {
    directory: tempfile::TempDir,
    sysroot: Sysroot,
}

/// What is done with the machine.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for itself")]
struct Story {
    /// It is asked first whether it could.
    checked: bool,
    /// The check's hook vetoes.
    vetoed: bool,
    /// The kernel does not suspend.
    refused: bool,
    /// The console does not go on after the preparation.
    given_up: bool,
}

impl Machine {
    fn new(story: Story) -> Self {
        // Each line is synced: where there is a file system in memory, a thousand of them take no time.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let root = directory.path();
        for point in POINTS {
            let hook = root.join("etc/lparkit/hooks.d").join(point.name()).join(point.name());
            script(&hook);
        }
        script(&root.join("etc/drmgr.d/pmig/theirs"));
        fs::create_dir_all(root.join("commands")).unwrap();
        for name in POINTS.map(Point::name).iter().chain(&["theirs"]) {
            let status = if story.vetoed && *name == "check" { "1" } else { "0" };
            fs::write(root.join(format!("commands/{name}.status")), status).unwrap();
        }
        fs::create_dir_all(root.join("sys/kernel/mobility")).unwrap();
        fs::write(root.join("sys/kernel/mobility/api_version"), "1\n").unwrap();
        if story.refused {
            // A directory refuses to be written to.
            fs::create_dir(root.join("sys/kernel/mobility/migration")).unwrap();
        } else {
            fs::write(root.join("sys/kernel/mobility/migration"), "").unwrap();
        }
        fs::create_dir_all(root.join("proc/device-tree")).unwrap();
        fs::write(root.join("proc/device-tree/ibm,migratable-partition"), "").unwrap();
        fs::create_dir_all(root.join("var/lock")).unwrap();
        let sysroot = Sysroot::at(root).unwrap();
        Self { directory, sysroot }
    }

    fn with_performer<T>(&self, work: impl FnOnce(&mut Performer<'_>) -> T) -> T {
        let (settings, log) = (HookSettings::default(), Log::to_stderr().with_threshold(crate::log::Level::Error));
        let hooks = Runner { sysroot: &self.sysroot, settings: &settings, log: &log };
        work(&mut Performer { hooks, stop: &|| false, heard: &mut |_: Heard| () })
    }

    /// Goes through the story to its end.
    fn tell(&self, story: Story) -> Stage {
        self.with_performer(|performer| {
            let journey = journey();
            performer.open(&journey).unwrap();
            let mut stage = Stage::Idle;
            let mut asked = [
                story.checked.then_some(Event::Check),
                (!(story.checked && story.vetoed)).then_some(Event::Prepare),
                (!story.given_up).then_some(Event::Suspend),
                (story.given_up || story.refused).then_some(Event::Undo),
            ]
            .into_iter()
            .flatten();
            loop {
                let event = if stage.steps().is_empty() {
                    let Some(event) = asked.next() else { break };
                    event
                } else {
                    let performed = performer.perform(stage, &journey, &terms());
                    if performed.passed { Event::Passed } else { Event::Failed }
                };
                let Some(next) = stage.next(event) else { break };
                stage = next;
            }
            if stage == Stage::Idle {
                performer.close();
            }
            stage
        })
    }

    /// A new agent on the same machine.
    fn mend(&self, world: World) {
        if let Some(left) = journal::left(&self.sysroot).unwrap() {
            let mending = mend(&left, world);
            self.with_performer(|performer| {
                performer.mend(&left, &mending, Duration::from_secs(9));
                if mending.moved {
                    performer.close();
                }
            });
        }
    }

    fn journal(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path(journal::PATH)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The last line was not written as a whole.
    fn tear_journal(&self) {
        let path = self.path(journal::PATH);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let last = text.trim_end().rfind('\n').map_or(0, |end| end + 1);
        let kept = last + (text.len() - last) / 2;
        if path.exists() {
            fs::write(&path, &text[..kept]).unwrap();
        }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    /// How often a hook ran.
    fn runs(&self, hook: &str) -> usize {
        let asked = fs::read_to_string(self.path("commands/asked")).unwrap_or_default();
        asked.lines().filter(|line| *line == hook).count()
    }

    /// What has run so far is forgotten: what comes is the mending's.
    fn forget_runs(&self) {
        let _ = fs::remove_file(self.path("commands/asked"));
    }

    fn trusts_the_console(&self) -> bool {
        trust::is_trusted(&self.sysroot, journey().console.unwrap().key)
    }
}

fn script(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn terms() -> Terms {
    Terms { patience: Duration::from_secs(9), reason: None }
}

fn journey() -> Journey {
    Journey {
        migration: Some(MigrationId(7)),
        console: Some(ConsoleContact {
            name: "frame2".into(),
            key: PublicKey::from_bytes([2; 32]),
            addresses: vec!["fe80::2".parse().unwrap()],
            port: 657,
        }),
        stream: Some(StreamId(0x0123_4567)),
        ..Journey::default()
    }
}

/// A thread that is killed at a line of its journal, as far as the rest of the test can tell.
pub(super) mod life {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    #[derive(Debug, Clone, Copy)]
    pub(in crate::migration) enum Death {
        /// The line is not written; what was done since the last one is done.
        Before(usize),
        /// The line is written; what it announces is not done.
        After(usize),
    }

    thread_local! {
        static DEATH: Cell<Option<Death>> = const { Cell::new(None) };
    }

    struct Killed;

    pub(in crate::migration) fn before_a_line() {
        match DEATH.get() {
            Some(Death::Before(0)) => resume_unwind(Box::new(Killed)),
            Some(Death::Before(lines)) => DEATH.set(Some(Death::Before(lines - 1))),
            _ => {}
        }
    }

    pub(in crate::migration) fn after_a_line() {
        match DEATH.get() {
            Some(Death::After(0)) => resume_unwind(Box::new(Killed)),
            Some(Death::After(lines)) => DEATH.set(Some(Death::After(lines - 1))),
            _ => {}
        }
    }

    /// Lives until the work is done or death comes; says whether it lived.
    pub(super) fn live(until: Death, work: impl FnOnce()) -> bool {
        DEATH.set(Some(until));
        let lived = catch_unwind(AssertUnwindSafe(work));
        DEATH.set(None);
        match lived {
            Ok(()) => true,
            Err(cause) if cause.is::<Killed>() => false,
            Err(cause) => resume_unwind(cause),
        }
    }
}

const QUIET: Story = Story { checked: true, vetoed: false, refused: false, given_up: false };

#[test]
fn a_migration_runs_each_hook_once_and_ends() {
    let machine = Machine::new(QUIET);
    assert_eq!(machine.tell(QUIET), Stage::Idle);
    let runs = |names: [&str; 6]| names.map(|name| machine.runs(name));
    assert_eq!(runs(["check", "prepare", "post", "abort", "undo", "theirs"]), [1, 1, 1, 0, 0, 3]);
    assert_eq!(fs::read_to_string(machine.path("sys/kernel/mobility/migration")).unwrap(), "0x1234567\n");
    assert!(machine.trusts_the_console());
    assert_eq!(journal::left(&machine.sysroot).unwrap(), None);
}

#[test]
fn what_the_kernel_refuses_can_be_tried_again_or_undone() {
    let story = Story { refused: true, ..QUIET };
    let machine = Machine::new(story);
    assert_eq!(machine.tell(story), Stage::Idle);
    let runs = ["post", "abort", "undo"].map(|name| machine.runs(name));
    assert_eq!(runs, [0, 1, 1]);
    assert!(!machine.trusts_the_console(), "what the migration brought is gone with it");
}

#[test]
fn a_veto_undoes_the_check() {
    let story = Story { vetoed: true, ..QUIET };
    let machine = Machine::new(story);
    assert_eq!(machine.tell(story), Stage::Idle);
    let runs = ["check", "theirs", "prepare", "abort", "undo"].map(|name| machine.runs(name));
    // drmgr's own hook hears of the undoing only: the veto came before it.
    assert_eq!(runs, [1, 1, 0, 0, 1]);
}

fn stories() -> impl Strategy<Value = Story> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(checked, vetoed, refused, given_up)| {
        Story { checked, vetoed: vetoed && checked, refused, given_up }
    })
}

fn worlds() -> impl Strategy<Value = World> {
    let moved = prop_oneof![Just(Moved::Yes), Just(Moved::No), Just(Moved::Unknown)];
    (any::<bool>(), moved).prop_map(|(rebooted, moved)| World { rebooted, moved })
}

/// What a journal says has happened.
fn says(lines: &[String], what: &str) -> bool {
    lines.iter().any(|line| line.contains(what))
}

fn deaths() -> impl Strategy<Value = life::Death> {
    (0_usize..32, any::<bool>()).prop_map(
        |(lines, before)| {
            if before { life::Death::Before(lines) } else { life::Death::After(lines) }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn killed_at_any_line_and_again_while_mending(
        story in stories(),
        first in deaths(),
        second in deaths(),
        torn: bool,
        world in worlds(),
    ) {
        let machine = Machine::new(story);
        let lived = life::live(first, || assert!(Stage::ALL.contains(&machine.tell(story))));
        if torn && !lived && matches!(first, life::Death::After(_)) {
            machine.tear_journal();
        }
        let before = machine.journal();
        let left = journal::left(&machine.sysroot).unwrap();
        machine.forget_runs();

        life::live(second, || machine.mend(world));
        machine.mend(world);
        prop_assert_eq!(journal::left(&machine.sysroot).unwrap(), None);

        let Some(left) = left else {
            prop_assert_eq!(machine.runs("undo") + machine.runs("post") + machine.runs("abort"), 0);
            return Ok(());
        };
        let mending = mend(&left, world);
        let opposite = if mending.moved { ["abort", "undo"] } else { ["post", "post"] };
        for hook in opposite {
            prop_assert_eq!(machine.runs(hook), 0, "{} after {:?}", hook, mending);
        }
        let hooks = mending.steps.iter().filter_map(|step| if let Step::Hooks(point) = step { Some(point) } else { None });
        for point in hooks.filter(|point| POINTS.contains(point)) {
            let hook = point.name();
            let runs = machine.runs(hook);
            if left.done_at(*point).contains(&hook.to_owned()) {
                prop_assert_eq!(runs, 0, "{} is on record and ran again", hook);
            } else {
                // Twice only when the second death came between the hook and its line.
                prop_assert!((1..=2).contains(&runs), "{} ran {} times", hook, runs);
            }
        }
        if says(&before, "\"ended\":{\"step\":\"keep_console\"") {
            prop_assert_eq!(machine.trusts_the_console(), mending.moved);
        }
    }
}

/// A disk that is full keeps nobody from bringing things back, and lets nothing begin that the next agent had to take back.
#[test]
fn what_brings_things_back_needs_no_record() {
    for stage in [Stage::Resuming, Stage::Undoing { prepared: false }, Stage::Undoing { prepared: true }] {
        assert!(!stage.steps().iter().any(|step| step.needs_record()), "{stage:?}");
    }
    for stage in [Stage::Checking, Stage::Preparing] {
        assert!(stage.steps().iter().all(|step| step.needs_record()), "{stage:?}");
    }
    let suspending: Vec<bool> = Stage::Suspending.steps().iter().map(|step| step.needs_record()).collect();
    assert_eq!(suspending, [true, true, false], "the hooks before it, it, the hooks after it");
}
