//! `-c pci`: cards of physical slots come (`-a`), go (`-r`), are replaced (`-R`), and the light beside a slot says which one it is
//! (`-i`). Unless `-n` is given, somebody stands at the machine, and is told what to do and when.

use std::io::BufRead;
use std::thread::sleep;
use std::time::Duration;

use lpard::dlpar::plan::Refusal;
use lpard::dlpar::request::{CardTask, CardWay, PlaceChoice, Request, Terms};
use platform::rtas::connector::Light;
use platform::slot;

use super::{Handled, Session, ending};
use crate::exit::Exit;
use crate::options::Action;
use crate::run::WithSource;

/// How often a slot is looked at until the card in it is seen, once a second.
const LOOKS: u32 = 30;
const NO_SUCH_SLOT: &str = "The specified PCI slot is either invalid\nor does not support hot plug operations.";
const LOOK_PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(selector) = session.options.selector.clone() else {
        session.say.error("A drc name or index must be specified");
        return Exit::Failed;
    };
    let done = match session.options.action {
        Some(Action::Identify) if !session.options.identify => {
            session.say.error("Cannot specify the -i and -I option together");
            return Exit::Failed;
        }
        Some(Action::Identify) => named(session, &selector).and_then(|which| identify(session, &which)),
        Some(Action::Add) => named(session, &selector).and_then(|which| add(session, &which)),
        Some(Action::Remove) => named(session, &selector).and_then(|which| remove(session, &which)),
        Some(Action::Replace) => named(session, &selector).and_then(|which| replace(session, &which)),
        _ => {
            session.say.error("The '-r', '-a', '-R' or '-i' option must be specified for PCI operations");
            return Exit::Failed;
        }
    };
    done.err().unwrap_or(Exit::Done)
}

/// `Err` is how it ends early; that may be well.
type Done = Result<(), Exit>;

/// The slot by its name, which is what people at it read.
fn named(session: &mut Session<'_, '_>, selector: &str) -> Result<PlaceChoice, Exit> {
    let which = PlaceChoice::parse(selector).map_err(|error| failed(session, &error.to_string()))?;
    let slots =
        slot::physical_slots(session.sysroot).map_err(|error| failed(session, &WithSource(&error).to_string()))?;
    if slots.is_empty() {
        return Err(failed(session, "There are no PCI hot plug slots on this system."));
    }
    let meant = slots.iter().map(|slot| &slot.connector).find(|connector| which.means_slot(connector));
    match meant {
        Some(connector) => Ok(PlaceChoice::Name(connector.name.clone())),
        None => Err(failed(session, NO_SUCH_SLOT)),
    }
}

fn failed(session: &mut Session<'_, '_>, reason: &str) -> Exit {
    session.say.error(reason);
    Exit::Failed
}

fn identify(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Done {
    if session.options.dry_run {
        // Nobody is asked about a light that does not shine.
        return handle(session, &Request::Light { which: which.clone(), say: Some(Light::Identify) });
    }
    let goes_on = is_identified(session, which)?;
    light(session, which, None)?;
    if goes_on { Ok(()) } else { Err(Exit::Failed) }
}

fn add(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Done {
    if session.options.dry_run {
        return card(session, CardTask::Add, which);
    }
    if asks(session) && session.options.identify && !is_identified(session, which)? {
        light(session, which, None)?;
        return Err(Exit::Done);
    }
    if !session.options.hotplug_only {
        card(session, CardTask::Ready, which)?;
        if asks(session) {
            let text = "Insert the PCI\ncard into the identified slot, connect any devices\nto be configured and press \
                        Enter to continue.\nEnter x to exit.";
            if !is_put_in(session, which, text)? {
                return Err(Exit::Done);
            }
        }
    }
    add_when_seen(session, which)
}

fn remove(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Done {
    if session.options.dry_run {
        return card(session, CardTask::Remove, which);
    }
    take_away(session, which)?;
    if asks(session) {
        light(session, which, Some(Light::Action))?;
        session.print(
            "The visual indicator for the specified PCI slot has\nbeen set to the action state. Remove the PCI card\n\
             from the identified slot and press Enter to continue.\n",
        );
        presses_enter(session);
        light(session, which, Some(Light::Off))?;
    }
    Ok(())
}

fn replace(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Done {
    if session.options.dry_run {
        // What comes after cannot be planned: the slot is not empty.
        return card(session, CardTask::Remove, which);
    }
    take_away(session, which)?;
    if asks(session) {
        let text = "Replace the PCI\ncard in the identified slot and press Enter to continue.\nEnter x to exit. Exiting now \
                    leaves the PCI slot\nin the removed state.";
        if !is_put_in(session, which, text)? {
            return Err(Exit::Done);
        }
    }
    add_when_seen(session, which)
}

fn take_away(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Done {
    if asks(session) && session.options.identify && !is_identified(session, which)? {
        light(session, which, None)?;
        return Err(Exit::Failed);
    }
    card(session, CardTask::Remove, which)
}

/// Adds the card as soon as firmware sees it.
fn add_when_seen(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Done {
    let request = request(session, CardTask::Add, which);
    loop {
        for _ in 0..LOOKS {
            match session.handle(&request, Terms::default()) {
                Handled::Refused(Refusal::NoCard(_)) => sleep(LOOK_PAUSE),
                handled => return finish(session, &request, handled),
            }
        }
        if asks(session) {
            session.print(
                "The card still does not appear to be present\npress Enter to continue to wait or enter 'x' to exit.\n",
            );
            if presses_enter(session) {
                continue;
            }
        }
        session.say.error("No PCI card was detected in the specified PCI slot.");
        light(session, which, None)?;
        return Err(Exit::Failed);
    }
}

/// Shows which slot it is; whether the person at it wants to go on.
fn is_identified(session: &mut Session<'_, '_>, which: &PlaceChoice) -> Result<bool, Exit> {
    light(session, which, Some(Light::Identify))?;
    session.print(&format!(
        "The visual indicator for the PCI slot <{which}>\nhas been set to the identify state. Press Enter to\n\
         continue or enter x to exit.\n"
    ));
    Ok(presses_enter(session))
}

/// Asks for a card by hand; whether it was put in.
fn is_put_in(session: &mut Session<'_, '_>, which: &PlaceChoice, text: &str) -> Result<bool, Exit> {
    light(session, which, Some(Light::Action))?;
    session
        .print(&format!("The visual indicator for the PCI slot <{which}>\nhas been set to the action state. {text}\n"));
    if presses_enter(session) {
        return Ok(true);
    }
    light(session, which, Some(Light::Off))?;
    Ok(false)
}

fn asks(session: &Session<'_, '_>) -> bool {
    session.options.prompt
}

/// Anything but an empty line is a no, and so is the end of the input.
fn presses_enter(session: &mut Session<'_, '_>) -> bool {
    let _ = session.out.flush();
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok_and(|_| line == "\n")
}

fn light(session: &mut Session<'_, '_>, which: &PlaceChoice, say: Option<Light>) -> Done {
    if session.options.dry_run {
        return Ok(());
    }
    handle(session, &Request::Light { which: which.clone(), say })
}

fn card(session: &mut Session<'_, '_>, task: CardTask, which: &PlaceChoice) -> Done {
    let request = request(session, task, which);
    handle(session, &request)
}

fn request(session: &Session<'_, '_>, task: CardTask, which: &PlaceChoice) -> Request {
    let way = CardWay { scan: session.options.virtio, keep_firmware: session.options.hotplug_only };
    Request::Card { task, which: which.clone(), way }
}

fn handle(session: &mut Session<'_, '_>, request: &Request) -> Done {
    let handled = session.handle(request, Terms::default());
    finish(session, request, handled)
}

fn finish(session: &mut Session<'_, '_>, request: &Request, handled: Handled) -> Done {
    match handled {
        Handled::Printed => return Ok(()),
        Handled::Acted(acted) if acted.outcome.is_complete() => return Ok(()),
        Handled::Acted(acted) => session.say.error(&ending(&acted.outcome)),
        Handled::Blind(reason) => session.say.error(&reason),
        Handled::Refused(Refusal::Unknown { .. } | Refusal::Contradicted(_)) => {
            session.say.error(NO_SUCH_SLOT);
        }
        Handled::Refused(Refusal::Occupied(_)) => session.say.error("The specified PCI slot is already occupied."),
        Handled::Refused(refusal) => session.say.error(&format!("Could not {request}: {refusal}")),
    }
    Err(Exit::Failed)
}
