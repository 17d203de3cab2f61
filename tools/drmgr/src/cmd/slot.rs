//! `-c slot` and `-c phb`: whether a slot or a host bridge can be given back (`-Q`).

use platform::drc::DrcIndex;
use platform::slot::{self, HostBridge, Kind, Slot};

use super::Session;
use crate::capabilities::Capability;
use crate::exit::Exit;
use crate::options::{Action, Connector};
use crate::run::WithSource;

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let is_bridge = session.options.connector == Some(Connector::Phb);
    let (kind, capability) = if is_bridge { ("PHB", Capability::Phb) } else { ("slot", Capability::Slot) };
    let Some(selector) = session.options.selector.clone() else {
        session.say.error("A drc name must be specified");
        return Exit::Failed;
    };
    let Some(action) = session.options.action else {
        session.say.error(&format!("The '-r', '-a', or '-Q' option must be specified for {kind} operations."));
        return Exit::Failed;
    };
    if !capability.is_there(session.sysroot, session.say) {
        session.say.error(&format!("DLPAR {kind} operations are not supported on this kernel."));
        return Exit::Failed;
    }
    match action {
        Action::Query if is_bridge => query_bridge(session, &selector),
        Action::Query => query_slot(session, &selector),
        _ => {
            session
                .say
                .error(&format!("{kind} operations other than -Q need calls to firmware that this drmgr cannot make."));
            Exit::Failed
        }
    }
}

fn query_slot(session: &mut Session<'_, '_>, selector: &str) -> Exit {
    let slots = match slot::logical_slots(session.sysroot) {
        Ok(slots) => slots,
        Err(error) => {
            session.say.error(&WithSource(&error).to_string());
            return Exit::Failed;
        }
    };
    let found = slots.iter().find(|slot| is_meant(selector, &slot.connector.name, slot.connector.index));
    match found {
        None => Exit::Nonexistent,
        Some(slot) if !slot.is_owned() => {
            session.say.error(&format!("{selector} not owned by partition"));
            Exit::NotOwned
        }
        Some(slot) if is_display(slot) => {
            session.say.error("Display adapters are not supported by drmgr.");
            Exit::Refused
        }
        Some(_) => Exit::LinuxSlot,
    }
}

fn query_bridge(session: &mut Session<'_, '_>, selector: &str) -> Exit {
    let bridges = match slot::host_bridges(session.sysroot) {
        Ok(bridges) => bridges,
        Err(error) => {
            session.say.error(&WithSource(&error).to_string());
            return Exit::Failed;
        }
    };
    let found = bridges.iter().find(|bridge| is_meant(selector, &bridge.connector.name, bridge.connector.index));
    match found {
        None => Exit::Nonexistent,
        Some(bridge) if is_needed(bridge) => Exit::Refused,
        Some(_) => Exit::LinuxSlot,
    }
}

/// A bridge with a logical slot of the partition's, or with a display, cannot be given back.
fn is_needed(bridge: &HostBridge) -> bool {
    bridge.slots.iter().any(|slot| is_display(slot) || (slot.kind == Kind::Logical && slot.is_owned()))
}

fn is_display(slot: &Slot) -> bool {
    slot.connector.kind.starts_with("display")
}

/// By name, or by an index that is one.
fn is_meant(selector: &str, name: &str, index: DrcIndex) -> bool {
    selector == name || selector.parse() == Ok(index)
}
