//! `lpar`: parse, run the verb, end with its exit code.

use std::process::ExitCode;

use clap::Parser;
use lpar::cli::Cli;

fn main() -> ExitCode {
    // clap prints usage errors itself and ends with 2.
    ExitCode::from(lpar::run(&Cli::parse()) as u8)
}
