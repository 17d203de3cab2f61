//! `-c mem`: prints `DR_TOTAL_RESOURCES=N`, the number of memory blocks that were added or removed.

use lpard::dlpar::request::{Change, MemoryChoice, Request, Terms};

use super::{Handled, Session, cpu, parameter};
use crate::capabilities::Capability;
use crate::exit::Exit;

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(change) = session.change() else {
        session.say.error("The '-r' or '-a' option must be specified for memory operations");
        return Exit::Failed;
    };
    if let Some(name) = session.options.parameter.as_deref() {
        return parameter::run(session, change, name);
    }
    if !Capability::Memory.is_there(session.sysroot, session.say) {
        session.say.error("DLPAR memory operations are not supported on this kernel.");
        return Exit::Failed;
    }
    resize(session, change)
}

fn resize(session: &mut Session<'_, '_>, change: Change) -> Exit {
    let terms = Terms { partial: session.options.partial };
    let handled = match choice(session) {
        Ok(which) => session.handle(&Request::Memory { change, which }, terms),
        Err(reason) => Handled::Blind(reason),
    };
    let (exit, amount) = match handled {
        Handled::Printed => return Exit::Done,
        Handled::Blind(reason) => {
            session.say.error(&reason);
            (Exit::Failed, 0)
        }
        Handled::Refused(refusal) => {
            session.say.error(&format!("Could not {change}: {refusal}"));
            (Exit::Failed, 0)
        }
        Handled::Acted(acted) => {
            let outcome = &acted.outcome;
            if !outcome.is_complete() {
                session.say.error(&format!("{} of {} memory blocks done", outcome.amount(), outcome.asked));
            }
            let exit = if outcome.is_complete() { Exit::Done } else { Exit::Failed };
            (exit, outcome.amount())
        }
    };
    session.print(&format!("DR_TOTAL_RESOURCES={amount}\n"));
    exit
}

/// `-s 0xINDEX` or `-q COUNT`. Memory blocks have no names that the kernel knows.
fn choice(session: &Session<'_, '_>) -> Result<MemoryChoice, String> {
    match session.options.selector.as_deref() {
        Some(index) => {
            index.parse().map(MemoryChoice::Index).map_err(|error| format!("Memory is selected by index: {error}"))
        }
        None => cpu::count(session).map(MemoryChoice::Count),
    }
}
