//! `lparlab lspartition -dlpar`, and `lspartition` by a link of that name.

use std::path::Path;
use std::process::ExitCode;

pub(crate) fn run(lab: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let entries = super::status::ask(lab)?.dlpar_entries();
    if json {
        println!("{}", serde_json::to_string(&entries)?);
    } else {
        print!("{}", lab::lspartition::lines(&entries));
    }
    Ok(ExitCode::SUCCESS)
}
