//! `-p ent_capacity` and `-p variable_weight`: raises or lowers a parameter of the partition by `-q`.

use lpard::dlpar::plan::Refusal;
use lpard::dlpar::request::{Change, Parameter, Request, Target, Terms};

use super::{Handled, Session};
use crate::capabilities::Capability;
use crate::exit::Exit;
use crate::options::Connector;

pub(super) fn run(session: &mut Session<'_, '_>, change: Change, name: &str) -> Exit {
    let is_memory = session.options.connector == Some(Connector::Memory);
    let (capability, what) =
        if is_memory { (Capability::MemoryEntitlement, "Memory") } else { (Capability::CpuEntitlement, "CPU") };
    if !capability.is_there(session.sysroot, session.say) {
        session.say.error(&format!("{what} entitlement capability is not enabled on this platform."));
        return Exit::Failed;
    }
    let parameter = match (is_memory, name) {
        (false, "ent_capacity") => Parameter::CpuEntitlement,
        (false, "variable_weight") => Parameter::CpuWeight,
        (true, "ent_capacity") => Parameter::MemoryEntitlement,
        (true, "variable_weight") => Parameter::MemoryWeight,
        _ => {
            session.say.error(&format!("The entitlement parameter \"{name}\" is not recognized"));
            return Exit::Failed;
        }
    };
    let by = session.options.quantity.unwrap_or(1);
    let target = if change == Change::Add { Target::Raise(by) } else { Target::Lower(by) };
    match session.handle(&Request::Parameter { parameter, target }, Terms::default()) {
        Handled::Printed => Exit::Done,
        Handled::Acted(acted) if acted.outcome.is_complete() => Exit::Done,
        Handled::Acted(_) => failed(session, name, None, Exit::Failed),
        Handled::Blind(reason) => failed(session, name, Some(reason), Exit::Failed),
        Handled::Refused(refusal @ Refusal::OutOfRange { .. }) => {
            failed(session, name, Some(refusal.to_string()), Exit::Refused)
        }
        Handled::Refused(refusal) => failed(session, name, Some(refusal.to_string()), Exit::Failed),
    }
}

fn failed(session: &mut Session<'_, '_>, name: &str, reason: Option<String>, exit: Exit) -> Exit {
    if let Some(reason) = reason {
        session.say.error(&reason);
    }
    session.say.error(&format!("Could not update system parameter {name}"));
    exit
}
