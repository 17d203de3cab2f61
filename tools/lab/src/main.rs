//! `lparlab`: see `lparlab --help`. Exit codes: 0 done, 1 refused or failed, 2 usage; `exec` gives the command's own.

use std::process::ExitCode;

use cli::{Cli, Command};
use lab::console::session::Post;

mod cli;
mod cmd;

fn main() -> ExitCode {
    let cli = Cli::from_arguments(std::env::args_os()).unwrap_or_else(|error| error.exit());
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let lab = lab::directory::of(&cli.lab);
    match cli.command {
        Command::Doctor(json) => cmd::doctor::run(json.json),
        Command::Up { scenario, no_wait } => cmd::up::run(scenario.as_deref(), &cli.lab, !no_wait),
        Command::Status { json, watch } => cmd::status::run(&lab, json.json, watch),
        Command::Lspartition { dlpar: _, json } => cmd::lspartition::run(&lab, json.json),
        Command::Labs(json) => cmd::labs::run(json.json),
        Command::Console { lpar } => cmd::console::run(&lab, &lpar),
        Command::Dlpar { lpar, resource, direction, amount, json } => {
            cmd::dlpar::run(&lab, lpar, resource.into(), direction.into(), amount, json.json)
        }
        Command::Migrate(migrate) => cmd::migrate::run(&lab, migrate),
        Command::Exec { lpar, timeout, interactive, argv } => cmd::exec::run(&lab, lpar, argv, timeout, interactive),
        Command::Capture { system, write } => cmd::capture::run(&lab, system, write),
        Command::Isolation { system, mode } => cmd::isolation::run(&lab, system, mode == cli::OnOff::On),
        Command::Down { all } => cmd::down::run(&cli.lab, all),
        Command::Run { scenario, junit, json, logs } => {
            cmd::run::run(&scenario, junit.as_deref(), json.as_deref(), logs.as_deref())
        }
        Command::Supervise { directory, outer, run } => cmd::supervise::run(&directory, &outer, run.as_deref()),
        Command::ConsoleProcess { system, bridge, address, key } => {
            lab::console::relay::serve(&Post { system, bridge, address, key })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
