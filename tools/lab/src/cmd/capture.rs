//! `lparlab capture`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lab::control::{self, Reply, Request};

pub(crate) fn run(lab: &Path, system: String, write: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    // The lab writes the file: it must know it from wherever it runs.
    let file = write.map(std::path::absolute).transpose()?;
    control::ask(lab, &Request::Capture { system, file }, |reply| {
        if let Reply::Line(line) = reply {
            println!("{line}");
        }
    })?;
    Ok(ExitCode::SUCCESS)
}
