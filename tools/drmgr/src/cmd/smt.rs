//! `-c cpu -p smt_threads`: switches the further threads of cores on or off.

use lpard::dlpar::request::{Change, CpuChoice};
use platform::cpu::{self, Present};

use super::Session;
use super::cpu::choice;
use crate::exit::Exit;
use crate::run::WithSource;

pub(super) fn run(session: &mut Session<'_, '_>, change: Change) -> Exit {
    if session.options.quantity.is_some_and(|quantity| quantity != 1) {
        session.say.error("Quantity option '-q' may not be specified with the '-p smt_threads' option");
        return Exit::Failed;
    }
    let cores = match cpu::cores(session.sysroot) {
        Ok(cores) => cores,
        Err(error) => {
            session.say.error(&WithSource(&error).to_string());
            return Exit::Failed;
        }
    };
    let which = match choice(session) {
        Ok(which) => which,
        Err(reason) => {
            session.say.error(&reason);
            return Exit::Failed;
        }
    };
    let meant = |core: &cpu::Core| match &which {
        CpuChoice::Count(_) => true,
        CpuChoice::Index(index) => core.index == *index,
        CpuChoice::Name(name) => core.name == *name,
    };
    let present: Vec<Present> = cores.into_iter().filter(meant).filter_map(|core| core.present).collect();
    if present.is_empty() {
        session.say.error("Could not find the CPU");
        return Exit::Failed;
    }
    if present.iter().all(|core| core.threads.len() < 2) {
        session.say.error("SMT functions not available on this system.");
        return Exit::Failed;
    }
    present.iter().fold(Exit::Done, |exit, core| if switch(session, change, core) { exit } else { Exit::Failed })
}

/// All threads on, or all but the first off.
fn switch(session: &mut Session<'_, '_>, change: Change, core: &Present) -> bool {
    let online = change == Change::Add;
    let spared = usize::from(!online);
    let mut done = true;
    for thread in core.threads.iter().skip(spared).filter(|thread| thread.online != online) {
        let path = format!("sys/devices/system/cpu/cpu{}/online", thread.id);
        let value = if online { "1" } else { "0" };
        if session.options.dry_run {
            session.print(&format!("- write '{value}' to /{path}\n"));
        } else if let Err(error) = session.sysroot.write_attribute(&path, value.as_bytes()) {
            session.say.error(&WithSource(&error).to_string());
            done = false;
        }
    }
    done
}
