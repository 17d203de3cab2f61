//! `lpar dlpar`: changes what the partition has, through the agent, or itself where the agent does not run.

mod replace;

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use lpard::visible::visible;
use serde::{Deserialize, Serialize};
use serde_json::json;
use wire::message::dlpar::{Resize, ResizeOutcome, Verdict};

use super::Desk;
use crate::agent::{self, Agent, Method};
use crate::cli::dlpar::DlparArgs;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Sheet, Style};
use replace::Replacement;

/// A step that has begun is not stopped at the deadline; the kernel takes this long at most for one, hooks and undoing included.
const LAST_STEP: Duration = Duration::from_secs(600);

#[derive(Debug, Serialize)]
struct OutcomeReport {
    #[serde(flatten)]
    outcome: ResizeOutcome,
}

pub(super) fn run(desk: &Desk, args: &DlparArgs) -> Result<Exit> {
    let resize = args.resize()?;
    let is_done = if let Some(replacement) = Replacement::of(&resize) {
        if !resize.dry_run {
            replace::somebody_is_there()?;
        }
        let report = replacement.perform(|half| perform(desk, half), replace::is_put_in)?;
        desk.output.show(&report)?;
        report.is_done()
    } else {
        let report = OutcomeReport { outcome: perform(desk, &resize)? };
        desk.output.show(&report)?;
        report.is_done()
    };
    Ok(if is_done { Exit::Done } else { Exit::Failed })
}

fn perform(desk: &Desk, resize: &Resize) -> Result<ResizeOutcome> {
    match Agent::connect(&desk.sysroot) {
        Ok(agent) => ask(desk, agent, resize),
        Err(agent::Error::NotRunning) => Ok(lpard::resize_here(&desk.sysroot, resize, &mut |done, of, text| {
            progress(desk, &Progress { done, of, text: text.to_owned() });
        })?),
        Err(error) => Err(error.into()),
    }
}

impl OutcomeReport {
    fn is_done(&self) -> bool {
        matches!(self.outcome.verdict, Verdict::Complete | Verdict::Planned)
    }
}

/// An answer of the agent: how far it is, or at last what came of it.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    progress: Option<Progress>,
    #[serde(default)]
    outcome: Option<ResizeOutcome>,
}

#[derive(Debug, Deserialize)]
struct Progress {
    done: u32,
    of: u32,
    text: String,
}

fn ask(desk: &Desk, agent: Agent, resize: &Resize) -> Result<ResizeOutcome> {
    let patience = Duration::from_millis(resize.deadline_ms) + LAST_STEP;
    let mut answers = agent.listen(Method::Dlpar, json!({ "resize": resize }), Some(patience))?;
    while let Some(answer) = answers.next::<Answer>()? {
        if let Some(step) = answer.progress {
            progress(desk, &step);
        }
        if let Some(outcome) = answer.outcome {
            return Ok(outcome);
        }
    }
    Err(agent::Error::no_outcome(Method::Dlpar).into())
}

/// For who watches; who reads JSON or a file wants the outcome alone.
fn progress(desk: &Desk, step: &Progress) {
    if desk.output.is_for_people() && io::stderr().is_terminal() {
        // It is only a pastime: nothing is lost without it.
        let _ = writeln!(io::stderr(), "{} of {}: {}", step.done, step.of, visible(&step.text));
    }
}

/// A plan has more candidates than are needed, where one of them may fail.
fn planned(asked: u64, candidates: usize) -> String {
    if u64::try_from(candidates).is_ok_and(|candidates| candidates > asked) {
        let are = if asked == 1 { "is" } else { "are" };
        return format!("would be tried in this order, until {asked} {are} done:");
    }
    "would be done:".to_owned()
}

impl Report for OutcomeReport {
    fn write(&self, sheet: &mut Sheet) {
        let ResizeOutcome { verdict, asked, done, items, shortfall } = &self.outcome;
        let (words, style) = match verdict {
            // A question changes nothing.
            Verdict::Complete if *done == 0 => ("it is there:".to_owned(), Style::Good),
            Verdict::Complete => (format!("done: {done} of {asked}"), Style::Good),
            Verdict::Partial => (format!("only a part is done: {done} of {asked}"), Style::Doubtful),
            Verdict::Unchanged => (format!("nothing is changed: 0 of {asked}"), Style::Bad),
            Verdict::Stuck => {
                (format!("some of it could not be taken back: {done} of {asked} are changed"), Style::Bad)
            }
            Verdict::Planned => (planned(*asked, items.len()), Style::Good),
        };
        sheet.line(&Cell::styled(words, style));
        for item in items {
            sheet.line(&Cell::new(format_args!("- {item}")));
        }
        if let Some(shortfall) = shortfall {
            sheet.line(&Cell::styled(format_args!("why not more: {}", shortfall.text), style));
        }
    }
}
