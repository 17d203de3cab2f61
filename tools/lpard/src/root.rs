//! The part with the rights: it reads and changes the machine, and decides what of what is asked is done.
//!
//! # Theory of operation
//!
//! ```text
//! signals ------.                                  .--> worker (hooks, DLPAR, suspension)
//! network part -|--> Input --> Agent --> Output ---|--> network part
//! control ------|              (pure)              |--> control, reader (all there is)
//! kernel log ---|                                  '--> log, hooks of events
//! firmware -----'
//! ```
//!
//! One thread waits for all of it, and does what takes no time; [`crate::worker`] does the rest. What is decided is decided in
//! [`crate::agent`]; this file and those below it carry things to and fro. Nothing wakes it up but what happens, the watchdog,
//! and the deadlines of the agent and the network part.

mod answers;
mod calls;
mod consoles;
mod network_part;
mod outputs;
mod unseen;

use std::collections::BTreeSet;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use platform::mobility;
use sysroot::{Process, Sysroot};
use wire::message::answer::{Refusal, RefusalReason};
use wire::message::inventory::Machine;
use wire::message::{Answer, Event};
use wire::phase::Permit;

use crate::agent::{Agent, Input, Origin};
use crate::boot_id::boot_id;
use crate::config::{Config, ConfigError};
use crate::control::{ConnectionId, ControlError, Server};
use crate::firmware::Firmware;
use crate::identity::current_machine;
use crate::kernel_log::{self, KernelLog};
use crate::log::{Chain, Log};
use crate::look::Look;
use crate::migration::{evidence, journal, last, mend};
use crate::mode::{self, Mode, Reason, Surroundings};
use crate::network::timeout;
use crate::parts::message::{FromNetwork, FromRoot};
use crate::parts::permission::FirstUse;
use crate::service_manager::ServiceManager;
use crate::trust::{self, TrustError, Trusted};
use crate::worker::{Changes, Report, Worker};
use crate::{random, resize};

use consoles::Management;
use network_part::{Heard, NetworkPart};
use unseen::Unseen;

/// Then all else is seen to: a network part that was taken over and talks without end keeps nobody waiting, least the watchdog.
const MESSAGES_AT_ONCE: u32 = 64;

/// To say goodbye takes a moment, when somebody listens.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);

/// Why the root part ends, or does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootError {
    #[error("open the machine")]
    Root(#[source] sysroot::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("set up trust")]
    Trust(#[from] TrustError),
    #[error("start a thread")]
    Thread(#[source] std::io::Error),
    #[error("wait for what happens")]
    Wait(#[source] Errno),
}

/// The part with all that it holds.
#[derive(Debug)]
struct Root {
    /// Where the machine is: `/`, or a directory that stands for it.
    place: PathBuf,
    sysroot: Arc<Sysroot>,
    config: Config,
    log: Log,
    manager: ServiceManager,
    agent: Agent,
    worker: Worker,
    /// Events do not wait until a migration is over.
    event_worker: Worker,
    /// To look at everything takes a while, and nobody who wants something done waits for who only wants to know.
    reader: Worker,
    /// What was read before the last of them is not told after it: who listens would believe it.
    changes: Changes,
    control: Server,
    /// Clients that want to hear of each event.
    followers: BTreeSet<ConnectionId>,
    firmware: Firmware,
    kernel_log: Option<KernelLog>,
    migrations: mobility::Watch,
    network: NetworkPart,
    /// Native or observer, and why; none before it was chosen.
    mode: Option<(Mode, Reason)>,
    /// Says when RSCT may have come or gone.
    rsct: Option<mode::watch::Watch>,
    /// RSCT's daemon, whose end may change the mode.
    rsct_daemon: Option<Process>,
    trusted: Vec<Trusted>,
    management: Management,
    /// A migration is over, and its journal is not closed yet.
    is_settled: bool,
    /// When to look again who is to be called.
    look: Look,
    /// The system that the partition was on when it was last looked at.
    machine: Option<Machine>,
    began: Instant,
}

/// Serves until a signal comes.
pub(crate) fn serve(root: &Path) -> Result<(), RootError> {
    let signals = signals().map_err(RootError::Wait)?;
    let mut part = Root::new(root, Sysroot::at(root).map_err(RootError::Root)?)?;
    part.put_in_order();
    part.choose_mode();
    part.manager.ready();
    part.serve(&signals)
}

/// Signals become something to wait for. Threads that are started later leave them alone too.
fn signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        mask.add(signal);
    }
    mask.thread_block()?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

impl Root {
    fn new(root: &Path, sysroot: Sysroot) -> Result<Self, RootError> {
        let sysroot = Arc::new(sysroot);
        let (config, _) = Config::read(&sysroot)?;
        let log = Log::open(&sysroot).with_threshold(config.log_level);
        // Made before anybody asks for it.
        trust::own_key(&sysroot, &random::fill)?;
        let worker = || Worker::start(Arc::clone(&sysroot), log.clone()).map_err(RootError::Thread);
        let kernel_log = KernelLog::follow(&sysroot);
        if let Err(error) = &kernel_log {
            log.warning(format_args!("migrations of others are not noticed: {}", Chain(error)));
        }
        Ok(Self {
            control: Server::listen(root, &sysroot)?,
            worker: worker()?,
            event_worker: worker()?,
            reader: worker()?,
            changes: 0,
            firmware: Firmware::open(root, &sysroot, config.events.keep),
            kernel_log: kernel_log.ok(),
            migrations: mobility::Watch::default(),
            trusted: trust::list(&sysroot, &log)?,
            management: Management::default(),
            is_settled: false,
            look: Look::default(),
            machine: current_machine(&sysroot),
            place: root.to_owned(),
            manager: ServiceManager::from_environment(),
            agent: Agent::new(last::read(&sysroot)),
            followers: BTreeSet::new(),
            network: NetworkPart::with_unseen(Unseen::load(&sysroot)),
            mode: None,
            rsct: mode::watch::Watch::open(root),
            rsct_daemon: None,
            began: Instant::now(),
            sysroot,
            config,
            log,
        })
    }

    /// What an agent before this one left behind is finished or taken back before anything new begins.
    fn put_in_order(&mut self) {
        resize::mend_at_start(&self.sysroot, &self.log);
        let left = match journal::left(&self.sysroot) {
            Ok(Some(left)) => left,
            Ok(None) => return,
            Err(error) => return self.log.error(Chain(&error)),
        };
        let lines = kernel_log::all_lines(&self.sysroot);
        let before = left.journey.from.as_ref();
        let moved =
            evidence::moved(before, self.machine.as_ref(), kernel_log::since_mark(&lines).iter().map(String::as_str));
        let world = mend::World { rebooted: left.boot != boot_id(&self.sysroot), moved };
        let mending = mend::mend(&left, world);
        let what = if mending.moved { "is followed up" } else { "is taken back" };
        self.log.notice(format_args!("a migration or check {what}: {}", mending.reason));
        if mending.moved {
            self.network.forget_migration(left.journey.migration);
        }
        let outputs = self.agent.mend(left, mending);
        self.perform(outputs);
    }

    /// Native or observer; asked again whenever something changes that it depends on.
    fn choose_mode(&mut self) {
        let (rsct, daemon) = mode::find_rsct(&self.sysroot).unwrap_or_default();
        self.rsct_daemon = daemon;
        let has_console = !self.trusted.is_empty() || self.config.console.trust_on_first_use;
        let (mode, reason) = mode::choose(self.config.mode, Surroundings { rsct, has_console });
        if self.mode.replace((mode, reason)) != Some((mode, reason)) {
            self.log.notice(format_args!("mode {mode}: {reason}"));
        }
        if self.network.want(mode == Mode::Native, self.now()) {
            self.handle(Input::NetworkLost);
        }
        self.tell_status();
    }

    fn tell_status(&self) {
        let Some((mode, reason)) = self.mode else { return };
        let session = self.network.session();
        let session = session.map(|session| format!("session with {} at {}", session.console, session.address));
        let without = || if mode == Mode::Native { "no session".to_owned() } else { reason.to_string() };
        self.manager.status(&format!("{mode}: {}", session.unwrap_or_else(without)));
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn serve(&mut self, signals: &SignalFd) -> Result<(), RootError> {
        let mut alive_at = self.manager.interval();
        loop {
            let now = self.now();
            if alive_at.is_some_and(|at| now >= at) {
                self.manager.alive();
                alive_at = self.manager.interval().map(|interval| now + interval);
            }
            self.tick(now);
            let ready = self.wait(signals, alive_at)?;
            while let Ok(Some(signal)) = signals.read_signal() {
                if i32::try_from(signal.ssi_signo) != Ok(Signal::SIGHUP as i32) {
                    self.manager.stopping();
                    self.take_leave();
                    self.save_unseen();
                    return Ok(());
                }
                self.reload();
            }
            self.look(&ready);
        }
    }

    /// The console hears that the agent stops, if it can hear at once. What the worker does, the journal tells the next agent.
    fn take_leave(&mut self) {
        self.network.take_leave();
        let until = self.now() + LEAVE_PATIENCE;
        while let Some((fd, _)) = self.network.socket() {
            let left = until.saturating_sub(self.now());
            if left.is_zero() || poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout(Some(left))).is_err() {
                return;
            }
            for _ in 0..MESSAGES_AT_ONCE {
                if self.network.hear(self.now(), self.agent.phase(), FirstUse::Over, &self.log).is_none() {
                    break;
                }
            }
        }
    }

    fn tick(&mut self, now: Duration) {
        let outputs = self.agent.handle(now, Input::Tick);
        self.perform(outputs);
        if self.look.is_due(now) {
            self.look_for_consoles();
        }
        self.start_network_part(now);
        self.save_unseen();
    }

    fn wait(&self, signals: &SignalFd, alive_at: Option<Duration>) -> Result<Ready, RootError> {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut sockets = vec![readable(signals.as_fd()), readable(self.worker.wake().as_fd())];
        sockets.push(readable(self.reader.wake().as_fd()));
        sockets.extend(self.network.socket().map(|(fd, sends)| {
            PollFd::new(fd, if sends { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN })
        }));
        sockets.extend(self.control.sockets());
        sockets.extend(self.rsct.as_ref().map(|watch| readable(watch.as_fd())));
        sockets.extend(self.rsct_daemon.as_ref().map(|daemon| readable(daemon.as_fd())));
        // Those that are looked at only when they are ready come last: reading them costs something.
        let firmware_at = sockets.len();
        sockets.extend(self.firmware.sockets().map(readable));
        let kernel_log_at = sockets.len();
        sockets.extend(self.kernel_log.as_ref().map(|log| readable(log.as_fd())));
        let at_once = self.control.is_behind().then_some(Duration::ZERO);
        let deadlines = [self.agent.deadline(), self.network.deadline(), self.look.deadline(), alive_at, at_once];
        let deadline = deadlines.into_iter().flatten().min();
        match poll(&mut sockets, timeout(deadline.map(|deadline| deadline.saturating_sub(self.now())))) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(RootError::Wait(error)),
        }
        let is_ready = |from: usize, to: usize| sockets[from..to].iter().any(|socket| socket.any().unwrap_or_default());
        Ok(Ready { firmware: is_ready(firmware_at, kernel_log_at), kernel_log: is_ready(kernel_log_at, sockets.len()) })
    }

    /// Looks at everything that may have something to say.
    fn look(&mut self, ready: &Ready) {
        // Before the worker's reports: its own migration is not somebody else's.
        if ready.kernel_log {
            self.look_at_kernel_log();
        }
        for report in self.worker.reports().into_iter().chain(self.reader.reports()) {
            self.reported(report);
        }
        self.look_at_network_part();
        self.look_at_control();
        let has_come_or_gone = self.rsct.as_ref().is_some_and(mode::watch::Watch::has_changed);
        if has_come_or_gone || self.rsct_daemon.as_ref().is_some_and(Process::has_ended) {
            self.choose_mode();
        }
        if ready.firmware {
            self.look_at_firmware();
        }
    }

    fn handle(&mut self, input: Input) {
        let outputs = self.agent.handle(self.now(), input);
        self.perform(outputs);
    }

    fn look_at_kernel_log(&mut self) {
        let Some(lines) = self.kernel_log.as_mut().and_then(KernelLog::lines) else {
            // What is at its end says for ever that it is ready.
            self.kernel_log = None;
            return;
        };
        for event in lines.iter().filter_map(|line| mobility::parse(line)) {
            self.log.info(format_args!("kernel: {event}"));
            if self.migrations.is_over(&event) {
                let (from, to) = (self.machine.clone(), current_machine(&self.sysroot));
                self.handle(Input::MovedByOthers { from, to });
            }
        }
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Progress(origin, step) => self.progressed(origin, step),
            Report::Moved(record) => self.handle(Input::Moved(record)),
            Report::Performed(performed) => self.handle(Input::Performed(performed)),
            Report::Read(origin, changes, mut inventory) if changes == self.changes => {
                // As long as it is read, what the partition is doing goes on.
                inventory.phase = self.agent.phase();
                self.answer(origin, Answer::Inventory(inventory));
            }
            Report::Read(origin, ..) => self.read_for(origin),
            Report::Planned(origin, outcome) => self.answer(origin, Answer::Resize(outcome)),
            Report::Answered(answer) => {
                // Of what was undone somebody may have seen the half.
                let is_resized = matches!(&answer, Answer::Resize(_));
                // First: who asked waits for the answer, and nobody for the event.
                self.handle(Input::Answered(answer));
                if is_resized {
                    self.tell_size();
                }
            }
        }
    }

    fn first_use(&self) -> FirstUse {
        if !self.config.console.trust_on_first_use {
            return FirstUse::Forbidden;
        }
        if self.trusted.is_empty() { FirstUse::Open } else { FirstUse::Over }
    }

    fn look_at_network_part(&mut self) {
        for _ in 0..MESSAGES_AT_ONCE {
            // What was heard just now may have changed what is permitted.
            let Some(heard) = self.network.hear(self.now(), self.agent.phase(), self.first_use(), &self.log) else {
                break;
            };
            match heard {
                Heard::Message(FromNetwork::Nobody) => self.look.want(self.now()),
                Heard::Message(message) => self.heard(message),
                Heard::NotNow(FromNetwork::Perform { ticket, .. }, permit) => {
                    let phase = self.agent.phase();
                    let reason = if permit == Permit::Later { RefusalReason::Busy } else { RefusalReason::Phase };
                    let refusal = Refusal { reason, text: format!("the partition is {phase}") };
                    self.answer(Origin::Console(ticket), Answer::Refused(refusal));
                }
                Heard::NotNow(..) => {}
                Heard::Lost => {
                    self.handle(Input::NetworkLost);
                    self.tell_status();
                    return;
                }
            }
        }
    }

    fn heard(&mut self, message: FromNetwork) {
        match message {
            FromNetwork::Confined(confinement) => {
                self.log.info(format_args!("the network part is confined: {confinement:?}"));
            }
            FromNetwork::Perform { ticket, request } => self.handle(Input::Asked(Origin::Console(ticket), request)),
            FromNetwork::Stop { ticket } => self.handle(Input::Stop(Origin::Console(ticket))),
            FromNetwork::Connected(session) => {
                self.log.notice(format_args!(
                    "session with {} at {}, key {}",
                    session.console,
                    session.address,
                    session.key.fingerprint()
                ));
                if let Err(error) = consoles::answered(&self.sysroot, &session.address) {
                    self.log.warning(format_args!("the next agent will not know who answered last: {}", Chain(&error)));
                }
                self.tell_status();
            }
            FromNetwork::Disconnected { why } => {
                self.log.notice(why);
                self.tell_status();
            }
            FromNetwork::FirstUse(contact) => {
                let console = Trusted::handed_over(&contact, "it was the first one that answered".into());
                self.log.notice(format_args!("{} is trusted: {}", console.name, console.because));
                if let Err(error) = trust::add(&self.sysroot, &console, &self.log) {
                    self.log.error(Chain(&error));
                }
                self.consoles_changed();
            }
            // The one is seen to when it is time; of the other the network part's account has been brought up to date.
            FromNetwork::Nobody | FromNetwork::Seen { .. } => {}
        }
    }

    fn look_at_firmware(&mut self) {
        for event in self.firmware.look(&self.sysroot) {
            self.log.note(&event.entry());
            if !self.event_worker.run_hooks(event.occasion(), self.config.hooks.clone()) {
                self.log.warning("the hooks of this event are not run: too many events wait for theirs");
            }
            self.network.tell_surely(FromRoot::Happened(Event::Firmware(event.told())));
            self.tell_followers(&event);
        }
    }

    fn reload(&mut self) {
        let read = Config::read(&self.sysroot).map(|(config, _)| {
            self.log = self.log.clone().with_threshold(config.log_level);
            self.firmware.keep(config.events.keep);
            self.config = config;
        });
        self.consoles_changed();
        match read {
            Ok(()) => self.log.notice("the configuration was read again"),
            Err(error) => self.log.error(format_args!("the configuration stays as it was: {}", Chain(&error))),
        }
    }
}

/// What is to be looked at besides what is cheap.
struct Ready {
    firmware: bool,
    kernel_log: bool,
}

#[cfg(test)]
mod tests;
