//! The lab-guest program: the first process of a guest, or one verb of the command line.

mod ambush;
mod cli;
mod exec;
mod init;
mod loads;
mod serve;
mod session;
mod tty;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use nix::sys::signal::SigSet;

use cli::{Cli, Command, Load, Verify};

fn main() -> ExitCode {
    if std::process::id() == 1 {
        init::run();
    }
    // The first process takes its signals from a file and blocks them; what it starts must not inherit that.
    if let Err(error) = SigSet::empty().thread_set_mask() {
        eprintln!("lab-guest: unblock signals: {error}");
    }
    match run(&Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lab-guest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Channel { device } => serve::terminal(device)?,
        Command::Session { tty, argv } => session::become_program(tty.as_deref(), argv)?,
        Command::Modules { list } => init::modules::load_all(list)?,
        Command::Load { load: Load::Memory { mib, state } } => loads::memory::run(*mib, state)?,
        Command::Load { load: Load::Disk { dir, state } } => loads::disk::run(dir, state)?,
        Command::Load { load: Load::Stream { to, state } } => loads::stream::run(to, state)?,
        Command::Ambush(ambush) => ambush::lie_in(ambush)?,
        Command::Verify { what: Verify::Disk { dir, state } } => return loads::disk::verify(dir, state.as_deref()),
    }
    Ok(ExitCode::SUCCESS)
}
