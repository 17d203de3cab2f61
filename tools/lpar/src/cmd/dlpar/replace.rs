//! `lpar dlpar slot replace`: the old adapter goes, somebody puts the new one in, and it comes.
//!
//! The agent cannot see that a hand was there: an adapter that is still in its slot looks like a new one. So somebody beside
//! the slot is asked, and both changes are ordinary requests.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use lpard::visible::visible;
use serde::Serialize;
use wire::message::dlpar::{Change, Resize, ResizeOutcome, SlotAction, SlotTarget, Verdict};

use super::OutcomeReport;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::text::{Cell, Sheet, Style};

/// The two halves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replacement {
    slot: SlotTarget,
    remove: Resize,
    add: Resize,
}

/// What came of them.
#[derive(Debug, Serialize)]
pub(super) struct ReplaceReport {
    removed: OutcomeReport,
    /// None when the slot stays empty, or nothing was removed.
    added: Option<OutcomeReport>,
}

impl Replacement {
    /// None when something else is asked.
    pub(super) fn of(resize: &Resize) -> Option<Self> {
        let Change::Slot { action: SlotAction::Replace, target } = &resize.change else { return None };
        let half = |action| Resize { change: Change::Slot { action, target: target.clone() }, ..resize.clone() };
        Some(Self { slot: target.clone(), remove: half(SlotAction::Remove), add: half(SlotAction::Add) })
    }

    /// Does it. `ask` has one request done, `is_put_in` says whether the new adapter is in its slot.
    pub(super) fn perform(
        &self,
        mut ask: impl FnMut(&Resize) -> Result<ResizeOutcome>,
        is_put_in: impl FnOnce(&str) -> io::Result<bool>,
    ) -> Result<ReplaceReport> {
        let removed = ask(&self.remove)?;
        let goes_on = removed.verdict == Verdict::Complete;
        let name = match &self.slot {
            SlotTarget::Index(index) => index.to_string(),
            SlotTarget::Name(name) => name.clone(),
        };
        // Who cannot be asked has not put anything in; that the old one is gone is told all the same.
        let added = if goes_on && is_put_in(&name).unwrap_or(false) { Some(ask(&self.add)?) } else { None };
        Ok(ReplaceReport {
            removed: OutcomeReport { outcome: removed },
            added: added.map(|outcome| OutcomeReport { outcome }),
        })
    }
}

impl ReplaceReport {
    /// The new adapter is in use; of a dry run, that the old one could go.
    pub(super) fn is_done(&self) -> bool {
        match &self.added {
            Some(added) => added.is_done(),
            None => self.removed.outcome.verdict == Verdict::Planned,
        }
    }
}

impl Report for ReplaceReport {
    fn write(&self, sheet: &mut Sheet) {
        sheet.line(&Cell::styled("the old adapter goes", Style::Label));
        self.removed.write(sheet);
        match &self.added {
            Some(added) => {
                sheet.line(&Cell::styled("the new one comes", Style::Label));
                added.write(sheet);
            }
            None if self.removed.outcome.verdict == Verdict::Complete => {
                sheet
                    .line(&Cell::styled("the slot is empty: lpar dlpar slot add takes what is in it", Style::Doubtful));
            }
            None => {}
        }
    }
}

/// Nothing is begun that nobody could end.
pub(super) fn somebody_is_there() -> Result<()> {
    if io::stdin().is_terminal() { Ok(()) } else { Err(Error::Nobody) }
}

/// Asks who is beside the slot.
pub(super) fn is_put_in(slot: &str) -> io::Result<bool> {
    let mut stderr = io::stderr();
    write!(
        stderr,
        "put the new adapter into {}, then press Enter (x and Enter: leave the slot empty): ",
        visible(slot)
    )?;
    stderr.flush()?;
    let mut line = String::new();
    let length = io::stdin().lock().read_line(&mut line)?;
    Ok(length > 0 && line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacement(dry_run: bool) -> Replacement {
        let change = Change::Slot { action: SlotAction::Replace, target: SlotTarget::Name("C8".into()) };
        Replacement::of(&Resize { change, deadline_ms: 1000, allow_partial: false, dry_run }).unwrap()
    }

    fn outcome(verdict: Verdict) -> ResizeOutcome {
        ResizeOutcome { verdict, asked: 1, done: 1, items: vec![], shortfall: None }
    }

    /// What is asked of the agent when it answers so, and whether all is done.
    fn told(verdicts: [Verdict; 2], put_in: bool) -> (Vec<SlotAction>, bool) {
        let mut asked = Vec::new();
        let mut verdicts = verdicts.into_iter();
        let ask = |resize: &Resize| {
            let Change::Slot { action, .. } = &resize.change else { panic!("{resize:?}") };
            asked.push(*action);
            Ok(outcome(verdicts.next().unwrap()))
        };
        let done = replacement(false).perform(ask, |_| Ok(put_in)).unwrap().is_done();
        (asked, done)
    }

    #[test]
    fn the_new_one_comes_when_the_old_one_is_gone_and_it_is_in_its_slot() {
        use SlotAction::{Add, Remove};
        use Verdict::{Complete, Unchanged};
        assert_eq!(told([Complete, Complete], true), (vec![Remove, Add], true));
        assert_eq!(told([Complete, Unchanged], true), (vec![Remove, Add], false));
        assert_eq!(told([Complete, Complete], false), (vec![Remove], false));
        assert_eq!(told([Unchanged, Complete], true), (vec![Remove], false));
        let planned = replacement(true).perform(|_| Ok(outcome(Verdict::Planned)), |_| panic!("nobody is asked"));
        assert!(planned.unwrap().is_done());
    }

    #[test]
    fn only_adapters_are_replaced() {
        let change = Change::Phb { action: SlotAction::Replace, target: SlotTarget::Name("PHB 1".into()) };
        assert_eq!(Replacement::of(&Resize { change, deadline_ms: 1, allow_partial: false, dry_run: false }), None);
    }
}
