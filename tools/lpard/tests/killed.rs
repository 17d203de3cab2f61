//! The real agent is killed at every line of a migration's journal, and started again: it finishes or takes back what the
//! journal says, does nothing twice that is on record, and can migrate again.
//!
//! What kills it is a limit for the size of files: the kernel ends the whole process (SIGXFSZ, which nobody catches) in the
//! write that would make the journal longer. So it dies at exactly this line, or in the middle of it, each time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)] // a test may panic, and looks for itself

mod agent;

use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;
use serde_json::json;
use wire::hex::{MigrationId, StreamId};
use wire::message::inventory::Machine as System;
use wire::message::migration::{Check, ConsoleContact, Prepare, Suspend};
use wire::message::{Event, Request};

use agent::console::{Outcome, TestConsole, Told};
use agent::control::Client;
use agent::machine::{Agent, Machine, until};

const JOURNAL: &str = "var/lib/lparkit/migration.journal";
const POINTS: [&str; 5] = ["check", "prepare", "post", "abort", "undo"];
/// Agents at the same time: they wait more than they work.
const AT_ONCE: usize = 4;

/// A partition and the consoles of two systems.
struct Scene {
    first: TestConsole,
    second: TestConsole,
    machine: Machine,
}

impl Scene {
    fn new() -> Self {
        let (first, second) = (TestConsole::start(1), TestConsole::start(2));
        let machine = Machine::new();
        let (path, text) = first.trust_file();
        machine.file(&path, text);
        machine.configure(&format!("[console]\naddresses = ['{}']\n", first.address()));
        for point in POINTS {
            machine.hook(&format!("etc/lparkit/hooks.d/{point}/{point}"), 0, "");
        }
        machine.hook("etc/drmgr.d/pmig/theirs", 0, "");
        Self { first, second, machine }
    }

    /// The first console asks for a migration, one request after the other, as long as it is answered.
    fn migrate(&self) {
        self.first.welcomed();
        let migration = MigrationId(7);
        let destination = System { type_model: "9009-22A".into(), serial: "7800001".into() };
        let console = ConsoleContact {
            name: "frame2".into(),
            key: self.second.key,
            addresses: vec!["::1".parse().unwrap()],
            port: self.second.port,
        };
        let requests = [
            Request::MigrationCheck(Check { destination: None, deadline_ms: 30_000 }),
            Request::MigrationPrepare(Prepare { migration, destination, console, deadline_ms: 30_000 }),
            Request::MigrationSuspend(Suspend { migration, stream: StreamId(0x0123_4567) }),
        ];
        for request in requests {
            self.first.order(request);
            loop {
                match self.first.told() {
                    Told::Ended(_, Outcome::Answered(_)) => break,
                    Told::Disconnected => return,
                    _ => {}
                }
            }
        }
    }

    fn journal(&self) -> String {
        self.machine.read(JOURNAL)
    }

    /// How often a hook ran.
    fn runs(&self, hook: &str) -> usize {
        self.machine.asked().iter().filter(|asked| *asked == hook).count()
    }
}

/// Where each line of the journal of a whole migration ends.
fn ends_of_lines() -> Vec<usize> {
    let scene = Scene::new();
    let agent = scene.machine.start();
    scene.migrate();
    until("the migration is over", || scene.journal().contains("\"closed\""));
    agent.stop();
    let journal = scene.journal();
    let runs = ["check", "prepare", "post", "abort", "undo", "theirs"].map(|hook| scene.runs(hook));
    assert_eq!(runs, [1, 1, 1, 0, 0, 3], "{journal}");
    journal.match_indices('\n').map(|(at, _)| at + 1).collect()
}

/// An agent dies when its journal has so many bytes; another one takes over, perhaps after a boot of the machine.
fn killed_at(bytes: usize, boots: bool) {
    let scene = Scene::new();
    let agent = scene.machine.start_with_files_up_to(bytes);
    scene.migrate();
    let (status, log) = agent.ended();
    assert_eq!(status.signal(), Some(Signal::SIGXFSZ as i32), "{log}");
    let journal = scene.journal();
    assert_eq!(journal.len(), bytes, "{journal}");
    if boots {
        scene.machine.boot("b-2");
    }
    let agent = scene.machine.start();
    let expected = Expected::of(&journal, boots);
    let what = format!("{expected:?} at byte {bytes}, boots: {boots}, of:\n{journal}");
    expected.comes_about(&scene, &agent, &what);
    agent.stop();
}

/// What the second agent has to do, as a reader of the journal sees it.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    /// Nothing had begun, or all was over.
    Nothing,
    /// A check had begun.
    TakenBack,
    /// So had a preparation.
    Aborted,
    /// The partition has moved, or may have.
    Finished,
}

impl Expected {
    fn of(journal: &str, boots: bool) -> Self {
        // A line without its end was not written.
        let written = &journal[..journal.rfind('\n').map_or(0, |end| end + 1)];
        let has = |what: &str| written.contains(what);
        let moved = has(r#""ended":{"step":"suspend","ok":true"#) || has(r#""stage":"resuming""#);
        match () {
            () if has(r#""closed""#) || !has(r#""stage""#) => Self::Nothing,
            () if moved || (has(r#""began":"suspend""#) && !boots) => Self::Finished,
            () if has(r#""stage":"preparing""#) => Self::Aborted,
            () => Self::TakenBack,
        }
    }

    fn comes_about(&self, scene: &Scene, agent: &Agent, what: &str) {
        let journal = || scene.journal();
        if *self != Self::Nothing {
            until(&format!("the journal is closed: {what}"), || journal().trim_end().ends_with("\"closed\"}"));
        }
        if *self == Self::Finished {
            scene.second.welcomed();
            let Event::Resumed(record) = scene.second.event() else { panic!("{what}") };
            assert_eq!(record.migration, Some(MigrationId(7)), "{what}");
        } else {
            scene.first.welcomed();
        }
        let must_run: &[&str] = match self {
            Self::Nothing => &[],
            Self::TakenBack => &["undo"],
            Self::Aborted => &["abort", "undo"],
            Self::Finished => &["post"],
        };
        let must_not: &[&str] = match self {
            Self::TakenBack => &["prepare", "abort", "post"],
            Self::Aborted => &["post"],
            Self::Nothing | Self::Finished => &["undo", "abort"],
        };
        assert!(must_run.iter().all(|hook| scene.runs(hook) > 0), "{:?}: {what}", scene.machine.asked());
        assert!(must_not.iter().all(|hook| scene.runs(hook) == 0), "{:?}: {what}", scene.machine.asked());
        // Twice only what the first agent began and did not put down.
        assert!(POINTS.iter().all(|hook| scene.runs(hook) <= 2), "{:?}: {what}", scene.machine.asked());
        let mut client = Client::connect(scene.machine.root());
        let trusted = client.ask("TrustList", &json!({}))["consoles"].as_array().unwrap().len();
        let kept = usize::from(matches!(self, Self::Finished | Self::Nothing) && journal().contains("keep_console"));
        assert_eq!(trusted, 1 + kept, "{what}");
        until(&format!("it is ready again: {what}"), || client.ask("Status", &json!({}))["phase"] == json!("ready"));
        assert_eq!(client.ask("MigrateCheck", &json!({}))["ready"], json!(true), "{what}");
        assert!(agent.pid() > 0);
    }
}

#[test]
fn an_agent_that_is_killed_at_any_line_is_followed_by_one_that_puts_things_in_order() {
    let ends = ends_of_lines();
    assert!(ends.len() > 20, "{ends:?}");
    let in_the_middle = |line: usize| ends[line - 1].midpoint(ends[line]);
    let whole = ends.iter().map(|end| (*end, false));
    let torn = (1..ends.len()).map(|line| (in_the_middle(line), line % 2 == 0));
    // The last line is written: nothing makes the journal longer.
    let deaths: Vec<(usize, bool)> = whole.take(ends.len() - 1).chain(torn).collect();
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let deaths = &deaths;
            scope.spawn(move || {
                for (bytes, boots) in deaths.iter().skip(first).step_by(AT_ONCE) {
                    killed_at(*bytes, *boots);
                }
            });
        }
    });
}
