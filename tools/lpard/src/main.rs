//! `lpard`, the agent in the partition: see `lpard --help`. Exit codes: 0 ended as asked, 1 failed, 2 usage.

use std::io::Write as _;
use std::process::ExitCode;

use lpard::cli::{Action, Cli, HELP};

fn main() -> ExitCode {
    let cli = match Cli::parse(lexopt::Parser::from_env()) {
        Ok(cli) => cli,
        Err(error) => return failed(2, &format!("{error}; see lpard --help")),
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(1, &format!("{error:#}")),
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    match cli.action {
        Action::Help => say(HELP),
        Action::Version => say(concat!("lpard ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::CheckConfig => say(&lpard::check_config(&cli.root)?),
        Action::Serve => Ok(lpard::serve(&cli.root)?),
        Action::ServeNetwork => Ok(lpard::serve_network()?),
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn failed(code: u8, text: &str) -> ExitCode {
    // Who has closed our standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "lpard: error: {text}");
    ExitCode::from(code)
}
