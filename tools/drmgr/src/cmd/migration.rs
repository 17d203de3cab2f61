//! `-m -c pmig` and `-c phib`: the administrator's hooks, and the write that suspends the partition and comes back elsewhere.

use std::path::Path;

use super::Session;
use crate::capabilities::Capability;
use crate::exit::Exit;
use crate::hooks::{Occasion, Phase};
use crate::options::{Action, Connector};
use crate::run::{WithSource, note};

const MIGRATION: &str = "sys/kernel/mobility/migration";
const API_VERSION: &str = "sys/kernel/mobility/api_version";
const HIBERNATION: &str = "sys/devices/system/power/hibernate";
const OCCASION: Occasion = Occasion { kind: "pmig", action: "migrate", count: 0 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Migration,
    Hibernation,
}

pub(super) fn run(session: &mut Session<'_, '_>) -> Exit {
    let Some(phase) = session.options.parameter.as_deref() else {
        session.say.error("A command must be specified");
        return Exit::Failed;
    };
    let kind = match kind(session) {
        Ok(kind) => kind,
        Err(exit) => return exit,
    };
    match phase {
        "check" if kind == Kind::Migration => check(session),
        "pre" => suspend(session, kind),
        // There is no command line for what comes after: the hooks of the phase post run when the write came back.
        other => {
            session.say.detail(&format!("Invalid command \"{other}\" specified"));
            Exit::Refused
        }
    }
}

/// Which of the two it is, and whether the partition can do it.
fn kind(session: &mut Session<'_, '_>) -> Result<Kind, Exit> {
    let kind = match session.options.connector {
        Some(Connector::Migration) if session.options.action == Some(Action::Migrate) => Kind::Migration,
        Some(Connector::Migration) => {
            session.say.error("The -m must be specified for migrations");
            return Err(Exit::Failed);
        }
        Some(Connector::Hibernation) => Kind::Hibernation,
        _ => {
            session.say.error("The option -m is for the connector type pmig (-c)");
            return Err(Exit::Failed);
        }
    };
    if kind == Kind::Hibernation && !Capability::Hibernation.is_there(session.sysroot, session.say) {
        session.say.error("Partition Hibernation is not supported.");
        return Err(Exit::Failed);
    }
    if !Capability::Migration.is_there(session.sysroot, session.say) {
        session.say.error("Partition Mobility is not supported.");
        return Err(Exit::Failed);
    }
    Ok(kind)
}

/// Any hook may forbid the migration; then all of them hear that it does not take place.
fn check(session: &mut Session<'_, '_>) -> Exit {
    if session.hooks(OCCASION, Phase::Check) {
        return Exit::Done;
    }
    session.hooks(OCCASION, Phase::UndoCheck);
    Exit::Refused
}

fn suspend(session: &mut Session<'_, '_>, kind: Kind) -> Exit {
    let Some(stream) = session.options.selector.as_deref() else {
        session.say.error("No streamid specified");
        return Exit::Failed;
    };
    let Some(stream) = parse_stream(stream) else {
        session.say.error(&format!("Invalid streamid specified: '{stream}' is not a hexadecimal number"));
        return Exit::Failed;
    };
    if kind == Kind::Migration && !kernel_updates_itself(session) {
        session.say.error("This kernel wants help after a migration that a program cannot give it on little endian");
        return Exit::Failed;
    }
    let path = if kind == Kind::Migration { MIGRATION } else { HIBERNATION };
    if kind == Kind::Migration {
        session.hooks(OCCASION, Phase::Pre);
    }
    let exit = write_stream(session, kind, path, stream);
    if kind == Kind::Migration {
        session.hooks(OCCASION, Phase::Post);
    }
    exit
}

/// The write blocks for the whole migration; its error number is the exit status.
fn write_stream(session: &mut Session<'_, '_>, kind: Kind, path: &str, stream: u64) -> Exit {
    if session.options.dry_run {
        session.print(&format!("- write '{stream:#x}' to /{path}\n"));
        return Exit::Done;
    }
    session.say.detail(&format!("Initiating via /{path} with {stream:#x}"));
    session.say.flush();
    let written = session.sysroot.write_attribute(Path::new(path), format!("{stream:#x}\n").as_bytes());
    let exit = match &written {
        Ok(()) => Exit::Done,
        Err(error) => error.errno().and_then(|errno| u8::try_from(errno as i32).ok()).map_or(Exit::Failed, Exit::Errno),
    };
    if let Err(error) = &written {
        session.say.error(&WithSource(error).to_string());
    }
    let name = if kind == Kind::Migration { "migration" } else { "hibernation" };
    note(session.sysroot, &format!("drmgr: {name} rc {}", exit.status()));
    exit
}

/// Since Linux 3.12 the kernel brings its device tree up to date by itself, and says so.
fn kernel_updates_itself(session: &Session<'_, '_>) -> bool {
    let version = session.sysroot.read_text(API_VERSION).ok().and_then(|text| text.trim().parse::<u32>().ok());
    version.is_some_and(|version| version >= 1)
}

/// Hexadecimal, with or without `0x`, and nothing else.
fn parse_stream(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u64::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_hexadecimal_and_nothing_else() {
        for (text, expected) in [
            ("1234567", Some(0x0123_4567)),
            ("0x1234567", Some(0x0123_4567)),
            ("ffffffffffffffff", Some(u64::MAX)),
            ("", None),
            ("0x", None),
            ("12 ", None),
            ("-1", None),
            ("1ffffffffffffffff", None),
        ] {
            assert_eq!(parse_stream(text), expected, "{text:?}");
        }
    }
}
