//! What a killed engine left behind, and how it is put in order.

use sysroot::Sysroot;

use super::{Entry, Journal, Line, PATH, boot_id};
use crate::dlpar::act::{Actor, Watch};
use crate::dlpar::effect::was_done;
use crate::dlpar::inventory::ObserveError;
use crate::dlpar::kernel::Kernel;
use crate::dlpar::outcome::Failure;
use crate::dlpar::step::Step;

/// An operation that was begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What had been asked.
    pub request: String,
    /// Whether what was done may stay.
    pub partial: bool,
    /// Whether each step needs those before it.
    pub in_order: bool,
    /// The steps that were done and not undone.
    pub done: Vec<Step>,
    /// The step of which is only known that it began.
    pub in_flight: Option<Step>,
}

/// What was found and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Recovery {
    /// What had been asked.
    pub request: String,
    /// The steps that were done and stay: a part was allowed, or they cannot be undone.
    pub kept: Vec<Step>,
    /// The steps that were taken back.
    pub undone: Vec<Step>,
    /// The steps that could not be taken back.
    pub stuck: Vec<Failure>,
    /// A step of which it cannot be told whether it was done.
    pub unknown: Option<Step>,
}

/// Why a leftover could not be put in order.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The journal cannot be read.
    #[error(transparent)]
    Os(#[from] sysroot::Error),
    /// The partition cannot be looked at.
    #[error(transparent)]
    Observe(#[from] ObserveError),
}

/// Reads what was left behind, if anything was. What was left before the last boot is history.
pub fn leftover(sysroot: &Sysroot) -> sysroot::Result<Option<Leftover>> {
    let Some(text) = sysroot.read_text_if_present(PATH)? else { return Ok(None) };
    Ok(parse(&text, &boot_id(sysroot)))
}

/// Takes back what a leftover did, or lets it stand where that was agreed. The caller holds the lock and says so in the
/// journal's next operation.
pub fn recover(
    leftover: Leftover,
    kernel: &mut dyn Kernel,
    journal: &mut dyn Journal,
    watch: &mut Watch<'_>,
) -> Result<Recovery, RecoverError> {
    let mut recovery =
        Recovery { request: leftover.request, kept: leftover.done, undone: vec![], stuck: vec![], unknown: None };
    if let Some(step) = leftover.in_flight {
        match was_done(&step, kernel)? {
            Some(true) => recovery.kept.push(step),
            Some(false) => {}
            None if !leftover.partial && step.is_state() && kernel.perform(&step.undo()).is_ok() => {
                recovery.undone.push(step);
            }
            None => recovery.unknown = Some(step),
        }
    }
    let mut actor = Actor { kernel, journal, watch };
    if !leftover.partial {
        let done = std::mem::take(&mut recovery.kept);
        let taken = actor.take_back(done, leftover.in_order);
        (recovery.kept, recovery.stuck) = (taken.kept, taken.stuck);
        recovery.undone.extend(taken.undone);
    }
    actor.close();
    Ok(recovery)
}

/// The last operation in the journal, when it was not closed. A torn last line is one that was not written.
fn parse(text: &str, boot: &str) -> Option<Leftover> {
    let mut open: Option<Leftover> = None;
    for line in text.lines() {
        let Ok(Line { boot: written_in, entry }) = serde_json::from_str(line) else { continue };
        if written_in != boot {
            continue;
        }
        match (entry, &mut open) {
            (Entry::Opened { request, partial, in_order }, open) => {
                *open = Some(Leftover { request, partial, in_order, done: vec![], in_flight: None });
            }
            (Entry::Closed, open) => *open = None,
            (Entry::Began { step }, Some(left)) => left.in_flight = Some(step),
            (Entry::Failed { .. }, Some(left)) => left.in_flight = None,
            (Entry::Done { step }, Some(left)) => {
                left.in_flight = None;
                left.done.push(step);
            }
            (Entry::Undone { step }, Some(left)) => left.done.retain(|done| *done != step),
            (_, None) => {}
        }
    }
    open
}
