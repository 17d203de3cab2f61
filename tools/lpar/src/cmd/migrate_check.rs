//! `lpar migrate-check`: would the partition agree to a migration now? It runs the hooks that may say no; of a recorded machine
//! it says what can be read.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use wire::message::migration::{Finding, Readiness};

use super::Desk;
use crate::agent::{Agent, Method};
use crate::cli::MigrateCheckArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

/// Beyond the deadline that the agent keeps: after a veto it takes back what the hooks did, before it answers.
const GRACE: Duration = Duration::from_secs(11 * 60);

#[derive(Debug, Serialize)]
struct ReadinessReport {
    #[serde(flatten)]
    readiness: Readiness,
}

pub(super) fn run(desk: &Desk, args: MigrateCheckArgs) -> Result<Exit> {
    let patience = Duration::from_secs(args.deadline);
    let check = json!({ "deadline_ms": args.deadline * 1000 });
    let readiness: Readiness = match Agent::connect_unless_recorded(&desk.sysroot)? {
        Some(mut agent) => agent.ask(Method::MigrateCheck, check, patience + GRACE)?,
        None => lpard::readiness_here(&desk.sysroot)?,
    };
    let is_ready = readiness.ready;
    desk.output.show(&ReadinessReport { readiness })?;
    Ok(if is_ready { Exit::Done } else { Exit::Failed })
}

impl Report for ReadinessReport {
    fn write(&self, sheet: &mut Sheet) {
        let (words, style) =
            if self.readiness.ready { ("ready to migrate", Style::Good) } else { ("not ready to migrate", Style::Bad) };
        sheet.line(&Cell::styled(words, style));
        let rows: Vec<Row> = self.readiness.findings.iter().map(row).collect();
        sheet.table(&rows);
    }
}

/// What a hook says may have several lines.
fn row(finding: &Finding) -> Row {
    let (word, style) = if finding.vetoes { ("veto", Style::Bad) } else { ("note", Style::Doubtful) };
    let mut lines = finding.text.lines();
    let first = lines.next().unwrap_or_default();
    let row = Row::from(vec![Cell::styled(word, style), Cell::new(format_args!("{}: {first}", finding.from))]);
    lines.fold(row, |row, line| row.below(Cell::new(line)))
}
