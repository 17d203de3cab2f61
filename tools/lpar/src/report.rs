//! How results are told: text for people, JSON for programs, both from one type. The only place that prints.

use std::io::{self, IsTerminal, Write};

use lpard::visible::visible;
use serde::Serialize;

use crate::error::{Error, Result, causes};
use crate::text::{Paint, Sheet};

/// What a verb found out. The JSON is its serialization.
pub(crate) trait Report: Serialize {
    /// The same for a person.
    fn write(&self, sheet: &mut Sheet);
}

/// Where reports go, and in what form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    paint: Paint,
}

impl Output {
    /// To standard output.
    pub(crate) fn new(json: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR");
        Self { json, paint: Paint::choose(io::stdout().is_terminal(), no_color.as_deref()) }
    }

    /// Whether somebody reads it, not a program.
    pub(crate) fn is_for_people(self) -> bool {
        !self.json
    }

    /// Prints a report.
    pub(crate) fn show(self, report: &impl Report) -> Result<()> {
        if self.json {
            return print(format!("{}\n", serde_json::to_string_pretty(report)?).as_bytes());
        }
        let mut sheet = Sheet::new(self.paint);
        report.write(&mut sheet);
        print(sheet.into_text().as_bytes())
    }

    /// Prints one of many reports: as text like the others, as JSON on one line.
    pub(crate) fn show_one_of_many(self, report: &impl Report) -> Result<()> {
        if self.json {
            return print(format!("{}\n", serde_json::to_string(report)?).as_bytes());
        }
        self.show(report)
    }
}

/// Prints bytes. A closed pipe is the reader's choice and no error of ours.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Output),
    }
}

/// Prints an error, its causes and what to do about it.
pub(crate) fn print_error(error: &Error) {
    let mut text = format!("error: {}\n", visible(&error.to_string()));
    text.extend(causes(error).skip(1).map(|cause| format!("cause: {}\n", visible(&cause.to_string()))));
    text.extend(error.advice().map(|advice| format!("note: {advice}\n")));
    // Nowhere is left to complain if stderr is gone.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
