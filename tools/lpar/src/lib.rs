//! The administrator's command line.
//!
//! # Theory of operation
//!
//! A verb is a file in `cmd/`: it reads, makes a report and shows it. A report is one type that serializes to the JSON and
//! writes the text, so that both say the same. What the system shows to everybody is read directly, through the one door
//! ([`sysroot`]): `status`, `identity`, `dcaps`, `slots`, `doctor`, `events --decode`. What changes the partition, or what
//! only the agent knows, is asked of the agent ([`agent`], varlink on `/run/lpard/control`). Of a recorded machine, which has
//! no agent, everything that only reads says what its files have.
//!
//! ```text
//!   cli (as typed) -> cmd/<verb> -> platform, doctor, agent (read) -> Report -> text or JSON
//! ```
//!
//! `doctor` is a list of small pure checks, an observation to a finding each; all reading is in `doctor/read`.

#![cfg_attr(test, allow(clippy::disallowed_methods))] // tests build their machines as they like

mod agent;
pub mod cli;
mod cmd;
mod doctor;
mod error;
mod events;
mod exit;
mod report;
mod text;
mod units;

pub use exit::Exit;

/// Runs the verb. Whatever is to be said has been said when this returns.
pub fn run(cli: &cli::Cli) -> Exit {
    cmd::run(cli).unwrap_or_else(|error| {
        report::print_error(&error);
        error.exit()
    })
}
