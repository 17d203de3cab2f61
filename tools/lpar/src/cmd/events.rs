//! `lpar events`: what firmware reported, from the agent, from a recorded machine or from a file.

use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sysroot::Sysroot;

use super::Desk;
use crate::agent::{Agent, Method, PROMPT};
use crate::cli::EventsArgs;
use crate::error::{Error, Result};
use crate::events::{Details, Found, decode};
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

/// The largest file that is decoded. A kernel log of a long life is some ten MiB.
const INPUT_LIMIT_BYTES: usize = 64 << 20;

/// The log of rtas_errd.
const LOG: &str = "var/log/platform";
/// What waits in the kernel, by its two names. To read it takes it away from whoever is to have it.
const WAITING: [&str; 2] = ["proc/powerpc/rtas/error_log", "proc/ppc64/rtas/error_log"];

pub(super) fn run(desk: &Desk, args: &EventsArgs) -> Result<Exit> {
    match &args.decode {
        Some(file) => decode_file(desk, file),
        None if args.follow => follow(desk),
        None => kept(desk),
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
    let limit_bytes = INPUT_LIMIT_BYTES as u64;
    if is_standard_input(file) {
        io::stdin().lock().take(limit_bytes).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(limit_bytes).read_to_end(&mut bytes)?;
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

/// The events that the agent has kept, or those of the record.
fn kept(desk: &Desk) -> Result<Exit> {
    let events = match Agent::connect_unless_recorded(&desk.sysroot)? {
        Some(mut agent) => agent.ask(Method::Events, json!({}), PROMPT)?,
        None => recorded(&desk.sysroot)?,
    };
    show(desk, events)?;
    Ok(Exit::Done)
}

/// The same, and those that come, until interrupted.
fn follow(desk: &Desk) -> Result<Exit> {
    let mut answers = Agent::connect(&desk.sysroot)?.listen(Method::Events, json!({}), None)?;
    while let Some(events) = answers.next()? {
        show(desk, events)?;
    }
    Ok(Exit::Done)
}

/// Those that rtas_errd has written, then those that wait in the kernel.
fn recorded(sysroot: &Sysroot) -> Result<Events> {
    let mut events = events_of(sysroot, LOG)?;
    for path in WAITING {
        let waiting = events_of(sysroot, path)?;
        if !waiting.is_empty() {
            events.extend(waiting);
            break;
        }
    }
    if events.is_empty() { Err(Error::NothingRecorded { looked_at: [LOG, WAITING[0]] }) } else { Ok(Events { events }) }
}

/// A file that does not know its length may be a kernel's own, through another name of its root directory: it is left alone.
fn events_of(sysroot: &Sysroot, path: &str) -> Result<Vec<Reported>> {
    if sysroot.stat(path)?.is_none_or(|stat| !stat.is_file || stat.size_bytes == 0) {
        return Ok(Vec::new());
    }
    let found = decode(&sysroot.read_bytes_at_most(path, INPUT_LIMIT_BYTES)?);
    found.into_iter().filter_map(|found| Reported::new(found).transpose()).collect()
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

impl Reported {
    /// As the agent tells it; a line about an event is not the event.
    fn new(Found { number, sentence, details }: Found) -> Result<Option<Self>> {
        let Details::Event(event) = details else { return Ok(None) };
        Ok(Some(Self { number, sentence, event: serde_json::to_value(event)? }))
    }
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
