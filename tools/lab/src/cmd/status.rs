//! `lparlab status`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lab::control::{self, Reply, Request};
use lab::status::Status;

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

pub(crate) fn ask(lab: &Path) -> anyhow::Result<Status> {
    match control::ask(lab, &Request::Status, |_| ())? {
        Reply::Status(status) => Ok(status),
        _ => anyhow::bail!("the lab answered something else"),
    }
}

pub(crate) fn run(lab: &Path, json: bool, watch: bool) -> anyhow::Result<ExitCode> {
    loop {
        let status = ask(lab)?;
        if watch && !json && std::io::stdout().is_terminal() {
            // Home, and clear what is below.
            print!("\u{1b}[H\u{1b}[J");
        }
        if json {
            println!("{}", serde_json::to_string(&status)?);
        } else {
            print!("{}", status.table());
        }
        if !watch {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}
