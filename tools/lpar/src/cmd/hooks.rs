//! `lpar hooks`: the administrator's programs, and when they run.

use serde::{Deserialize, Serialize};

use super::Desk;
use crate::agent::{Method, ask_or_read};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

/// A hook.
#[derive(Debug, Serialize, Deserialize)]
struct Hook {
    /// When it runs: `check`, `prepare`, `post`, …
    point: String,
    /// What it is called in logs.
    name: String,
    /// Its file.
    path: String,
}

/// The answer to `Hooks`: in the order in which they run.
#[derive(Debug, Serialize, Deserialize)]
struct Hooks {
    hooks: Vec<Hook>,
}

pub(super) fn run(desk: &Desk) -> Result<Exit> {
    let hooks: Hooks = ask_or_read(&desk.sysroot, Method::Hooks, lpard::hooks_here)?;
    desk.output.show(&hooks)?;
    Ok(Exit::Done)
}

impl Report for Hooks {
    fn write(&self, sheet: &mut Sheet) {
        if self.hooks.is_empty() {
            sheet.line(&Cell::new("there are no hooks (/etc/lparkit/hooks.d, /etc/drmgr.d/pmig)"));
        }
        let row = |hook: &Hook| Row::from(vec![Cell::styled(&hook.point, Style::Label), Cell::new(&hook.path)]);
        let rows: Vec<Row> = self.hooks.iter().map(row).collect();
        sheet.table(&rows);
    }
}
