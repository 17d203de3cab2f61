//! `lpar events`: what firmware and the agent reported, from the agent or from a file.

use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Desk;
use crate::agent::{Agent, Method, PROMPT};
use crate::cli::EventsArgs;
use crate::error::{Error, Result};
use crate::events::{Found, decode};
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

/// The largest file that is decoded. A kernel log of a long life is some ten MiB.
const INPUT_LIMIT_BYTES: u64 = 64 << 20;

pub(super) fn run(desk: &Desk, args: &EventsArgs) -> Result<Exit> {
    match &args.decode {
        Some(file) => decode_file(desk, file),
        None => from_agent(desk, args.follow),
    }
}

#[derive(Debug, Serialize)]
struct DecodeReport {
    events: Vec<Found>,
}

fn decode_file(desk: &Desk, file: &Path) -> Result<Exit> {
    let name = if is_standard_input(file) { "standard input".to_owned() } else { file.display().to_string() };
    let bytes = read_input(file).map_err(|source| Error::Input { name: name.clone(), source })?;
    let events = decode(&bytes);
    if events.is_empty() {
        return Err(Error::NoEvent { name });
    }
    desk.output.show(&DecodeReport { events })?;
    Ok(Exit::Done)
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// The user's file is not the machine's: it is where the user says, whatever `--sysroot` is.
#[expect(clippy::disallowed_methods, reason = "the user's own file, not one of the machine that is looked at")]
fn read_input(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if is_standard_input(file) {
        io::stdin().lock().take(INPUT_LIMIT_BYTES).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(INPUT_LIMIT_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

impl Report for DecodeReport {
    fn write(&self, sheet: &mut Sheet) {
        for found in &self.events {
            sheet.line(&Cell::new(&found.sentence));
        }
    }
}

/// The events that the agent has kept; with `follow` also those that come, until interrupted.
fn from_agent(desk: &Desk, follow: bool) -> Result<Exit> {
    let mut agent = Agent::connect(&desk.sysroot)?;
    if !follow {
        show(desk, agent.ask(Method::Events, json!({}), PROMPT)?)?;
        return Ok(Exit::Done);
    }
    let mut answers = agent.listen(Method::Events, json!({}), None)?;
    while let Some(events) = answers.next()? {
        show(desk, events)?;
    }
    Ok(Exit::Done)
}

/// An answer to `Events`.
#[derive(Debug, Deserialize)]
struct Events {
    events: Vec<Reported>,
}

/// An event that the agent has seen.
#[derive(Debug, Serialize, Deserialize)]
struct Reported {
    /// The kernel's number of it.
    #[serde(default)]
    number: Option<u64>,
    /// What happened.
    sentence: String,
    /// All that was decoded.
    #[serde(default)]
    event: Value,
}

fn show(desk: &Desk, Events { events }: Events) -> Result<()> {
    events.iter().try_for_each(|event| desk.output.show_one_of_many(event))
}

impl Report for Reported {
    fn write(&self, sheet: &mut Sheet) {
        let style = match self.event["header"]["severity"].as_str() {
            Some("warning") => Style::Doubtful,
            Some("error_sync" | "error" | "fatal") => Style::Bad,
            _ => Style::Good,
        };
        let number = self.number.map(|number| number.to_string()).unwrap_or_default();
        sheet.table(&[Row::from(vec![Cell::styled(number, style), Cell::new(&self.sentence)])]);
    }
}
