//! What performs requests: it takes its time, and notes what it did for whom.

use std::collections::BTreeMap;
use std::time::Duration;

use wire::hex::MigrationId;
use wire::message::answer::Failure;
use wire::message::migration::MigrationRecord;
use wire::message::{Answer, Request};
use wire::partition::{Input, Ticket};

/// A run of a console and a run of the agent.
type Runs = (u64, u64);

#[derive(Debug)]
struct Work {
    ends_at: Duration,
    ticket: Ticket,
    request: Request,
}

/// The engine.
#[derive(Debug, Default)]
pub struct Engine {
    works: Vec<Work>,
    settles_at: Option<Duration>,
    pub kernel_refuses: bool,
    /// How often each change was begun.
    pub begun: BTreeMap<(Runs, u64), u32>,
    /// Changes that ran at the same time as another.
    pub overlaps: u32,
}

fn only_looks(request: &Request) -> bool {
    matches!(request, Request::Inventory {})
}

fn failure(text: &str) -> Answer {
    Answer::Failed(Failure { text: text.into(), errno: None, firmware: None })
}

impl Engine {
    pub fn perform(&mut self, now: Duration, runs: Runs, ticket: Ticket, request: &Request) {
        if !only_looks(request) {
            *self.begun.entry((runs, ticket.id().0)).or_default() += 1;
            self.overlaps += u32::from(self.works.iter().any(|work| !only_looks(&work.request)));
        }
        let takes_ms = if only_looks(request) { 30 } else { 3000 };
        let ends_at = now + Duration::from_millis(takes_ms);
        self.works.push(Work { ends_at, ticket, request: request.clone() });
    }

    pub fn stop(&mut self, now: Duration, ticket: Ticket) {
        self.works.iter_mut().filter(|work| work.ticket == ticket).for_each(|work| work.ends_at = now);
    }

    /// The agent is gone.
    pub fn forget(&mut self) {
        self.works.clear();
        self.settles_at = None;
    }

    pub fn next_end(&self) -> Option<Duration> {
        self.works.iter().map(|work| work.ends_at).chain(self.settles_at).min()
    }

    pub fn take_end(&mut self, now: Duration) -> Option<Input> {
        if self.settles_at.take_if(|at| *at <= now).is_some() {
            return Some(Input::Settled { hooks: Vec::new() });
        }
        let index = self.works.iter().position(|work| work.ends_at <= now)?;
        let Work { ticket, request, .. } = self.works.remove(index);
        Some(match request {
            Request::Inventory {} => Input::Finished { ticket, answer: failure("looked") },
            Request::MigrationSuspend(_) if self.kernel_refuses => {
                Input::Finished { ticket, answer: failure("kernel") }
            }
            Request::MigrationSuspend(suspend) => {
                self.settles_at = Some(now + Duration::from_secs(2));
                Input::Resumed(record(suspend.migration))
            }
            _ => Input::Finished { ticket, answer: Answer::Done {} },
        })
    }
}

fn record(migration: MigrationId) -> MigrationRecord {
    let machine = super::machine();
    MigrationRecord { migration: Some(migration), from: machine.clone(), to: machine, suspended_ms: 3000 }
}
