//! The rpm2deb program: parse, run the verb, end with its exit code.

mod cli;
mod cmd;
mod progress;
mod report;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use report::Exit;

fn main() -> ExitCode {
    // clap prints usage errors itself and ends with 2.
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Convert(args) => cmd::convert::run(args),
        Command::Inspect(args) => Ok(cmd::inspect::run(args)),
        Command::Unpack(args) => cmd::unpack::run(args),
        Command::Build(args) => cmd::build::run(args),
        Command::Completions { shell } => Ok(cmd::manual::completions(*shell)),
        Command::Manual => cmd::manual::manual(),
    };
    // What comes back as an error here is an argument that cannot be used; failing packages have been reported.
    let exit = result.unwrap_or_else(|error| {
        report::print_error("", &error);
        Exit::Usage
    });
    ExitCode::from(exit as u8)
}
