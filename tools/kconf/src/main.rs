//! The lpar-kconfig program: parse, run the verb, end with its exit code.

mod cli;
mod cmd;
mod render;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use render::Exit;

fn main() -> ExitCode {
    // clap prints usage errors itself and ends with 2.
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Check(args) => cmd::check::run(&cli.system, args),
        Command::Explain(args) => cmd::explain::run(&cli.system, args),
        Command::Fragment(args) => cmd::fragment::run(&cli.system, args),
        Command::Merge(args) => cmd::merge::run(&cli.system, args),
        Command::Verify(args) => cmd::verify::run(&cli.system, args),
        Command::Diff(args) => cmd::diff::run(&cli.system, args),
        Command::Sets { json } => cmd::sets::run(&cli.system, *json),
        Command::Completions { shell } => Ok(cmd::manual::completions(*shell)),
        Command::Manual => cmd::manual::manual(),
    };
    let exit = result.unwrap_or_else(|error| {
        render::print_error(&error);
        Exit::Unusable
    });
    ExitCode::from(exit as u8)
}
