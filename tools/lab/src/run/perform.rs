//! One step of a scenario: does it and compares what came of it with what the scenario expects.

use std::sync::Arc;
use std::time::Duration;

use super::loads::Loads;
use super::{Outcome, compare, deaths, random, sessions};
use crate::dlpar;
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{self, Frame, Lab};
use crate::migration::phase::Phase;
use crate::migration::run::{Options, migrate, run_state};
use crate::partition::{Journal, Partition, State};
use crate::scenario::step::{Deed, Dlpar, Exec, Expected, KernelLog, KillAgentAtEach, Migrate, Ping, Work};
use crate::status::summary;

/// Performs steps; remembers what later ones need.
pub(super) struct Performer<'a> {
    lab: &'a Arc<Lab>,
    loads: Loads,
    pub(super) blackouts_ms: Vec<u64>,
    pub(super) agents_back_ms: Vec<u64>,
    attacked: sessions::Attacked,
    has_skipped: bool,
}

type Seen = Result<String, Error>;

impl<'a> Performer<'a> {
    pub(super) fn new(lab: &'a Arc<Lab>) -> Self {
        Self {
            lab,
            loads: Loads::default(),
            blackouts_ms: Vec::new(),
            agents_back_ms: Vec::new(),
            attacked: sessions::Attacked::default(),
            has_skipped: false,
        }
    }

    pub(super) fn perform(&mut self, deed: &Deed) -> Outcome {
        let migrates = matches!(
            deed,
            Deed::Migrate(_)
                | Deed::MigrateTwice(_)
                | Deed::KillAgentAtEach(KillAgentAtEach { line_of: Work::Migration, .. })
        );
        if migrates {
            match crate::qemu::version() {
                Ok(version) if !version.can_migrate() => {
                    self.has_skipped = true;
                    return Outcome::Skipped(format!("QEMU {version} loses timers of a migrated guest; 8.2 is needed"));
                }
                _ => {}
            }
        }
        if let (Deed::KernelLog(_), true) = (deed, self.has_skipped) {
            return Outcome::Skipped("the migrations that it would tell of were skipped".into());
        }
        match self.try_to(deed) {
            Ok(seen) => Outcome::Passed(seen),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn try_to(&mut self, deed: &Deed) -> Seen {
        match deed {
            Deed::Ready(step) => self.ready(&step.lpar, Duration::from_secs(step.within_s)),
            Deed::Ping(step) => self.ping(step),
            Deed::Isolation(step) => {
                self.lab.isolate(self.lab.frame(&step.system)?, step.on)?;
                Ok(format!("isolation of {} is {}", step.system, if step.on { "on" } else { "off" }))
            }
            Deed::Dlpar(step) => self.dlpar(step),
            Deed::Exec(step) => self.exec(step),
            Deed::Load(step) => self.loads.start(self.lab, self.lab.partition(&step.lpar)?),
            Deed::LoadIntact(step) => self.loads.check(self.lab, self.lab.partition(&step.lpar)?),
            Deed::Migrate(step) => self.migrate(step),
            Deed::MigrateTwice(step) => self.migrate_twice(step),
            Deed::RunsOnce(step) => runs_once(self.lab, self.lab.partition(&step.lpar)?),
            Deed::KillConsole(step) => self.kill_console(&step.system),
            Deed::PowerButton(step) => sessions::power_button(self.lab, step),
            Deed::KillAgent(step) => sessions::kill_agent(self.lab, &step.lpar),
            Deed::KillAgentAtEach(step) => deaths::at_each_line(self.lab, step),
            Deed::Lspartition(step) => sessions::lspartition(self.lab, step),
            Deed::Attack(step) => sessions::attack(self.lab, step, &mut self.attacked),
            Deed::Unharmed(step) => sessions::unharmed(self.lab, &step.system, &mut self.attacked),
            Deed::Impostor(step) => sessions::impostor(self.lab, step),
            Deed::Cables(step) => sessions::cables(self.lab, step),
            Deed::KernelLog(step) => self.kernel_log(step),
            Deed::Compare(step) => compare::compare(self.lab, step),
            Deed::Random(step) => random::random(self.lab, step),
        }
    }

    fn ready(&self, lpar: &str, within: Duration) -> Seen {
        let partition = self.lab.partition(lpar)?;
        self.lab.guests.wait_greeting(lpar, within)?;
        // The starter notes it too, a moment later.
        let end = std::time::Instant::now() + QUICK;
        loop {
            let view = partition.view();
            if let Some(ready) = view.ready_after_ms {
                return Ok(format!("Linux {} answers {:.1} s after its start", view.kernel, seconds(ready)));
            }
            if std::time::Instant::now() > end {
                return Err(Error::guest(lpar, "become ready", "it greeted, and the lab did not notice"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The management adapter's name differs from kernel to kernel; its unit address does not.
    fn ping(&self, step: &Ping) -> Seen {
        let from = self.lab.partition(&step.from)?;
        let frame = self.lab.frame_of(from)?;
        let adapters = format!("/sys/bus/vio/devices/{:x}/net", from.spec.management_unit());
        let listed = self.lab.guests.exec(&frame.console, &step.from, &["ls", &adapters], QUICK)?;
        let adapter = String::from_utf8_lossy(&listed.stdout).trim().to_owned();
        let address = match step.to.as_str() {
            "console" => frame.console_address(),
            other => lab::management_address(&self.lab.partition(other)?.spec),
        };
        let target = format!("{address}%{adapter}");
        let argv = ["ping6", "-c", "5", "-w", "20", &target];
        let done = self.lab.guests.exec(&frame.console, &step.from, &argv, Duration::from_secs(60))?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let line = said.lines().find(|line| line.contains("packet loss")).unwrap_or("ping6 said nothing of losses");
        let is_as_expected =
            if step.reachable { line.contains(" 0% packet loss") } else { line.contains("100% packet loss") };
        if is_as_expected {
            return Ok(format!("{} -> {} ({target}): {line}", step.from, step.to));
        }
        let said = format!("{line} {}", String::from_utf8_lossy(&done.stderr).trim());
        Err(Error::guest(&step.from, &format!("ping {} ({target})", step.to), said))
    }

    fn dlpar(&self, step: &Dlpar) -> Seen {
        let partition = self.lab.partition(&step.lpar)?;
        let done = dlpar::change(self.lab, partition, step.resource, step.action, step.amount);
        match (done, &step.refused) {
            (Ok(change), None) => {
                let told = change.agent.map(|report| format!("; its agent: {report}")).unwrap_or_default();
                Ok(format!(
                    "{} -> {} by QMP, {} -> {} in the partition{told}",
                    change.before, change.after, change.guest_before, change.guest_after
                ))
            }
            (Ok(change), Some(_)) => {
                Err(Error::Refused(format!("it was done, and should have been refused: {change:?}")))
            }
            (Err(error), Some(words)) if error.to_string().contains(words) => Ok(format!("refused: {error}")),
            (Err(error), _) => Err(error),
        }
    }

    fn exec(&self, step: &Exec) -> Seen {
        let partition = self.lab.partition(&step.lpar)?;
        let console = &self.lab.frame_of(partition)?.console;
        let argv: Vec<&str> = step.argv.iter().map(String::as_str).collect();
        let done = self.lab.guests.exec(console, &step.lpar, &argv, Duration::from_secs(120))?;
        let stdout = String::from_utf8_lossy(&done.stdout).into_owned();
        if let Some(name) = &step.keep {
            let path = self.lab.directory.join(name);
            std::fs::write(&path, &done.stdout).map_err(|source| Error::io("write", path.display(), source))?;
        }
        let found = step.stdout_contains.as_ref().is_none_or(|words| stdout.contains(words));
        if done.status == step.status && found {
            // A device tree's strings end with a zero byte, which logs and grep do not like.
            return Ok(stdout.lines().next().unwrap_or_default().replace(char::is_control, " ").trim().to_owned());
        }
        let said = format!("status {}, said: {stdout}{}", done.status, String::from_utf8_lossy(&done.stderr));
        Err(Error::guest(&step.lpar, &step.argv.join(" "), said))
    }

    fn migrate(&mut self, step: &Migrate) -> Seen {
        let partition = self.lab.partition(&step.lpar)?;
        let mut last = String::new();
        for (round, to) in (0..step.times).zip(step.to.iter().cycle()) {
            let mut options = Options { fault: step.fault, ..Options::default() };
            if let Some(seconds) = step.hook_deadline_s {
                options.hook_deadline = Duration::from_secs(seconds);
            }
            let journal = migrate(self.lab, partition, self.lab.frame(to)?, &options, &|_| ())?;
            if step.fault.is_none() && journal.phase() == Phase::Completed {
                self.blackouts_ms.extend(journal.blackout_ms);
                self.agents_back_ms.extend(journal.agent_back_ms);
            }
            judge(&journal, step)
                .map_err(|why| Error::Refused(format!("migration {} of {}: {why}", round + 1, step.times)))?;
            summary(&journal).trim().clone_into(&mut last);
        }
        Ok(if step.times == 1 { last } else { format!("{} migrations; the last one {last}", step.times) })
    }

    /// The second one starts as soon as the first one has the partition.
    fn migrate_twice(&mut self, step: &Migrate) -> Seen {
        let partition = self.lab.partition(&step.lpar)?;
        let to = self.lab.frame(&step.to[0])?;
        let (lab, options) = (self.lab, Options::default());
        let (begun, has_begun) = std::sync::mpsc::channel();
        let (first, second) = std::thread::scope(|scope| {
            let watch = move |journal: &Journal| {
                if journal.phase() == Phase::Preparing {
                    // The listener may have gone on.
                    let _ = begun.send(());
                }
            };
            let options = &options;
            let first = scope.spawn(move || migrate(lab, partition, to, options, &watch));
            let _ = has_begun.recv_timeout(QUICK);
            let second = migrate(lab, partition, to, options, &|_| ());
            (first.join(), second)
        });
        let first = first.map_err(|_| Error::Refused("the first migration panicked".into()))??;
        judge(&first, step).map_err(Error::Refused)?;
        match second {
            Err(error) if error.to_string().contains("one operation at a time") => {
                Ok(format!("the second was refused: {error}"))
            }
            Err(error) => Err(error),
            Ok(journal) => Err(Error::Refused(format!("the second one was not refused: {}", summary(&journal)))),
        }
    }

    /// Waits until there is another one that has its partitions again.
    fn kill_console(&self, system: &str) -> Seen {
        let frame = self.lab.frame(system)?;
        let before = frame.console.starts();
        frame.console.kill()?;
        let here = |partition: &&Partition| partition.view().system == system;
        let end = std::time::Instant::now() + QUICK;
        loop {
            let is_back = frame.console.starts() > before
                && self.lab.partitions.iter().filter(here).all(|partition| self.is_heard_by(frame, partition));
            if is_back {
                return Ok(format!("killed; process {} of {system} has taken over", frame.console.starts()));
            }
            if std::time::Instant::now() > end {
                return Err(Error::failed("wait for", system, "no console has taken over"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// By its channel, and where there is an agent by its session.
    fn is_heard_by(&self, frame: &Frame, partition: &Partition) -> bool {
        let name = &partition.spec.name;
        let has_session = || self.lab.agents.view(&frame.spec.name, name).is_active();
        frame.console.is_connected(name) && (!partition.spec.agent || has_session())
    }

    fn kernel_log(&self, step: &KernelLog) -> Seen {
        let partition = self.lab.partition(&step.lpar)?;
        let console = &self.lab.frame_of(partition)?.console;
        let done = self.lab.guests.exec(console, &step.lpar, &["dmesg"], QUICK)?;
        let log = String::from_utf8_lossy(&done.stdout).into_owned();
        let found: Vec<&str> = log.lines().filter(|line| line.contains(&step.contains)).collect();
        if found.len() >= step.at_least {
            return Ok(format!("{} times; the last: {}", found.len(), found.last().unwrap_or(&"")));
        }
        Err(Error::guest(&step.lpar, "show its kernel log", format!("{:?} comes {} times", step.contains, found.len())))
    }
}

/// Whether a migration ended as expected.
fn judge(journal: &Journal, step: &Migrate) -> Result<(), String> {
    let expected = match step.outcome {
        Expected::Completed => Phase::Completed,
        Expected::Either if journal.phase() == Phase::Completed => Phase::Completed,
        Expected::RolledBack | Expected::Either => Phase::RolledBack,
        Expected::Refused => Phase::Refused,
    };
    let reason = journal.reason.as_deref().unwrap_or_default();
    if journal.phase() != expected {
        return Err(format!("it ended {}, not {expected}: {}", journal.phase(), summary(journal).trim()));
    }
    match &step.because {
        Some(words) if !reason.contains(words) => Err(format!("the reason does not say '{words}': {reason}")),
        _ if step.outcome == Expected::Completed && step.fault.is_none() && !journal.warnings.is_empty() => {
            Err(format!("it completed with warnings: {}", journal.warnings.join("; ")))
        }
        _ if expected == Phase::RolledBack && !journal.warnings.is_empty() => {
            Err(format!("it was rolled back with warnings: {}", journal.warnings.join("; ")))
        }
        _ => Ok(()),
    }
}

pub(super) fn runs_once(lab: &Lab, partition: &Partition) -> Seen {
    let name = &partition.spec.name;
    let view = partition.view();
    let wrong = |why: String| Err(Error::guest(name, "run exactly once", why));
    let mut held = partition.take()?;
    let Some(body) = held.as_mut() else { return wrong("it does not run".into()) };
    let state = run_state(&mut body.qmp)?;
    if state != "running" {
        return wrong(format!("QEMU says {state}"));
    }
    let activated = lab.partitions.iter().filter(|other| other.view().state != State::NotActivated).count();
    let processes = qemu_processes()?;
    if processes != activated {
        return wrong(format!("{processes} QEMU processes for {activated} partitions"));
    }
    let frame = lab.frame(&view.system)?;
    let hello = lab.guests.hello(&frame.console, name, QUICK)?;
    if hello.boot_id != view.boot_id {
        return wrong("it has another boot id than at its start: it was booted again".into());
    }
    let serial = lab.guests.read(&frame.console, name, "/proc/device-tree/host-serial")?;
    let serial = String::from_utf8_lossy(&serial).trim_end_matches('\0').to_owned();
    if serial != frame.spec.serial {
        return wrong(format!("it believes to be on {serial}, and is on {} ({})", frame.spec.serial, view.system));
    }
    Ok(format!("on {}, up {:.0} s, {processes} QEMU in all", view.system, seconds(hello.uptime_ms)))
}

/// QEMU processes of the lab: its namespace has no others.
fn qemu_processes() -> Result<usize, Error> {
    let failed = |source| Error::io("list", "the lab's processes", source);
    let mut count = 0;
    for entry in std::fs::read_dir("/proc").map_err(failed)? {
        let status = entry.map_err(failed)?.path().join("status");
        // A process that ended while we looked is no process.
        let text = std::fs::read_to_string(status).unwrap_or_default();
        let is_zombie = text.lines().any(|line| line.starts_with("State:") && line.contains('Z'));
        if text.starts_with("Name:\tqemu-system-ppc") && !is_zombie {
            count += 1;
        }
    }
    Ok(count)
}

fn seconds(milliseconds: u64) -> f64 {
    Duration::from_millis(milliseconds).as_secs_f64()
}
