//! `lpar trust`: which consoles the agent believes.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Desk;
use crate::agent::answer::{Console, Trust};
use crate::agent::{Agent, Method, PROMPT, ask_or_read};
use crate::cli::TrustCommand;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Report;
use crate::text::{Cell, Row, Sheet, Style};

/// The answer to `TrustAdd`.
#[derive(Debug, Serialize, Deserialize)]
struct Added {
    /// It was not believed before; otherwise it has new addresses now.
    added: bool,
}

/// The answer to `TrustRemove`.
#[derive(Debug, Serialize, Deserialize)]
struct Removed {
    removed: Console,
}

pub(super) fn run(desk: &Desk, command: &TrustCommand) -> Result<Exit> {
    let connect = || Agent::connect(&desk.sysroot);
    match command {
        TrustCommand::List => {
            let trust: Trust = ask_or_read(&desk.sysroot, Method::TrustList, lpard::trust_here)?;
            desk.output.show(&trust)?;
        }
        TrustCommand::Add(args) => desk.output.show(&connect()?.ask::<Added>(Method::TrustAdd, args, PROMPT)?)?,
        TrustCommand::Remove { console } => {
            let removed: Removed = connect()?.ask(Method::TrustRemove, json!({ "console": console }), PROMPT)?;
            desk.output.show(&removed)?;
        }
    }
    Ok(Exit::Done)
}

impl Report for Trust {
    fn write(&self, sheet: &mut Sheet) {
        let none = || Cell::styled("none: lpard makes one when it runs for the first time", Style::Doubtful);
        let mut fields = vec![("This partition's key", self.own_key.as_ref().map_or_else(none, Cell::new))];
        fields.extend(self.own_fingerprint.as_ref().map(|fingerprint| ("", Cell::new(fingerprint))));
        sheet.fields(fields);
        if self.consoles.is_empty() {
            sheet.line(&Cell::styled("no console is trusted (lpar trust add KEY)", Style::Doubtful));
        }
        let rows: Vec<Row> = self.consoles.iter().map(Console::row).collect();
        sheet.table(&rows);
    }
}

impl Console {
    fn row(&self) -> Row {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let place = match addresses.as_slice() {
            [] => format!("asked for on the management network, port {}", self.port),
            addresses => format!("{}, port {}", addresses.join(", "), self.port),
        };
        let row = Row::from(vec![Cell::styled(&self.name, Style::Label), Cell::new(&self.key)]);
        let row = row.below(Cell::new(&self.fingerprint)).below(Cell::new(place));
        if self.because.is_empty() { row } else { row.below(Cell::new(&self.because)) }
    }
}

impl Report for Added {
    fn write(&self, sheet: &mut Sheet) {
        let text =
            if self.added { "trusted from now on" } else { "was trusted already; name and addresses are as given now" };
        sheet.line(&Cell::new(text));
    }
}

impl Report for Removed {
    fn write(&self, sheet: &mut Sheet) {
        let Console { name, key, .. } = &self.removed;
        sheet.line(&Cell::new(format_args!("not trusted any more: {name} ({key})")));
    }
}
