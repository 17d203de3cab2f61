//! Threads that do what takes time: hooks, changes of resources, the suspension, a look at everything. Each does one thing after
//! the other; what must not wait for one another is given to several.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use sysroot::{Program, Sysroot};
use wire::message::Answer;
use wire::message::answer::Failure as Failed;
use wire::message::dlpar::{Resize, ResizeOutcome};
use wire::message::inventory::Inventory;
use wire::message::migration::MigrationRecord;
use wire::message::request::{Shutdown, ShutdownAction};

use crate::agent::{Job, Note, Origin};
use crate::config::HookSettings;
use crate::hooks::{Occasion, Runner};
use crate::identity;
use crate::inventory::{self, Known};
use crate::log::{Chain, Log};
use crate::migration::perform::{Heard, Performed, Performer, Terms};
use crate::migration::{Journey, Stage, journal, last};
use crate::resize::{Step, resize};

/// The programs that end the system, the first that is there.
const SHUTDOWN: [&str; 2] = ["usr/sbin/shutdown", "sbin/shutdown"];
/// All hooks of a point together, of a migration that another agent left.
const MENDING_PATIENCE: Duration = Duration::from_secs(10 * 60);

const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(30);

/// What waits for the thread: a flood of events whose hooks are slow must not fill the memory.
const TASKS: usize = 64;

/// Less than a huge page: a stack of Rust's usual 2 MiB, where it happens to lie like one, is given all of it at the first touch
/// (seen on ppc64el: a third of what the agent may have in all).
const STACK_BYTES: usize = 1 << 20;

/// What is reported.
#[derive(Debug)]
pub(crate) enum Report {
    /// A change of resources is a step further.
    Progress(Origin, Step),
    /// The kernel came back from a suspension.
    Moved(MigrationRecord),
    /// A stage is done.
    Performed(Performed),
    /// All there is was read, for one who asked; after so many changes.
    Read(Origin, Changes, Box<Inventory>),
    /// A change was planned, for one who asks.
    Planned(Origin, ResizeOutcome),
    /// Another job is done.
    Answered(Answer),
}

/// What the thread is told.
#[derive(Debug)]
enum Task {
    Job(Box<Job>, HookSettings),
    Hooks(Box<Occasion>, HookSettings),
    Close(Option<MigrationRecord>),
    Read(Origin, Changes, Known),
    Plan(Origin, Box<Resize>, HookSettings),
}

/// How many changes of the partition the agent has told of.
pub(crate) type Changes = u64;

/// The thread, from outside.
#[derive(Debug)]
pub(crate) struct Worker {
    tasks: SyncSender<Task>,
    reports: Receiver<Report>,
    wake: Arc<EventFd>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    /// Starts it.
    pub(crate) fn start(sysroot: Arc<Sysroot>, log: Log) -> std::io::Result<Self> {
        let (tasks, todo) = sync_channel(TASKS);
        let (done, reports) = channel();
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let stop = Arc::new(AtomicBool::new(false));
        let bench = Bench { sysroot, log, reports: done, wake: Arc::clone(&wake), stop: Arc::clone(&stop) };
        thread::Builder::new().name("worker".into()).stack_size(STACK_BYTES).spawn(move || bench.work(&todo))?;
        Ok(Self { tasks, reports, wake, stop })
    }

    /// Gives it a job; there is never more than one.
    pub(crate) fn begin(&self, job: Job, settings: HookSettings) {
        self.stop.store(false, Ordering::Relaxed);
        let _ = self.give(Task::Job(Box::new(job), settings));
    }

    /// A migration is over, and what consoles must hear of it cannot get lost any more.
    pub(crate) fn close(&self, migration: Option<MigrationRecord>) {
        // If there is no room, the next agent finds it open and tells of it once more.
        let _ = self.give(Task::Close(migration));
    }

    /// Gives it hooks to run, of which nothing is reported. Says whether it will: so many may wait and not more.
    #[must_use]
    pub(crate) fn run_hooks(&self, occasion: Occasion, settings: HookSettings) -> bool {
        self.give(Task::Hooks(Box::new(occasion), settings))
    }

    /// Has it read all there is, for one who asks. Says whether it will.
    #[must_use]
    pub(crate) fn read(&self, origin: Origin, changes: Changes, known: Known) -> bool {
        self.give(Task::Read(origin, changes, known))
    }

    /// Has it plan a change, for one who asks: firmware that is busy takes minutes. Says whether it will.
    #[must_use]
    pub(crate) fn plan(&self, origin: Origin, asked: Resize, settings: HookSettings) -> bool {
        self.give(Task::Plan(origin, Box::new(asked), settings))
    }

    /// The thread ends only when this end is gone.
    fn give(&self, task: Task) -> bool {
        self.tasks.try_send(task).is_ok()
    }

    /// What it does shall stop as soon as it can.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// What to wait for.
    pub(crate) fn wake(&self) -> &EventFd {
        &self.wake
    }

    /// What was reported since the last call.
    pub(crate) fn reports(&self) -> Vec<Report> {
        // Nothing to read only means that there was no report.
        let _ = self.wake.read();
        self.reports.try_iter().collect()
    }
}

/// The thread, from inside.
struct Bench {
    sysroot: Arc<Sysroot>,
    log: Log,
    reports: Sender<Report>,
    wake: Arc<EventFd>,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn work(&self, todo: &Receiver<Task>) {
        for task in todo {
            match task {
                Task::Job(job, settings) => self.job(*job, &self.runner(&settings)),
                Task::Hooks(occasion, settings) => {
                    // What fails is in the log.
                    let _ = self.runner(&settings).run(&occasion, &[], Duration::MAX, &|| false, &mut |_| ());
                }
                Task::Close(migration) => self.close(migration.as_ref()),
                Task::Plan(origin, asked, settings) => {
                    // A dry run changes nothing, and runs no hook.
                    let planned = resize(&self.runner(&settings), &asked, &mut |_| ());
                    self.report(Report::Planned(origin, planned));
                }
                Task::Read(origin, changes, known) => {
                    self.report(Report::Read(origin, changes, Box::new(inventory::read(&self.sysroot, &known))));
                }
            }
        }
    }

    fn runner<'a>(&'a self, settings: &'a HookSettings) -> Runner<'a> {
        Runner { sysroot: &self.sysroot, settings, log: &self.log }
    }

    fn job(&self, job: Job, hooks: &Runner<'_>) {
        let report = match job {
            Job::Stage { stage, journey, terms, note } => {
                Report::Performed(self.stage(stage, *journey, &terms, note, hooks))
            }
            Job::Mend(left, mending) => {
                let hooks = self.with_performer(hooks, |performer| performer.mend(&left, &mending, MENDING_PATIENCE));
                Report::Performed(Performed { passed: true, hooks, ..Performed::default() })
            }
            Job::Resize(origin, asked) => {
                let mut heard = |step| self.report(Report::Progress(origin, step));
                Report::Answered(Answer::Resize(resize(hooks, &asked, &mut heard)))
            }
            Job::Shutdown(shutdown) => Report::Answered(self.shutdown(&shutdown)),
        };
        self.report(report);
    }

    fn report(&self, report: Report) {
        // Both fail only when the agent ends.
        let _ = self.reports.send(report);
        let _ = self.wake.write(1);
    }

    fn with_performer<T>(&self, hooks: &Runner<'_>, work: impl FnOnce(&mut Performer<'_>) -> T) -> T {
        let stop = || self.stop.load(Ordering::Relaxed);
        let mut heard = |Heard::Moved(record)| self.report(Report::Moved(record));
        let hooks = Runner { sysroot: hooks.sysroot, settings: hooks.settings, log: hooks.log };
        work(&mut Performer { hooks, stop: &stop, heard: &mut heard })
    }

    fn stage(&self, stage: Stage, mut journey: Journey, terms: &Terms, note: Note, hooks: &Runner<'_>) -> Performed {
        if journey.from.is_none() {
            journey.from = identity::current_machine(&self.sysroot);
        }
        self.with_performer(hooks, |performer| {
            let noted = match note {
                Note::Opens => performer.open(&journey),
                Note::Grows => performer.know(&journey),
                Note::Nothing => Ok(()),
            };
            if let Err(failure) = noted {
                return Performed { failure: Some(failure), ..Performed::default() };
            }
            let performed = performer.perform(stage, &journey, terms);
            if matches!(stage, Stage::Undoing { .. }) {
                performer.close();
            }
            performed
        })
    }

    fn close(&self, migration: Option<&MigrationRecord>) {
        let kept = migration.map_or(Ok(()), |migration| last::keep(&self.sysroot, migration));
        if let Err(error) = kept {
            self.log.warning(format_args!("the next agent will not know of this migration: {}", Chain(&error)));
        }
        if let Err(error) = journal::append(&self.sysroot, journal::Line::Closed) {
            self.log.error(Chain(&error));
        }
    }

    fn shutdown(&self, Shutdown { action, message, delay_ms }: &Shutdown) -> Answer {
        let Some(path) = SHUTDOWN.into_iter().find(|path| self.sysroot.exists(path)) else {
            return refused("there is no shutdown program on this system".into(), None);
        };
        let option = match action {
            ShutdownAction::PowerOff => "-P",
            ShutdownAction::Reboot => "-r",
        };
        // shutdown(8) counts in minutes; half of one more is better than half of one less.
        let minutes = delay_ms.div_ceil(60_000);
        let program =
            Program::new(path, SHUTDOWN_PATIENCE).argument(option).argument("--").argument(format!("+{minutes}"));
        let program = if message.is_empty() { program } else { program.argument(message) };
        match self.sysroot.run(&program) {
            Ok(outcome) if outcome.succeeded() => Answer::Done {},
            Ok(outcome) => refused(format!("/{path}: {}", String::from_utf8_lossy(&outcome.errors).trim()), None),
            Err(error) => refused(Chain(&error).to_string(), error.errno()),
        }
    }
}

fn refused(text: String, errno: Option<Errno>) -> Answer {
    Answer::Failed(Failed { text, errno: errno.map(|errno| errno as i32), firmware: None })
}
