//! Does what the agent decided, as far as it takes no time.

use std::time::Duration;

use nix::unistd::{geteuid, getpid};
use platform::console_string::{self, ConsoleString};
use wire::message::Answer;
use wire::message::answer::{Failure, Refusal, RefusalReason};
use wire::message::dlpar::Resize;
use wire::message::migration::{HookOutcome, MigrationRecord, NewIdentity};

use super::{Root, answers, consoles};
use crate::accounts;
use crate::agent::{Job, Origin, Output};
use crate::identity::{self, current_machine};
use crate::inventory::{self, Known};
use crate::log::{Chain, Entry, Level, Log};
use crate::migration::Journey;
use crate::parts::message::{Beginning, Consoles, FromRoot, Ticket, UserNumbers};
use crate::parts::start::Started;
use crate::resize::Step;
use crate::{random, trust};

impl Root {
    pub(super) fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Work(job) => {
                    // It writes to the same journal. One that could not be closed until now is told of once more.
                    self.is_settled &= !matches!(job, Job::Stage { .. } | Job::Mend(..));
                    self.worker.begin(job, self.config.hooks.clone());
                }
                Output::Stop => self.worker.stop(),
                Output::Inventory(origin) => self.read_for(origin),
                Output::Plan(origin, asked) => self.plan(origin, asked),
                Output::TakeIdentity(origin, new) => self.take_identity(origin, &new),
                Output::Answer(origin, answer) => self.answer(origin, answer),
                Output::Resumed(record, journey) => self.resumed(record, *journey),
                Output::Settled(hooks) => self.settled(hooks),
                Output::ConsolesChanged => self.consoles_changed(),
                Output::GivenUp => self.network.tell(&FromRoot::GivenUp),
                Output::Stayed => {
                    self.log.notice("the partition was to end and is still there: it takes requests again");
                    self.network.tell(&FromRoot::Stayed);
                }
                Output::Migrated(record) => self.note_migration(&record),
                Output::NotMigrated(why) => self.log.warning(format_args!("the partition did not migrate: {why}")),
            }
        }
    }

    /// Begins to read all there is; who asked hears it when it was read.
    pub(super) fn read_for(&mut self, origin: Origin) {
        if !self.reader.read(origin, self.changes, self.known()) {
            self.refuse_to_read(origin);
        }
    }

    fn refuse_to_read(&mut self, origin: Origin) {
        let text = "too many ask what there is; ask again later".to_owned();
        self.answer(origin, Answer::Refused(Refusal { reason: RefusalReason::Busy, text }));
    }

    pub(super) fn known(&self) -> Known {
        Known { phase: self.agent.phase(), last_migration: self.agent.last_migration().cloned() }
    }

    /// Begins to plan; who asked hears the plan when it is made.
    fn plan(&mut self, origin: Origin, asked: Resize) {
        if !self.reader.plan(origin, asked, self.config.hooks.clone()) {
            self.refuse_to_read(origin);
        }
    }

    fn take_identity(&mut self, origin: Origin, new: &NewIdentity) {
        let answer = match identity::take(&self.sysroot, new) {
            Ok(()) => {
                self.log.notice(format_args!("the partition is number {} of {} now", new.id, new.machine));
                self.changes += 1;
                self.machine = current_machine(&self.sysroot);
                self.network.tell(&FromRoot::Identity(inventory::greeting(&self.sysroot)));
                Answer::Done {}
            }
            Err(error) => Answer::Failed(Failure { text: Chain(&error).to_string(), errno: None, firmware: None }),
        };
        self.answer(origin, answer);
    }

    pub(super) fn answer(&mut self, origin: Origin, answer: Answer) {
        match origin {
            Origin::Console(ticket) => self.network.answer(ticket, answer),
            Origin::Control(id) => self.control.answer(id, &answers::answer(answer), false),
        }
    }

    pub(super) fn progressed(&mut self, origin: Origin, step: Step) {
        match origin {
            Origin::Console(ticket) => {
                let Step { done, of, text } = step;
                self.network.tell(&FromRoot::Progressed { ticket, done, of, text });
            }
            Origin::Control(id) => self.control.answer(id, &Ok(answers::progress(&step)), true),
        }
    }

    fn resumed(&mut self, record: MigrationRecord, journey: Journey) {
        self.changes += 1;
        self.network.tell(&FromRoot::Identity(inventory::greeting(&self.sysroot)));
        self.network.tell_surely(FromRoot::Resumed { record, console: journey.console });
        self.machine = current_machine(&self.sysroot);
    }

    /// A migration is over for the journal when what consoles must hear of it cannot get lost any more.
    fn settled(&mut self, hooks: Vec<HookOutcome>) {
        self.network.tell_surely(FromRoot::Settled { hooks });
        self.is_settled = true;
        self.save_unseen();
    }

    pub(super) fn save_unseen(&mut self) {
        if let Err(error) = self.network.save_unseen(&self.sysroot) {
            self.log.warning(format_args!("the next agent may not tell what this one could not: {}", Chain(&error)));
        }
        if self.is_settled && self.network.has_saved_unseen() {
            self.is_settled = false;
            self.worker.close(self.agent.last_migration().cloned());
        }
    }

    fn note_migration(&self, record: &MigrationRecord) {
        let MigrationRecord { migration, from, to, suspended_ms } = record;
        let name = migration.map(|migration| migration.to_string()).unwrap_or_default();
        let entry = Entry::new(
            Level::Notice,
            format_args!("the partition has moved from {from} to {to}; it stood still for {suspended_ms} ms"),
        );
        self.log.note(
            &entry
                .field("LPARD_MIGRATION", name)
                .field("LPARD_FROM", from)
                .field("LPARD_TO", to)
                .field("LPARD_SUSPENDED_MS", suspended_ms),
        );
    }

    /// Consoles want to know what the partition has, whoever changed it.
    pub(super) fn tell_size(&mut self) {
        self.changes += 1;
        self.network.tell_surely(FromRoot::Happened(inventory::resized(&self.sysroot)));
    }

    /// Trusted consoles or the configuration have changed: worth a call at once.
    pub(super) fn consoles_changed(&mut self) {
        let log = self.log.clone();
        self.read_trust(&log);
        let consoles = self.consoles(&log);
        self.network.tell_consoles(consoles);
        self.choose_mode();
    }

    /// Nobody answers. An adapter may have come since it was looked for, the hypervisor may name another console, and who moved
    /// the partition may have brought RSCT.
    pub(super) fn look_for_consoles(&mut self) {
        // What is wrong with a file was said when it was read first.
        let log = Log::nowhere();
        self.read_trust(&log);
        let consoles = self.consoles(&log);
        if !self.network.knows(&consoles) {
            self.log.info("there are other consoles to call, or another way to them");
            self.network.tell_consoles(consoles);
        }
        self.choose_mode();
    }

    fn read_trust(&mut self, log: &Log) {
        match trust::list(&self.sysroot, log) {
            Ok(trusted) => self.trusted = trusted,
            Err(error) => log.error(Chain(&error)),
        }
    }

    fn consoles(&mut self, log: &Log) -> Consoles {
        let adapters = platform::adapter::read(&self.sysroot).unwrap_or_default();
        let named = self.config.console.adapter.as_deref();
        self.management.choose(named, &adapters);
        let interface = self.management.interface().map(str::to_owned);
        let all = consoles::consoles(&self.config.console, &self.trusted, interface.clone(), &self.announced(log));
        let all = consoles::with_first(all, consoles::last(&self.sysroot).as_ref());
        if all.first_use && self.config.console.discover && named.is_none() {
            log.warning(
                "nobody is asked whom to trust first: that might be a stranger; name the management adapter \
                 (console.adapter), or a console's address",
            );
        }
        match interface.filter(|name| consoles::is_without_link(name, &adapters)) {
            Some(interface) => consoles::not_through(&interface, all),
            None => all,
        }
    }

    /// The consoles that the hypervisor names; a firmware that says none, or nothing that can be read, is no obstacle.
    fn announced(&self, log: &Log) -> Vec<ConsoleString> {
        console_string::read(&self.sysroot).unwrap_or_else(|error| {
            log.info(format_args!("ask the hypervisor for consoles: {}", Chain(&error)));
            Vec::new()
        })
    }

    pub(super) fn start_network_part(&mut self, now: Duration) {
        if !self.network.is_due(now) {
            return;
        }
        let (place, log) = (self.place.clone(), self.log.clone());
        let mut network = std::mem::take(&mut self.network);
        network.start_if_due(now, &place, &log, |started, tickets_after| self.beginning(started, tickets_after));
        self.network = network;
    }

    /// The network part is not in its place meanwhile: what is to be known of it is handed in.
    fn beginning(&mut self, started: &Started, tickets_after: Ticket) -> Result<Beginning, String> {
        let log = self.log.clone();
        let consoles = self.consoles(&log);
        let key = trust::own_key(&self.sysroot, &random::fill).map_err(|error| Chain(&error).to_string())?;
        Ok(Beginning {
            become_user: self.user_of(started)?,
            key: key.as_pkcs8().to_vec(),
            run: random::run().ok_or("the system gives no randomness")?,
            tickets_after,
            identity: inventory::greeting(&self.sysroot),
            consoles,
            parent: getpid().as_raw(),
        })
    }

    /// Where systemd starts the network part it is somebody else already; who is not root cannot become anybody.
    fn user_of(&self, started: &Started) -> Result<Option<UserNumbers>, String> {
        if started.is_confined_by_systemd() || !geteuid().is_root() {
            return Ok(None);
        }
        let name = &self.config.network.user;
        let user = accounts::user(&self.sysroot, name).map_err(|error| Chain(&error).to_string())?;
        let user = user.ok_or_else(|| {
            format!("there is no user '{name}' (network.user); make it with systemd-sysusers, or name another one")
        })?;
        if user.uid == 0 {
            return Err(format!(
                "'{name}' (network.user) is root, whom the part with the network must not be; name another one"
            ));
        }
        Ok(Some(UserNumbers { uid: user.uid, gid: user.gid }))
    }
}
