//! `lparlab isolation`.

use std::path::Path;
use std::process::ExitCode;

use lab::control::{self, Request};

pub(crate) fn run(lab: &Path, system: String, on: bool) -> anyhow::Result<ExitCode> {
    let said = format!("{system}: MGMTSWITCH is in {} mode", if on { "VEPA" } else { "VEB" });
    control::ask(lab, &Request::Isolation { system, on }, |_| ())?;
    println!("{said}");
    Ok(ExitCode::SUCCESS)
}
