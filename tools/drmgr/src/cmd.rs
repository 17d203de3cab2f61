//! One file a connector type.

mod accelerator;
mod cpu;
mod memory;
mod migration;
mod parameter;
mod pci;
mod port;
mod reassignment;
mod slot;
mod smt;

use std::io::Write;

use lpard::dlpar::act::{Progress, Watch, act};
use lpard::dlpar::journal::{Journal, Nowhere, OnDisk};
use lpard::dlpar::kernel::{Kernel, Live};
use lpard::dlpar::outcome::{Outcome, Shortfall};
use lpard::dlpar::plan::{Plan, Refusal, plan};
use lpard::dlpar::request::{Change, Request, Terms};
use lpard::dlpar::step::Step;
use sysroot::Sysroot;

use crate::exit::Exit;
use crate::hooks::{self, Occasion, Phase};
use crate::options::{Action, Connector, Options};
use crate::run::WithSource;
use crate::say::{Level, Say};

/// What a command works with.
pub(crate) struct Session<'a, 'b> {
    pub(crate) sysroot: &'a Sysroot,
    pub(crate) options: &'a Options,
    pub(crate) say: &'a mut Say<'b>,
    pub(crate) out: &'a mut dyn Write,
}

/// What came of handing a request to the engine.
pub(crate) enum Handled {
    /// It was acted on.
    Acted(Box<Acted>),
    /// It cannot be fulfilled, and nothing was done.
    Refused(Refusal),
    /// What there is could not be read, and nothing was done.
    Blind(String),
    /// The plan was printed: `--dry-run`.
    Printed,
}

/// A plan and what came of it.
pub(crate) struct Acted {
    pub(crate) plan: Plan,
    pub(crate) outcome: Outcome,
}

/// Finds the command that the options name and runs it.
pub(crate) fn run(session: &mut Session<'_, '_>) -> Exit {
    if session.options.reassignments.is_some() {
        return reassignment::run(session);
    }
    if session.options.action == Some(Action::Migrate) {
        return migration::run(session);
    }
    if session.options.selector.as_deref().is_some_and(|name| name.starts_with("HEA")) {
        return port::run(session);
    }
    match session.options.connector {
        Some(Connector::Cpu) => cpu::run(session),
        Some(Connector::Memory) => memory::run(session),
        Some(Connector::Migration | Connector::Hibernation) => migration::run(session),
        Some(Connector::Accelerator) => accelerator::run(session),
        Some(Connector::Port) => port::run(session),
        Some(Connector::Slot | Connector::Phb) => slot::run(session),
        Some(Connector::Pci) => pci::run(session),
        None => {
            session.say.error("A connector type (-c) must be specified");
            Exit::Failed
        }
    }
}

impl Session<'_, '_> {
    /// Plans a request and acts on the plan.
    pub(crate) fn handle(&mut self, request: &Request, terms: Terms) -> Handled {
        let inventory = match Live::new(self.sysroot).observe(request) {
            Ok(inventory) => inventory,
            Err(error) => return Handled::Blind(WithSource(&error).to_string()),
        };
        let plan = match plan(request, terms, &inventory) {
            Ok(plan) => plan,
            Err(refusal) => return Handled::Refused(refusal),
        };
        if self.options.dry_run {
            self.print(&plan.to_string());
            return Handled::Printed;
        }
        let mut outcome = self.act(&plan, &mut OnDisk::new(self.sysroot));
        if let Some(Shortfall::Journal(error)) = &outcome.shortfall {
            if outcome.is_untouched() {
                // A full disk must not keep a partition from getting memory; what is lost is the way back after a crash.
                self.say.error(&format!("Going on without a journal: {error}"));
                outcome = self.act(&plan, &mut Nowhere);
            }
        }
        Handled::Acted(Box::new(Acted { plan, outcome }))
    }

    fn act(&mut self, plan: &Plan, journal: &mut dyn Journal) -> Outcome {
        let say = &mut *self.say;
        let mut progress = |progress: Progress<'_>| tell(say, progress);
        let mut watch = Watch { progress: &mut progress, expired: &|| false };
        act(plan, &mut Live::new(self.sysroot), journal, &mut watch)
    }

    /// Runs all hooks of a phase; false when one of them failed. A dry run prints which, and none of them has a say.
    pub(crate) fn hooks(&mut self, occasion: Occasion, phase: Phase) -> bool {
        if !self.options.dry_run {
            return hooks::run(self.sysroot, self.say, occasion, phase);
        }
        self.print(&hooks::plan(self.sysroot, occasion, phase));
        true
    }

    /// Writes to standard output. A reader that went away changes nothing of what was done.
    pub(crate) fn print(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
    }

    /// Add or remove, for commands that know nothing else.
    pub(crate) fn change(&self) -> Option<Change> {
        match self.options.action {
            Some(Action::Add) => Some(Change::Add),
            Some(Action::Remove) => Some(Change::Remove),
            _ => None,
        }
    }
}

fn tell(say: &mut Say<'_>, progress: Progress<'_>) {
    match progress {
        Progress::Begin(step) => {
            say.detail(&format!("Initiating: {}", step.deed()));
            say.flush();
        }
        Progress::Done(_) => say.detail("Success"),
        Progress::Failed(step, error) => {
            if let Some(line) = error.status().and_then(|status| known_words(step, status)) {
                say.error(&line);
            }
            say.say(Level::Error, &format!("Failed to {step}: {error}\n"));
        }
        Progress::Undone(step) => say.say(Level::Warning, &format!("Undone: {step}\n")),
    }
}

/// How it ended. What was refused was said when it was.
fn ending(outcome: &Outcome) -> String {
    Outcome { failed: Vec::new(), ..outcome.clone() }.to_string()
}

/// What consoles have always shown of a firmware that refuses.
fn known_words(step: &Step, status: i32) -> Option<String> {
    Some(match step {
        Step::Allocation { change: Change::Add, index } => {
            format!("Allocation failed for drc {:x} with {status}", index.0)
        }
        Step::Allocation { change: Change::Remove, index } => {
            format!("Unable to un-allocate drc {:x} from the partition ({status})", index.0)
        }
        Step::Isolation { change: Change::Add, index } => {
            format!("Unisolate failed for drc {:x} with {status}", index.0)
        }
        Step::Isolation { change: Change::Remove, index } => {
            format!("Isolation failed for {:x} with {status}", index.0)
        }
        _ => return None,
    })
}
