//! `rpm2deb convert`: one package after another, or several at a time; a failing one does not stop the others.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;
use rpm2deb::convert::{Output, Report, convert};
use rpm2deb::patch::Patch;
use rpm2deb::plan::Policy;
use serde_json::{Value, json};

use crate::cli::{Convert, ReportArgs};
use crate::progress::{self, Watched};
use crate::report::{self, Exit};
use crate::settings;

/// Runs the verb.
pub(crate) fn run(args: &Convert) -> anyhow::Result<Exit> {
    let policy = settings::policy(&args.policy)?;
    let patches = settings::patches(&args.patches)?;
    let output = if args.dry_run { None } else { Some(settings::output(&args.output, args.jobs)?) };
    let total = args.rpms.iter().filter_map(|rpm| std::fs::metadata(rpm).ok()).map(|metadata| metadata.len()).sum();
    let work = Work {
        policy: &policy,
        patches: &patches,
        output: output.as_ref(),
        report: args.report,
        bar: progress::bar(total, report::wants_progress(args.report)),
    };
    let results = work.convert_all(&args.rpms, args.jobs);
    work.bar.finish_and_clear();
    Ok(summarise(&results, args))
}

/// What all packages share.
struct Work<'a> {
    policy: &'a Policy,
    patches: &'a [Patch],
    output: Option<&'a Output>,
    report: ReportArgs,
    bar: ProgressBar,
}

impl Work<'_> {
    /// Results in the order of the arguments, whatever the order in which the jobs end.
    fn convert_all(&self, rpms: &[PathBuf], jobs: usize) -> Vec<anyhow::Result<Report>> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<anyhow::Result<Report>>>> = Mutex::new(rpms.iter().map(|_| None).collect());
        std::thread::scope(|scope| {
            for _ in 0..jobs.clamp(1, rpms.len().max(1)) {
                scope.spawn(|| {
                    while let Some((at, rpm)) = take_next(&next, rpms) {
                        let result = self.convert_one(rpm);
                        self.tell(rpm, &result);
                        if let Ok(mut results) = results.lock() {
                            results[at] = Some(result);
                        }
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_default();
        results.into_iter().map(|result| result.unwrap_or_else(|| Err(anyhow::anyhow!("was not converted")))).collect()
    }

    fn convert_one(&self, rpm: &Path) -> anyhow::Result<Report> {
        self.bar.set_message(report::display(rpm));
        let input = Watched::new(super::open(rpm)?, self.bar.clone());
        Ok(convert(input, self.policy, self.patches, self.output)?)
    }

    fn tell(&self, rpm: &Path, result: &anyhow::Result<Report>) {
        if self.report.json {
            return;
        }
        self.bar.suspend(|| match result {
            Ok(done) => {
                report::print(&report::conversion_text(rpm, done));
                report::print_notices(&report::display(rpm), &done.notices, self.report.verbose);
            }
            Err(error) => report::print_error(&report::display(rpm), error),
        });
    }
}

fn take_next<'a>(next: &AtomicUsize, rpms: &'a [PathBuf]) -> Option<(usize, &'a PathBuf)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    rpms.get(at).map(|rpm| (at, rpm))
}

fn summarise(results: &[anyhow::Result<Report>], args: &Convert) -> Exit {
    let failed = results.iter().filter(|result| result.is_err()).count();
    let converted = results.len() - failed;
    if args.report.json {
        let packages: Vec<Value> = args
            .rpms
            .iter()
            .zip(results)
            .map(|(rpm, result)| match result {
                Ok(done) => report::conversion_json(rpm, done),
                Err(error) => report::failure_json(rpm, error),
            })
            .collect();
        report::print_json(&json!({ "packages": packages, "converted": converted, "failed": failed }));
    } else if results.len() > 1 {
        report::print(&format!("{converted} converted, {failed} failed\n"));
    }
    if failed == 0 { Exit::Done } else { Exit::Failed }
}
