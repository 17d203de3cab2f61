//! The step `kill_agent_at_each`: the agent is killed where it wants to write the next line of its journal, at the first one, at the
//! second one, and so on until it has ended what it was asked before it came to that line.
//!
//! An ambush in the partition does it, in the moment in which the journal is opened: all lines before this one are written, and
//! what the last of them says has begun may have been done. After each death everybody has to agree on the partition again, and it
//! must be one of two: what it was before, or what was asked.

mod ambush;
mod resized;

use std::cell::Cell;
use std::time::{Duration, Instant};

use wire::message::inventory::Inventory;
use wire::message::{Answer, Request};

use self::ambush::Ambush;
use super::holding::look;
use super::perform::runs_once;
use super::sessions;
use crate::error::Error;
use crate::guest::QUICK;
use crate::lab::{Frame, Lab};
use crate::migration::phase::Phase;
use crate::migration::run::{Options, migrate};
use crate::partition::{Journal, Partition};
use crate::scenario::step::{KillAgentAtEach, Lspartition, Work};
use crate::status::summary;

/// More lines than any journal of these has: an agent that writes on and on does not get on.
const MOST_LINES: u32 = 60;
/// An agent that was started again has put its journal in order by then, and has a session.
const ORDER_DEADLINE: Duration = Duration::from_secs(90);
/// The hooks of the lab's guests take a moment.
const HOOK_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

pub(super) fn at_each_line(lab: &Lab, step: &KillAgentAtEach) -> Result<String, Error> {
    let partition = lab.partition(&step.lpar)?;
    let scene = Scene { lab, partition, work: step.line_of, ambushes: Cell::new(0) };
    let begun = Instant::now();
    let deaths = match step.line_of {
        Work::Processors => resized::processors(&scene)?,
        Work::Memory => resized::memory(&scene)?,
        Work::Migration => migrations(&scene)?,
    };
    let each = begun.elapsed().as_secs_f64() / f64::from(deaths + 1);
    Ok(format!("killed at {deaths} places, {each:.1} s each; then done"))
}

/// A partition whose agent dies.
struct Scene<'a> {
    lab: &'a Lab,
    partition: &'a Partition,
    work: Work,
    ambushes: Cell<u32>,
}

impl Scene<'_> {
    fn name(&self) -> &str {
        &self.partition.spec.name
    }

    fn frame(&self) -> Result<&Frame, Error> {
        self.lab.frame_of(self.partition)
    }

    fn wrong(&self, what: &str, cause: impl Into<String>) -> Error {
        Error::guest(self.name(), what, cause)
    }

    /// Lets the agent die at one place after the other of what `ask` makes it do; `judge` hears whether it died. Gives how many
    /// places there were.
    fn at_each<T>(
        &self,
        ask: impl Fn() -> Result<T, Error>,
        judge: impl Fn(T, bool) -> Result<(), Error>,
    ) -> Result<u32, Error> {
        for (deaths, place) in (0..).zip(1..=MOST_LINES) {
            let ambush = Ambush::lay(self, place)?;
            let came = ask()?;
            let died = ambush.lift()?;
            let judged = if died { self.wait_for_order() } else { Ok(()) }.and_then(|()| judge(came, died));
            judged.map_err(|error| {
                self.wrong(&format!("survive the death of its agent at line {place}"), error.to_string())
            })?;
            if !died {
                return Ok(deaths);
            }
        }
        Err(self.wrong("end what it was asked", format!("its journal has more than {MOST_LINES} lines")))
    }

    /// There is an agent again; it has closed the journal; the console shows the partition as it is.
    fn wait_for_order(&self) -> Result<(), Error> {
        let end = Instant::now() + ORDER_DEADLINE;
        let inventory = loop {
            match self.in_order() {
                Ok(inventory) => break inventory,
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(POLL),
            }
        };
        let cores = look(self.lab, self.partition, self.frame()?)?.cores.len();
        let told = inventory.processors.virtual_processors;
        if usize::try_from(told) != Ok(cores) {
            return Err(self.wrong("tell what it has", format!("its agent tells of {told} processors, it has {cores}")));
        }
        let contains = "Active:<1>, OS:<Linux/".to_owned();
        let shown = Lspartition { lpar: self.name().to_owned(), contains, within_s: ORDER_DEADLINE.as_secs() };
        sessions::lspartition(self.lab, &shown).map(drop)
    }

    /// Only an agent that lives answers: the session of the dead one may still look alive.
    fn in_order(&self) -> Result<Inventory, Error> {
        let console = &self.frame()?.console;
        let Answer::Inventory(inventory) = self.lab.agents.ask(console, self.name(), Request::Inventory {}, QUICK)?
        else {
            return Err(self.wrong("tell of itself", "it answered something else"));
        };
        let journal = self.lab.guests.exec(console, self.name(), &["tail", "-n", "1", self.journal()], QUICK)?;
        let last = String::from_utf8_lossy(&journal.stdout).trim_end().to_owned();
        if is_over(&last) {
            Ok(*inventory)
        } else {
            Err(self.wrong("close its journal", format!("its last line is {last}")))
        }
    }

    fn journal(&self) -> &'static str {
        match self.work {
            Work::Processors | Work::Memory => "/var/lib/lparkit/dlpar.journal",
            Work::Migration => "/var/lib/lparkit/migration.journal",
        }
    }
}

/// Whether a journal that ends in this line has nothing to put in order: there is none, it is closed, or nothing had begun.
fn is_over(last: &str) -> bool {
    last.is_empty() || last.ends_with("\"closed\"}") || last.contains("\"line\":{\"opened\"")
}

/// There and back, each time as far as the agent lives.
fn migrations(scene: &Scene<'_>) -> Result<u32, Error> {
    let lab = scene.lab;
    let options = Options { hook_deadline: HOOK_DEADLINE, ..Options::default() };
    let go = || {
        let here = scene.partition.view().system;
        let other = lab.frames.iter().find(|frame| frame.spec.name != here);
        let other = other.ok_or_else(|| Error::Refused("there is no other system to migrate to".into()))?;
        migrate(lab, scene.partition, other, &options, &|_| ())
    };
    scene.at_each(go, |journal, died| {
        runs_once(lab, scene.partition)?;
        ended_well(&journal, died).map_err(Error::Refused)
    })
}

/// Who asked is told the truth: that it moved, that it is where it was, or that it did not begin. Without a death it moved, and
/// nothing is to be complained of.
fn ended_well(journal: &Journal, died: bool) -> Result<(), String> {
    match journal.phase() {
        Phase::Completed if died || journal.warnings.is_empty() => Ok(()),
        Phase::RolledBack | Phase::Refused if died => Ok(()),
        phase => Err(format!("it ended {phase}: {}", summary(journal).trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_over_when_it_is_closed_or_says_nothing_yet() {
        for (last, is) in [
            ("", true),
            (r#"{"boot":"b","event":"closed"}"#, true),
            (r#"{"boot":"b","line":"closed"}"#, true),
            (r#"{"boot":"b","line":{"opened":{"migration":null}}}"#, true),
            (r#"{"boot":"b","event":"opened","request":"x","partial":false,"in_order":false}"#, false),
            (r#"{"boot":"b","line":{"stage":"checking"}}"#, false),
            (r#"{"boot":"b","line":"clo"#, false),
        ] {
            assert_eq!(is_over(last), is, "{last}");
        }
    }
}
