//! `-c acc -t gzip -q N`: how many credits of guaranteed quality the compression accelerator gives this partition.

use super::Session;
use crate::exit::Exit;
use crate::run::WithSource;

const CREDITS: &str = "sys/devices/virtual/misc/vas/vas0/gzip/qos_capabilities/update_total_credits";

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    match session.options.kind.as_deref() {
        Some("gzip") => {}
        Some(other) => {
            session.say.error(&format!("Invalid Accelerator type: {other}"));
            return Exit::Failed;
        }
        None => {
            session.say.error("-t gzip must be specified");
            return Exit::Failed;
        }
    }
    let Some(credits) = session.options.quantity.and_then(|quantity| u32::try_from(quantity).ok()) else {
        session.say.error("The number of credits must be specified (-q)");
        return Exit::Failed;
    };
    if session.options.dry_run {
        session.print(&format!("- write '{credits}' to /{CREDITS}\n"));
        return Exit::Done;
    }
    match session.sysroot.write_attribute(CREDITS, credits.to_string().as_bytes()) {
        Ok(()) => Exit::Done,
        Err(error) => {
            session.say.error(&format!("Could not write QoS credits: {}", WithSource(&error)));
            error.errno().and_then(|errno| u8::try_from(errno as i32).ok()).map_or(Exit::Failed, Exit::Errno)
        }
    }
}
