//! `lparlab migrate`.

use std::path::Path;
use std::process::ExitCode;

use lab::control::{self, Reply, Request};
use lab::migration::phase::Phase;
use lab::partition::Journal;
use lab::status::summary;

use crate::cli::Migrate;

pub(crate) fn run(lab: &Path, arguments: Migrate) -> anyhow::Result<ExitCode> {
    let lpar = arguments.lpar;
    let show = |reply: Reply| match reply {
        Reply::Journal(journal) if !arguments.json.json => print_phase(&journal),
        Reply::Line(line) => println!("{line}"),
        _ => {}
    };
    if arguments.stop {
        control::ask(lab, &Request::StopMigration { lpar }, show)?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.recover {
        control::ask(lab, &Request::Recover { lpar }, show)?;
        return Ok(ExitCode::SUCCESS);
    }
    // clap has seen to it that there is one.
    let to = arguments.system.unwrap_or_default();
    let request = Request::Migrate { lpar: lpar.clone(), to, only_validate: arguments.validate };
    let Reply::Migrated(journal) = control::ask(lab, &request, show)? else {
        anyhow::bail!("the lab answered something else");
    };
    let is_good = if arguments.validate { journal.reason.is_none() } else { journal.phase() == Phase::Completed };
    if arguments.json.json {
        println!("{}", serde_json::to_string(&journal)?);
    } else if arguments.validate && is_good {
        println!("{lpar} can migrate to {}", journal.to);
    } else {
        print!("{lpar}: {}", summary(&journal));
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line when a phase begins. The same journal comes again when something else in it has changed.
fn print_phase(journal: &Journal) {
    if let Some(moment) = journal.moments.last().filter(|moment| !moment.phase.is_end()) {
        println!("{:>7.3} s  {}", std::time::Duration::from_millis(moment.after_ms).as_secs_f64(), moment.phase);
    }
}
