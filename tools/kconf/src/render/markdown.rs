//! A report as Markdown, for bug reports.

use kconf::evaluate::{Fitness, OptionReport, Report};

use super::table::{found, heading, is_noteworthy};

/// Heading, one row a set, then the options that are worth a row.
pub(crate) fn report(report: &Report, verbose: bool) -> String {
    let verdict = match report.verdict {
        Fitness::Pass => "fit",
        Fitness::Fail => "not fit",
    };
    let mut text = format!("### Kernel configuration: {verdict} for an LPAR\n\n");
    for line in heading(report).lines() {
        text.push_str(&format!("- {}\n", escaped(line)));
    }
    text.push_str("\n| set | verdict | for |\n|---|---|---|\n");
    for set in &report.sets {
        let verdict = if set.verdict == Fitness::Pass { "pass" } else { "**fail**" };
        text.push_str(&format!("| {} | {verdict} | {} |\n", set.name, escaped(set.title)));
    }
    let rows: Vec<String> = report
        .sets
        .iter()
        .flat_map(|set| {
            set.options.iter().filter(|option| verbose || is_noteworthy(option)).map(|option| row(set.name, option))
        })
        .collect();
    if !rows.is_empty() {
        text.push_str("\n| set | option | need | found | verdict | why |\n|---|---|---|---|---|---|\n");
        text.extend(rows);
    }
    text
}

fn row(set: &str, option: &OptionReport) -> String {
    let live = option.live.as_ref().map(|live| format!("; {}: {}", live.state.name(), live.detail)).unwrap_or_default();
    format!(
        "| {set} | `{}` | {} | {} | {} | {} |\n",
        option.symbol,
        option.need.name(),
        escaped(&found(option)),
        option.verdict.name(),
        escaped(&format!("{}{live}", option.reason))
    )
}

/// Text that stays in its cell.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;")
}
