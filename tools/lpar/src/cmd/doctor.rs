//! `lpar doctor`: what could keep the partition from being managed.

use serde::Serialize;

use super::Desk;
use crate::doctor::{Finding, Section, Verdict, count, judge, read};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

#[derive(Debug, Serialize)]
struct DoctorReport {
    sections: Vec<Section>,
    fail: usize,
    warn: usize,
    cannot_tell: usize,
    ok: usize,
}

pub(super) fn run(desk: &Desk) -> Result<Exit> {
    let sections = judge(&read::everything(&desk.sysroot));
    let [fail, warn, cannot_tell, ok] =
        [Verdict::Fail, Verdict::Warn, Verdict::CannotTell, Verdict::Ok].map(|verdict| count(&sections, verdict));
    desk.output.show(&DoctorReport { sections, fail, warn, cannot_tell, ok })?;
    Ok(if fail == 0 { Exit::Done } else { Exit::Failed })
}

impl Report for DoctorReport {
    fn write(&self, sheet: &mut Sheet) {
        for section in &self.sections {
            sheet.heading(section.topic);
            let rows: Vec<Row> = section.findings.iter().map(row).collect();
            sheet.table(&rows);
        }
        sheet.heading("Together");
        let Self { fail, warn, cannot_tell, ok, .. } = self;
        sheet.line(&Cell::new(format_args!("{fail} fail, {warn} warn, {cannot_tell} cannot tell, {ok} ok")));
    }
}

/// The verdict and what was found; below it, unless all is well, where that was and what to do. A message of a parser has
/// several lines.
fn row(finding: &Finding) -> Row {
    let mut found = finding.found.lines();
    let first = found.next().unwrap_or_default();
    let row = Row::from(vec![verdict(finding.verdict), Cell::new(format_args!("{}: {first}", finding.subject))]);
    let row = found.fold(row, |row, line| row.below(Cell::new(line)));
    if finding.verdict == Verdict::Ok {
        return row;
    }
    let row = row.below(Cell::new(format_args!("looked at: {}", finding.looked_at)));
    finding.mend.iter().fold(row, |row, mend| row.below(Cell::new(format_args!("do: {mend}"))))
}

/// As wide as the widest one, so that the sections are aligned with each other.
fn verdict(verdict: Verdict) -> Cell {
    let style = match verdict {
        Verdict::Ok => Style::Good,
        Verdict::Warn => Style::Doubtful,
        Verdict::Fail => Style::Bad,
        Verdict::CannotTell => Style::Unknown,
    };
    Cell::styled(format_args!("{:11}", verdict.to_string()), style)
}
