//! The verbs: each reads, makes a report and shows it.

mod dcaps;
mod dlpar;
mod doctor;
mod events;
mod hooks;
mod identity;
mod manual;
mod migrate_check;
mod slots;
mod status;
mod trust;

use sysroot::Sysroot;

use crate::cli::{Cli, Command, Common};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::report::Output;

/// What every verb works with.
#[derive(Debug)]
struct Desk {
    sysroot: Sysroot,
    output: Output,
}

impl Desk {
    fn open(common: &Common) -> Result<Self> {
        let sysroot = Sysroot::at(&common.sysroot).map_err(Error::Root)?;
        Ok(Self { sysroot, output: Output::new(common.json) })
    }
}

/// Runs the verb.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    let desk = || Desk::open(&cli.common);
    match &cli.command {
        Command::Status => status::run(&desk()?),
        Command::Identity => identity::run(&desk()?),
        Command::Dcaps(args) => dcaps::run(&desk()?, *args),
        Command::Doctor => doctor::run(&desk()?),
        Command::Events(args) => events::run(&desk()?, args),
        Command::Trust { command } => trust::run(&desk()?, command),
        Command::Hooks => hooks::run(&desk()?),
        Command::MigrateCheck(args) => migrate_check::run(&desk()?, *args),
        Command::Dlpar(args) => dlpar::run(&desk()?, args),
        Command::Slots(args) => slots::run(&desk()?, *args),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Manual => manual::manual(),
    }
}
