//! `lparlab dlpar`.

use std::path::Path;
use std::process::ExitCode;

use lab::control::{self, Reply, Request};
use lab::scenario::step::{Direction, Resource};

pub(crate) fn run(
    lab: &Path,
    lpar: String,
    resource: Resource,
    direction: Direction,
    amount: u32,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let unit = match resource {
        Resource::Cpu => "CPUs",
        Resource::Mem => "MiB",
    };
    let name = lpar.clone();
    let request = Request::Dlpar { lpar, resource, direction, amount };
    let Reply::Changed(change) = control::ask(lab, &request, |_| ())? else {
        anyhow::bail!("the lab answered something else");
    };
    if json {
        println!("{}", serde_json::to_string(&change)?);
    } else {
        println!(
            "{name}: {} -> {} {unit}; the partition counts {} -> {}",
            change.before, change.after, change.guest_before, change.guest_after
        );
        if let Some(report) = change.agent {
            println!("{name}: its agent: {report}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
