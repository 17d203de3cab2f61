//! The supervisor's process: opens the lab, then serves it or performs its steps.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use lab::run::report;
use lab::supervisor;

pub(crate) fn run(directory: &Path, outer: &str, results: Option<&Path>) -> anyhow::Result<ExitCode> {
    let outer = outer.parse()?;
    let (lab, _lock) = supervisor::open(directory, &outer)?;
    let Some(results) = results else {
        supervisor::serve(&lab)?;
        return Ok(ExitCode::SUCCESS);
    };
    let done = lab::run::run(&lab, |result| println!("{}", report::line(result)));
    lab.close();
    let text = serde_json::to_string_pretty(&done)?;
    std::fs::write(results, text).with_context(|| format!("write {}", results.display()))?;
    Ok(if done.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
