//! `rpm2deb build`: a .deb from an unpacked, perhaps edited, directory.

use rpm2deb::convert::build;
use serde_json::json;

use crate::cli::Build;
use crate::report::{self, Exit};
use crate::settings;

/// Runs the verb.
pub(crate) fn run(args: &Build) -> anyhow::Result<Exit> {
    let output = settings::output(&args.output, 1)?;
    let subject = report::display(&args.directory);
    let (identity, written, notices) = match build(&args.directory, args.source_date_epoch, &output) {
        Ok(done) => done,
        Err(error) => {
            let error = anyhow::Error::new(error);
            if args.report.json {
                report::print_json(&report::failure_json(&args.directory, &error));
            } else {
                report::print_error(&subject, &error);
            }
            return Ok(Exit::Failed);
        }
    };
    if args.report.json {
        report::print_json(&json!({
            "directory": subject,
            "status": "built",
            "output": report::display(&written.path),
            "bytes": written.bytes,
            "package": identity.name,
            "version": identity.version,
            "architecture": identity.arch,
            "notices": notices,
        }));
    } else {
        report::print(&format!("{subject} -> {} ({} bytes)\n", report::display(&written.path), written.bytes));
        report::print_notices(&subject, &notices, args.report.verbose);
    }
    Ok(Exit::Done)
}
