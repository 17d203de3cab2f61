//! `rpm2deb unpack`: a tree with debian/, to be edited.

use rpm2deb::convert::unpack;

use crate::cli::Unpack;
use crate::progress::{self, Watched};
use crate::report::{self, Exit};
use crate::settings;

/// Runs the verb.
pub(crate) fn run(args: &Unpack) -> anyhow::Result<Exit> {
    let policy = settings::policy(&args.policy)?;
    settings::make_directory(&args.output)?;
    let subject = report::display(&args.rpm);
    let attempt = super::open(&args.rpm).and_then(|file| {
        let total = file.metadata().map_or(0, |metadata| metadata.len());
        let bar = progress::bar(total, report::wants_progress(args.report));
        let result = unpack(Watched::new(file, bar.clone()), &policy, &args.output);
        bar.finish_and_clear();
        result
    });
    let done = match attempt {
        Ok(done) => done,
        Err(error) => {
            let error = anyhow::Error::new(error);
            if args.report.json {
                report::print_json(&report::failure_json(&args.rpm, &error));
            } else {
                report::print_error(&subject, &error);
            }
            return Ok(Exit::Failed);
        }
    };
    if args.report.json {
        report::print_json(&report::conversion_json(&args.rpm, &done));
    } else {
        report::print(&report::conversion_text(&args.rpm, &done));
        report::print_notices(&subject, &done.notices, args.report.verbose);
    }
    Ok(Exit::Done)
}
