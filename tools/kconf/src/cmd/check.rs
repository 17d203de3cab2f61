//! `check`: a configuration, held against the sets.

use kconf::evaluate::{Fitness, Kernel, Report, evaluate};
use kconf::live;
use kconf::places::Sysroot;

use crate::cli::{Check, ReportForm, SystemArgs};
use crate::render::{self, Exit, Style, markdown, table};

/// Reads, judges, prints.
pub(crate) fn run(system: &SystemArgs, args: &Check) -> anyhow::Result<Exit> {
    let root = Sysroot::at(&system.sysroot);
    let sets = super::load_sets(system)?;
    let chosen = sets.choose(&args.set)?;
    let source = super::read(args.kernel.as_deref(), system)?;
    let config = source.config()?;
    let named = || source.release.as_deref().and_then(|release| release.parse().ok());
    let kernel = Kernel {
        version: args.version.or_else(|| config.version()).or_else(named),
        flavour: config.flavour(),
        source: source.origin.clone(),
    };
    let mut report = evaluate(&chosen, &config, kernel);
    if args.running {
        let seen = live::observe(&root, &chosen);
        warn_of_another_kernel(&report, &seen);
        live::judge(&mut report, &seen);
    }
    print(args.form, &report)?;
    Ok(match report.verdict {
        Fitness::Pass => Exit::Good,
        Fitness::Fail => Exit::Bad,
    })
}

fn print(form: ReportForm, report: &Report) -> anyhow::Result<()> {
    if form.json {
        return render::print_json(report);
    }
    let text = if form.markdown {
        markdown::report(report, form.verbose)
    } else {
        table::report(report, form.verbose, Style::of_stdout())
    };
    render::print(&text);
    Ok(())
}

/// The running system says little of a configuration that is not its own.
fn warn_of_another_kernel(report: &Report, seen: &live::Observation) {
    let Some(release) = seen.release() else { return };
    if report.kernel.version.is_some() && release.parse().ok() != report.kernel.version {
        render::warn(&format!("the running kernel is {release}, the configuration is of another version"));
    }
}
