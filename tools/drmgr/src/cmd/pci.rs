//! `-c pci`: shows which slot is meant (`-i`), by the light beside it.

use platform::drc::DrcIndex;
use platform::slot::{self, Slot};

use super::Session;
use crate::exit::Exit;
use crate::options::Action;
use crate::run::WithSource;

const SLOTS: &str = "sys/bus/pci/slots";

/// What the light says (LoPAPR, dr-indicator 9002).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Light {
    Off,
    On,
    Identify,
}

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(selector) = session.options.selector.clone() else {
        session.say.error("A drc name or index must be specified");
        return Exit::Failed;
    };
    match session.options.action {
        Some(Action::Identify) if !session.options.identify => {
            session.say.error("Cannot specify the -i and -I option together");
            Exit::Failed
        }
        Some(Action::Identify) => identify(session, &selector),
        Some(Action::Add | Action::Remove | Action::Replace) => {
            session.say.error("To change what is in a PCI slot needs calls to firmware that this drmgr cannot make.");
            Exit::Failed
        }
        _ => {
            session.say.error("The '-r', '-a', '-R' or '-i' option must be specified for PCI operations");
            Exit::Failed
        }
    }
}

fn identify(session: &mut Session<'_, '_>, selector: &str) -> Exit {
    let slots = match slot::physical_slots(session.sysroot) {
        Ok(slots) => slots,
        Err(error) => {
            session.say.error(&WithSource(&error).to_string());
            return Exit::Failed;
        }
    };
    let is_meant = |slot: &&Slot| match selector.parse::<DrcIndex>() {
        Ok(index) => slot.connector.index == index,
        // A location code may name what is in the slot, `…-I4/E1`.
        Err(_) => slot.connector.name == selector.rsplit_once('/').map_or(selector, |(slot, _)| slot),
    };
    let Some(slot) = slots.iter().find(is_meant).filter(|slot| !slot.contradicted) else {
        session.say.error("The specified PCI slot is either invalid\nor does not support hot plug operations.");
        return Exit::Failed;
    };
    let name = &slot.connector.name;
    if let Err(exit) = set_light(session, name, Light::Identify) {
        return exit;
    }
    session.print(&format!(
        "The visual indicator for the PCI slot <{name}>\n\
         has been set to the identify state. Press Enter to\n\
         continue or enter x to exit.\n"
    ));
    let _ = session.out.flush();
    wait_for_enter();
    let afterwards = if slot.nodes.is_empty() { Light::Off } else { Light::On };
    set_light(session, name, afterwards).err().unwrap_or(Exit::Done)
}

/// Whatever the person at the terminal types ends the wait.
fn wait_for_enter() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn set_light(session: &mut Session<'_, '_>, name: &str, light: Light) -> Result<(), Exit> {
    let value = match light {
        Light::Off => "0",
        Light::On => "1",
        Light::Identify => "2",
    };
    let directory = directory(session, name);
    session.sysroot.write_attribute(format!("{SLOTS}/{directory}/attention"), value.as_bytes()).map_err(|error| {
        session.say.error(&WithSource(&error).to_string());
        Exit::Failed
    })
}

/// The slot's directory in sysfs: the one that says this location, or the one of this name.
fn directory(session: &Session<'_, '_>, name: &str) -> String {
    let says_so = |directory: &String| {
        let location = session.sysroot.read_text(format!("{SLOTS}/{directory}/phy_location"));
        location.is_ok_and(|location| location.trim_end() == name)
    };
    session.sysroot.list(SLOTS).unwrap_or_default().into_iter().find(says_so).unwrap_or_else(|| name.to_owned())
}
