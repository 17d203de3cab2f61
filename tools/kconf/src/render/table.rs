//! A report as a table for people, set by set.

use kconf::evaluate::{Fitness, Found, OptionReport, Report, SetReport, Verdict};
use kconf::live::State;

use super::{Style, wrapped};

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;

/// The whole report.
pub(crate) fn report(report: &Report, verbose: bool, style: Style) -> String {
    let mut text = heading(report);
    for set in &report.sets {
        text.push('\n');
        text.push_str(&set_text(set, verbose, style));
    }
    text.push('\n');
    text.push_str(&conclusion(report, style));
    text
}

/// Which kernel, and in which state.
pub(crate) fn heading(report: &Report) -> String {
    let kernel = &report.kernel;
    let version = kernel.version.map_or("Linux of unknown version".to_owned(), |version| format!("Linux {version}"));
    let flavour = kernel.flavour.map(|flavour| format!(", {} pages", flavour.name())).unwrap_or_default();
    let mut text = format!("{}: {version}{flavour}\n", kernel.source);
    if let Some(running) = &report.running {
        let release = running.release.as_deref().unwrap_or("unknown");
        text.push_str(&format!("running kernel: {release}; lockdown: {}\n", running.lockdown.describe()));
    }
    text
}

fn set_text(set: &SetReport, verbose: bool, style: Style) -> String {
    let (word, colour) = match set.verdict {
        Fitness::Pass => ("pass", GREEN),
        Fitness::Fail => ("FAIL", RED),
    };
    let mut text = format!("{}  {}: {}\n", style.paint(word, Some(colour)), set.name, set.title);
    let shown: Vec<_> = set.options.iter().filter(|option| verbose || is_noteworthy(option)).collect();
    let width = shown.iter().map(|option| option.symbol.len()).max().unwrap_or(0);
    for option in shown {
        text.push_str(&option_text(option, width, style));
    }
    text
}

/// Worth a line without `--verbose`: what is wrong, and what the running system lacks of what was built.
pub(crate) fn is_noteworthy(option: &OptionReport) -> bool {
    let state = option.live.as_ref().map(|live| live.state);
    match option.verdict {
        Verdict::Missing | Verdict::NotRecommended => true,
        Verdict::Ok => state.is_some_and(|state| state != State::Present),
        Verdict::Information | Verdict::NotInThisVersion => false,
    }
}

fn option_text(option: &OptionReport, width: usize, style: Style) -> String {
    let verdict = style.paint(option.verdict.name(), colour(option.verdict));
    let mut text =
        format!("      {:<width$}  {:<11}  {:<8}  {verdict}\n", option.symbol, option.need.name(), found(option));
    text.push_str(&wrapped(&option.reason, 10));
    if let Some(live) = &option.live {
        text.push_str(&wrapped(&format!("{}: {}", live.state.name(), live.detail), 10));
    }
    text
}

/// What was found; a number or text as it is.
pub(crate) fn found(option: &OptionReport) -> String {
    match (&option.value, option.found) {
        (Some(value), _) => value.clone(),
        (None, Found::NoSuchSymbol) => "-".to_owned(),
        (None, found) => found.name().to_owned(),
    }
}

fn colour(verdict: Verdict) -> Option<u8> {
    match verdict {
        Verdict::Ok => Some(GREEN),
        Verdict::Missing => Some(RED),
        Verdict::NotRecommended => Some(YELLOW),
        Verdict::Information | Verdict::NotInThisVersion => None,
    }
}

/// The verdict, what is missing, and what to do about it.
fn conclusion(report: &Report, style: Style) -> String {
    let failed: Vec<&str> = report.sets.iter().filter(|set| set.verdict == Fitness::Fail).map(|set| set.name).collect();
    if failed.is_empty() {
        return format!("{}: nothing required is missing\n", style.paint("fit", Some(GREEN)));
    }
    let sets: Vec<String> = failed.iter().map(|name| format!("--set {name}")).collect();
    let version = report.kernel.version.map(|version| format!(" --kernel {version}")).unwrap_or_default();
    format!(
        "{}: {} of {} sets fail: {}\nto mend it: lpar-kconfig fragment{version} {}\n",
        style.paint("not fit", Some(RED)),
        failed.len(),
        report.sets.len(),
        failed.join(", "),
        sets.join(" ")
    )
}
