//! A change of what the partition has, from a console's words to the engine's and back.
//!
//! ```text
//! wire::Resize -> translate -> dlpar::Request -> lock -> leftover mended -> plan -> hooks -> act -> report -> ResizeOutcome
//! ```

mod report;
mod translate;

use std::time::{Duration, Instant};

use nix::errno::Errno;
use platform::slot;
use sysroot::Sysroot;
use wire::message::dlpar::{Cause, Resize, ResizeOutcome, Shortfall};

use crate::dlpar::act::{Progress, Watch, act};
use crate::dlpar::inventory::ObserveError;
use crate::dlpar::journal::{OnDisk, Recovery, leftover, recover};
use crate::dlpar::kernel::{Kernel as _, Live};
use crate::dlpar::lock;
use crate::dlpar::plan::{Plan, plan};
use crate::dlpar::request::{CardTask, CardWay, Change, PlaceChoice, PlaceKind, Request, Terms};
use crate::hooks::{Fact, Point, Runner};
use crate::log::{Chain, Log};

use report::{Ask, short};
use translate::Task;

/// Whoever asks hears of every step.
pub(crate) type Heard<'a> = &'a mut dyn FnMut(Step);

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) done: u32,
    pub(crate) of: u32,
    pub(crate) text: String,
}

/// Does what is asked, or says why not.
pub(crate) fn resize(hooks: &Runner<'_>, asked: &Resize, heard: Heard<'_>) -> ResizeOutcome {
    let ask = Ask::of(&asked.change);
    let sysroot = hooks.sysroot;
    let request = match translate::task(&asked.change) {
        Ok(Task::Change(request)) => request,
        Ok(Task::Query(kind, which)) => return query(sysroot, &ask, kind, &which),
        Err(reason) => return ask.refused(short(Cause::Incapable, reason)),
    };
    let request = match of_card(sysroot, &request) {
        Ok(of_card) => of_card.unwrap_or(request),
        Err(error) => return ask.refused(blind(&ObserveError::from(error))),
    };
    let began = Instant::now();
    let deadline = Duration::from_millis(asked.deadline_ms);
    let terms = Terms { partial: asked.allow_partial };
    if asked.dry_run {
        return match planned(sysroot, &request, terms, &ask) {
            Ok(plan) => report::planned(&ask, &plan),
            Err(refused) => refused,
        };
    }
    let _lock = match lock::take(sysroot, deadline, "lpard resize") {
        Ok(guard) => guard,
        Err(error) => return ask.refused(short(Cause::Locked, Chain(&error))),
    };
    mend(sysroot, hooks.log);
    let plan = match planned(sysroot, &request, terms, &ask) {
        Ok(plan) => plan,
        Err(refused) => return refused,
    };
    if let Some(before) = ask.occasion(Point::DlparPre, &request) {
        // Who waited for the lock has less left.
        let left = deadline.saturating_sub(began.elapsed());
        let before = hooks.run(&before, &[], left, &|| false, &mut |_| ());
        if let Some(veto) = before.failure() {
            return ask.refused(short(Cause::Hook, veto.sentence()));
        }
    }
    let outcome = perform(sysroot, &plan, &|| began.elapsed() >= deadline, heard);
    let answer = report::outcome(&ask, &outcome);
    if let Some(after) = ask.occasion(Point::DlparPost, &request) {
        let after = after.with(Fact::Outcome, report::word(answer.verdict));
        // Its failures are in the log; what was done is done.
        let _ = hooks.run(&after, &[], deadline, &|| false, &mut |_| ());
    }
    answer
}

/// The same for the card of a physical slot, when it is one that is meant: a console knows of adapters in slots only.
fn of_card(sysroot: &Sysroot, request: &Request) -> platform::Result<Option<Request>> {
    let Request::Place { change, kind: PlaceKind::Slot, which } = request else { return Ok(None) };
    let slots = slot::physical_slots(sysroot)?;
    if !slots.iter().any(|slot| which.means_slot(&slot.connector)) {
        return Ok(None);
    }
    let task = match change {
        Change::Add => CardTask::Add,
        Change::Remove => CardTask::Remove,
    };
    Ok(Some(Request::Card { task, which: which.clone(), way: CardWay::default() }))
}

fn query(sysroot: &Sysroot, ask: &Ask, kind: PlaceKind, which: &PlaceChoice) -> ResizeOutcome {
    let request = Request::Place { change: Change::Remove, kind, which: which.clone() };
    let look = || {
        let of_card = of_card(sysroot, &request)?.unwrap_or(request);
        Live::new(sysroot).observe(&of_card)
    };
    match look() {
        Ok(inventory) => match inventory.cards.iter().find(|card| which.means_card(card)) {
            Some(card) => report::found_card(ask, card),
            None => report::found(ask, inventory.places.iter().find(|place| which.means(place))),
        },
        Err(error) => ask.refused(blind(&error)),
    }
}

fn blind(error: &ObserveError) -> Shortfall {
    short(Cause::Kernel, format_args!("look at the partition: {}", Chain(error)))
}

fn planned(sysroot: &Sysroot, request: &Request, terms: Terms, ask: &Ask) -> Result<Plan, ResizeOutcome> {
    let inventory = Live::new(sysroot).observe(request).map_err(|error| ask.refused(blind(&error)))?;
    plan(request, terms, &inventory).map_err(|refusal| ask.refused(report::refusal(&refusal)))
}

fn perform(
    sysroot: &Sysroot,
    plan: &Plan,
    expired: &dyn Fn() -> bool,
    heard: Heard<'_>,
) -> crate::dlpar::outcome::Outcome {
    let (mut done, of) = (0, plan.quota);
    let mut progress = |progress: Progress<'_>| {
        match &progress {
            Progress::Done(step) => done += step.amount(),
            Progress::Undone(step) => done = done.saturating_sub(step.amount()),
            Progress::Begin(_) | Progress::Failed(..) => {}
        }
        heard(Step { done, of, text: report::progress(&progress) });
    };
    let mut watch = Watch { progress: &mut progress, expired };
    act(plan, &mut Live::new(sysroot), &mut OnDisk::new(sysroot), &mut watch)
}

/// Puts in order what a killed engine left; at the agent's start, and under the lock before the next change. What cannot be
/// put in order is reported; it does not keep the partition from being changed.
pub(crate) fn mend(sysroot: &Sysroot, log: &Log) {
    let left = match leftover(sysroot) {
        Ok(Some(left)) => left,
        Ok(None) => return,
        Err(error) => return log.error(format_args!("read what an earlier change left: {}", Chain(&error))),
    };
    let mut watch = Watch { progress: &mut |_| (), expired: &|| false };
    match recover(left, &mut Live::new(sysroot), &mut OnDisk::new(sysroot), &mut watch) {
        Ok(recovery) => log.notice(mended(&recovery)),
        Err(error) => log.error(format_args!("put in order what an earlier change left: {}", Chain(&error))),
    }
}

fn mended(Recovery { request, kept, undone, stuck, unknown }: &Recovery) -> String {
    let mut text = format!(
        "'{request}' was not over when its engine ended: {} steps taken back, {} stay, {} cannot be taken back",
        undone.len(),
        kept.len(),
        stuck.len()
    );
    if let Some(step) = unknown {
        text.push_str(&format!(", and whether it came to '{step}' cannot be told"));
    }
    text
}

/// The same at the agent's start, under the lock; who holds it is changing the partition and mends by itself.
pub(crate) fn mend_at_start(sysroot: &Sysroot, log: &Log) {
    if let Ok(_lock) = lock::take(sysroot, Duration::ZERO, "lpard start") {
        mend(sysroot, log);
    }
}

/// An errno as the session carries it.
fn number(errno: Errno) -> i32 {
    errno as i32
}

#[cfg(test)]
mod tests;
