//! `-c cpu`: prints the name of each processor that was added or removed, one a line.

use std::num::NonZeroU32;

use lpard::dlpar::outcome::{Outcome, Shortfall};
use lpard::dlpar::plan::Refusal;
use lpard::dlpar::request::{Change, CpuChoice, Request, Terms};
use lpard::dlpar::step::Step;

use super::{Acted, Handled, Session, parameter, smt};
use crate::capabilities::Capability;
use crate::exit::Exit;
use crate::hooks::{Occasion, Phase};

/// Console software counts the printed names: a part of what it asked for is welcome.
const TERMS: Terms = Terms { partial: true };

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(change) = session.change() else {
        session.say.error("The '-r' or '-a' option must be specified for CPU operations.");
        return Exit::Failed;
    };
    if !Capability::Cpu.is_there(session.sysroot, session.say) {
        session.say.error("CPU DLPAR capability is not enabled on this platform.");
        return Exit::Failed;
    }
    match session.options.parameter.as_deref() {
        Some("smt_threads") => smt::run(session, change),
        Some(name) => parameter::run(session, change, name),
        None => resize(session, change),
    }
}

fn resize(session: &mut Session<'_, '_>, change: Change) -> Exit {
    let which = match choice(session) {
        Ok(which) => which,
        Err(reason) => {
            session.say.error(&reason);
            return Exit::Failed;
        }
    };
    let asked = if let CpuChoice::Count(count) = which { count.get() } else { 1 };
    let action = if change == Change::Add { "add" } else { "remove" };
    let occasion = |count| Occasion { kind: "cpu", action, count };
    session.hooks(occasion(asked), Phase::Pre);
    let (exit, amount) = match session.handle(&Request::Cpu { change, which }, TERMS) {
        Handled::Printed => (Exit::Done, 0),
        Handled::Blind(reason) => {
            session.say.error(&format!("Could not initialize Dynamic Reconfiguration information.\n{reason}"));
            (Exit::Failed, 0)
        }
        Handled::Refused(refusal) => {
            session.say.error(&format!("Could not {action}: {refusal}"));
            (of_refusal(&refusal), 0)
        }
        Handled::Acted(acted) => {
            report(session, &acted.outcome);
            (of_outcome(change, &acted), acted.outcome.amount())
        }
    };
    session.hooks(occasion(amount), Phase::Post);
    exit
}

/// `-s 0xINDEX`, `-s NAME`, or `-q COUNT`, which is 1 unless given.
pub(super) fn choice(session: &Session<'_, '_>) -> Result<CpuChoice, String> {
    match session.options.selector.as_deref() {
        Some(index) if index.starts_with("0x") => {
            index.parse().map(CpuChoice::Index).map_err(|error| format!("{error}"))
        }
        Some(name) => Ok(CpuChoice::Name(name.to_owned())),
        None => count(session).map(CpuChoice::Count),
    }
}

/// `-q`, which is 1 unless given.
pub(super) fn count(session: &Session<'_, '_>) -> Result<NonZeroU32, String> {
    let quantity = session.options.quantity.unwrap_or(1);
    let count = u32::try_from(quantity).ok().and_then(NonZeroU32::new);
    count.ok_or_else(|| format!("The quantity {quantity} is not a number of things that can be added or removed"))
}

fn report(session: &mut Session<'_, '_>, outcome: &Outcome) {
    for step in &outcome.done {
        if let Step::Cpu { name, .. } = step {
            session.print(&format!("{name}\n"));
        }
    }
    if !outcome.is_complete() {
        session.say.error(&format!("{} of {} processors done", outcome.amount(), outcome.asked));
    }
}

fn of_refusal(refusal: &Refusal) -> Exit {
    match refusal {
        Refusal::LastProcessor | Refusal::Unsupported(_) | Refusal::NothingListed(_) => Exit::Failed,
        _ => Exit::Refused,
    }
}

/// Whoever printed at least one name and ran out of candidates ends well. What the kernel refused last decides otherwise.
fn of_outcome(change: Change, Acted { plan, outcome }: &Acted) -> Exit {
    let last_failed = outcome.failed.last().map(|failure| &failure.step) == plan.attempts.last();
    match (&outcome.shortfall, change) {
        (Some(Shortfall::Limit(Refusal::LastProcessor) | Shortfall::Journal(_) | Shortfall::Deadline), _) => {
            Exit::Failed
        }
        (Some(Shortfall::Refused), Change::Add) if last_failed => Exit::Refused,
        (Some(Shortfall::Refused), Change::Remove) if last_failed => Exit::Failed,
        (Some(_), _) if outcome.done.is_empty() => Exit::Refused,
        _ => Exit::Done,
    }
}
