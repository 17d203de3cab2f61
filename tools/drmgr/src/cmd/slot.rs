//! `-c slot` and `-c phb`: slots and host bridges come, go, and are asked about (`-Q`).

use lpard::dlpar::inventory::{Inventory, Place};
use lpard::dlpar::plan::Refusal;
use lpard::dlpar::request::{Change, PlaceChoice, PlaceKind, Request, Terms};

use super::{Handled, Session, ending};
use crate::capabilities::Capability;
use crate::exit::Exit;
use crate::options::{Action, Connector};
use crate::run::WithSource;

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let (kind, capability) = match session.options.connector {
        Some(Connector::Phb) => (PlaceKind::Bridge, Capability::Phb),
        _ => (PlaceKind::Slot, Capability::Slot),
    };
    let Some(selector) = session.options.selector.clone() else {
        session.say.error("A drc name must be specified");
        return Exit::Failed;
    };
    let which = match PlaceChoice::parse(&selector) {
        Ok(which) => which,
        Err(error) => {
            session.say.error(&error.to_string());
            return Exit::Failed;
        }
    };
    if !capability.is_there(session.sysroot, session.say) {
        session.say.error(&format!("DLPAR {} operations are not supported on this kernel.", kind.name()));
        return Exit::Failed;
    }
    match session.options.action {
        Some(Action::Query) => query(session, kind, &which),
        Some(Action::Add) => change(session, &Request::Place { change: Change::Add, kind, which }),
        Some(Action::Remove) => change(session, &Request::Place { change: Change::Remove, kind, which }),
        _ => {
            let name = kind.name();
            session.say.error(&format!("The '-r', '-a', or '-Q' option must be specified for {name} operations."));
            Exit::Failed
        }
    }
}

/// The answer is the exit status.
fn query(session: &mut Session<'_, '_>, kind: PlaceKind, which: &PlaceChoice) -> Exit {
    let request = Request::Place { change: Change::Remove, kind, which: which.clone() };
    let places = match Inventory::read(session.sysroot, &request) {
        Ok(inventory) => inventory.places,
        Err(error) => {
            session.say.error(&WithSource(&error).to_string());
            return Exit::Failed;
        }
    };
    match places.iter().find(|place| which.means(place)) {
        None => Exit::Nonexistent,
        // A bridge that the partition does not have is none; a slot is somebody else's.
        Some(Place { owned: false, .. }) if kind == PlaceKind::Bridge => Exit::Nonexistent,
        Some(Place { owned: false, .. }) => {
            session.say.error(&format!("{which} not owned by partition"));
            Exit::NotOwned
        }
        Some(Place { needed: Some(needed), .. }) => {
            session.say.error(&format!("{which} is in use: {needed}"));
            Exit::Refused
        }
        Some(_) => Exit::LinuxSlot,
    }
}

fn change(session: &mut Session<'_, '_>, request: &Request) -> Exit {
    match session.handle(request, Terms::default()) {
        Handled::Printed => Exit::Done,
        Handled::Blind(reason) => {
            session.say.error(&reason);
            Exit::Failed
        }
        Handled::Refused(refusal) => {
            session.say.error(&format!("Could not {request}: {refusal}"));
            of_refusal(request, &refusal)
        }
        Handled::Acted(acted) => {
            if acted.outcome.is_complete() {
                return Exit::Done;
            }
            session.say.error(&ending(&acted.outcome));
            Exit::Failed
        }
    }
}

fn of_refusal(request: &Request, refusal: &Refusal) -> Exit {
    let (change, kind) = match request {
        Request::Place { change, kind, .. } => (*change, *kind),
        _ => return Exit::Failed,
    };
    match refusal {
        Refusal::Unknown { .. } if change == Change::Remove => Exit::Nonexistent,
        // As for a query: a bridge that the partition does not have is none.
        Refusal::Absent { .. } if kind == PlaceKind::Bridge => Exit::Nonexistent,
        Refusal::Present { .. } => Exit::Owned,
        Refusal::Absent { .. } => Exit::NotOwned,
        _ => Exit::Failed,
    }
}
