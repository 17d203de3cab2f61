//! `lparlab doctor`.

use std::process::ExitCode;

use lab::doctor::{self, Verdict};

pub(crate) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let findings = doctor::judge(&doctor::observe(&lab::image::cache()));
    if json {
        println!("{}", serde_json::to_string(&findings)?);
    } else {
        print!("{}", doctor::table(&findings));
    }
    Ok(if doctor::worst(&findings) == Verdict::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
