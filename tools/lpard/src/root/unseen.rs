//! What consoles must hear, kept until one has seen it: neither a network part nor an agent that ends loses it.
//!
//! Messages are counted as the network part gets them, from 1: its session numbers the events that it makes of them in the
//! same way, so that what a console says it has seen can be forgotten here. The file is gone with the next boot: a console
//! learns what there is then from the greeting and the inventory.

use std::collections::VecDeque;

use serde_json::Value;
use sysroot::Sysroot;
use wire::hex::MigrationId;
use wire::message::Event;

use crate::parts::message::FromRoot;

const PATH: &str = "run/lpard/unseen";

/// What is kept while no console comes; the session keeps as many.
const CAPACITY: usize = 256;

/// What consoles must hear.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    /// The oldest first; those that the present network part has not got are at the end.
    kept: VecDeque<Kept>,
    /// How many the present network part has got.
    given: u64,
    /// The file shows something else.
    has_changed: bool,
    /// That it cannot be written was said.
    is_unwritable: bool,
}

#[derive(Debug)]
struct Kept {
    /// Its number in the session of the present network part; none as long as that has not got it.
    number: Option<u64>,
    message: FromRoot,
}

impl Unseen {
    /// What the agent before this one could not tell, or did not hear that it was seen. What cannot be read is none.
    pub(super) fn load(sysroot: &Sysroot) -> Self {
        let text = sysroot.read_text_if_present(PATH).ok().flatten().unwrap_or_default();
        // Another version may have written some that this one does not know.
        let messages: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
        let messages = messages
            .into_iter()
            .filter_map(|message| serde_json::from_value(message).ok())
            .filter(|message| must_be_heard(message) && !is_in_inventory(message));
        let kept = messages.take(CAPACITY).map(|message| Kept { number: None, message }).collect();
        Self { kept, given: 0, has_changed: true, is_unwritable: false }
    }

    /// Writes down what is kept, if it is not what was written last. What fails is tried again at each call, and told once.
    pub(super) fn save(&mut self, sysroot: &Sysroot) -> Result<(), SaveError> {
        let saved = self.write(sysroot);
        let was_unwritable = std::mem::replace(&mut self.is_unwritable, saved.is_err());
        if was_unwritable { Ok(()) } else { saved }
    }

    fn write(&mut self, sysroot: &Sysroot) -> Result<(), SaveError> {
        if !self.has_changed || (self.kept.is_empty() && !sysroot.exists(PATH)) {
            return Ok(());
        }
        let messages: Vec<&FromRoot> = self.kept.iter().map(|kept| &kept.message).collect();
        sysroot.replace_file(PATH, &serde_json::to_vec(&messages)?, 0o600)?;
        self.has_changed = false;
        Ok(())
    }

    /// Keeps another one. When nobody comes for very long, the oldest of the common ones make place.
    pub(super) fn push(&mut self, message: FromRoot) {
        if self.kept.len() >= CAPACITY {
            let common = self.kept.iter().position(|kept| matches!(kept.message, FromRoot::Happened(_)));
            self.kept.remove(common.unwrap_or(0));
        }
        self.kept.push_back(Kept { number: None, message });
        self.has_changed = true;
    }

    /// The next one that the present network part has not got.
    pub(super) fn next(&self) -> Option<&FromRoot> {
        self.kept.iter().find(|kept| kept.number.is_none()).map(|kept| &kept.message)
    }

    /// It has got that one now.
    pub(super) fn given(&mut self) {
        if let Some(next) = self.kept.iter_mut().find(|kept| kept.number.is_none()) {
            self.given += 1;
            next.number = Some(self.given);
        }
    }

    /// That one cannot be given to anybody.
    pub(super) fn drop_next(&mut self) {
        if let Some(at) = self.kept.iter().position(|kept| kept.number.is_none()) {
            self.kept.remove(at);
            self.has_changed = true;
        }
    }

    /// A console has seen those up to a number.
    pub(super) fn seen(&mut self, through: u64) {
        let before = self.kept.len();
        self.kept.retain(|kept| kept.number.is_none_or(|number| number > through));
        self.has_changed |= self.kept.len() != before;
    }

    /// The next network part has to tell all of it again; but its consoles ask first what there is.
    pub(super) fn part_ended(&mut self) {
        self.kept.retain(|kept| !is_in_inventory(&kept.message));
        self.kept.iter_mut().for_each(|kept| kept.number = None);
        self.given = 0;
        self.has_changed = true;
    }

    /// A migration whose journal is open is told again by who mends it, from its beginning. What is kept of others stays.
    pub(super) fn forget_migration(&mut self, migration: Option<MigrationId>) {
        let begins =
            |kept: &Kept| matches!(&kept.message, FromRoot::Resumed { record, .. } if record.migration == migration);
        let Some(begin) = self.kept.iter().rposition(begins) else { return };
        let mut at = 0..self.kept.len();
        self.kept.retain(|kept| at.next() < Some(begin) || matches!(kept.message, FromRoot::Happened(_)));
        self.has_changed = true;
    }

    /// Whether all of it would outlive this agent.
    pub(super) fn is_saved(&self) -> bool {
        self.kept.is_empty() || !self.has_changed
    }
}

/// Why it could not be written down.
#[derive(Debug, thiserror::Error)]
pub(super) enum SaveError {
    #[error("keep what no console has seen")]
    Os(#[from] sysroot::Error),
    #[error("write what no console has seen as JSON")]
    Json(#[from] serde_json::Error),
}

fn must_be_heard(message: &FromRoot) -> bool {
    matches!(message, FromRoot::Happened(_) | FromRoot::Resumed { .. } | FromRoot::Settled { .. })
}

/// What says how something was then: the inventory says how it is.
fn is_in_inventory(message: &FromRoot) -> bool {
    matches!(message, FromRoot::Happened(Event::Resized { .. } | Event::Health(_)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::message::event::FirmwareEvent;
    use wire::message::inventory::{HealthState, Machine};
    use wire::message::migration::MigrationRecord;

    use super::*;

    fn firmware(text: &str) -> FromRoot {
        let (kind, severity, text) = ("epow".to_owned(), HealthState::Warning, text.to_owned());
        FromRoot::Happened(Event::Firmware(FirmwareEvent { kind, severity, text }))
    }

    fn resized() -> FromRoot {
        FromRoot::Happened(Event::Resized { virtual_processors: 1, memory_mib: 1 })
    }

    fn resumed() -> FromRoot {
        let machine = Machine { type_model: "8286-41A".into(), serial: "1".into() };
        let record = MigrationRecord { migration: None, from: machine.clone(), to: machine, suspended_ms: 1 };
        FromRoot::Resumed { record, console: None }
    }

    fn settled() -> FromRoot {
        FromRoot::Settled { hooks: Vec::new() }
    }

    fn with(messages: impl IntoIterator<Item = FromRoot>) -> Unseen {
        let mut unseen = Unseen::default();
        messages.into_iter().for_each(|message| unseen.push(message));
        unseen
    }

    fn give_all(unseen: &mut Unseen) -> Vec<FromRoot> {
        let mut given = Vec::new();
        while let Some(message) = unseen.next().cloned() {
            given.push(message);
            unseen.given();
        }
        given
    }

    #[test]
    fn what_was_given_is_kept_until_it_is_seen_and_given_again_to_the_next_part() {
        let mut unseen = with([firmware("a"), settled()]);
        assert_eq!(give_all(&mut unseen), [firmware("a"), settled()]);
        unseen.push(resized());
        unseen.push(firmware("b"));
        assert_eq!(give_all(&mut unseen), [resized(), firmware("b")]);
        unseen.seen(1);
        unseen.part_ended();
        assert_eq!(give_all(&mut unseen), [settled(), firmware("b")]);
        unseen.seen(1);
        unseen.part_ended();
        assert_eq!(give_all(&mut unseen), [firmware("b")], "each part counts from 1");
        unseen.seen(u64::MAX);
        assert_eq!(unseen.kept.len(), 0);
    }

    #[test]
    fn what_was_not_given_is_not_seen() {
        let mut unseen = with([firmware("a")]);
        unseen.seen(7);
        assert_eq!(give_all(&mut unseen), [firmware("a")]);
    }

    #[test]
    fn one_that_cannot_be_given_is_dropped_and_has_no_number() {
        let mut unseen = with([firmware("long"), firmware("short")]);
        unseen.drop_next();
        assert_eq!(give_all(&mut unseen), [firmware("short")]);
        unseen.seen(1);
        assert_eq!(unseen.kept.len(), 0);
    }

    #[test]
    fn it_does_not_grow_without_end_and_what_is_rare_is_kept_longest() {
        let mut unseen = with([settled()]);
        (0..2 * CAPACITY).for_each(|_| unseen.push(firmware("a")));
        assert_eq!((unseen.kept.len(), unseen.next()), (CAPACITY, Some(&settled())));
        let mut unseen = with((0..2 * CAPACITY).map(|_| settled()));
        unseen.push(firmware("a"));
        assert_eq!(unseen.kept.len(), CAPACITY);
    }

    #[test]
    fn a_migration_that_is_mended_is_told_by_who_mends_it_and_an_earlier_one_stays() {
        let of = |number| Some(MigrationId(number));
        let moved = |number| match resumed() {
            FromRoot::Resumed { record, console } => {
                FromRoot::Resumed { record: MigrationRecord { migration: of(number), ..record }, console }
            }
            other => other,
        };
        let earlier = || vec![moved(1), settled(), firmware("a")];
        // Killed before it was settled, and between that and the end of the journal.
        for open in [vec![moved(2)], vec![moved(2), settled()], vec![]] {
            let mut unseen = with(earlier().into_iter().chain(open));
            unseen.forget_migration(of(2));
            assert_eq!(give_all(&mut unseen), earlier());
        }
        let mut unseen = with([moved(2), firmware("a"), settled()]);
        unseen.forget_migration(of(2));
        assert_eq!(give_all(&mut unseen), [firmware("a")]);
    }

    #[test]
    fn what_could_not_be_written_is_written_the_next_time() {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        let mut unseen = with([settled()]);
        assert!(unseen.save(&sysroot).is_err(), "there is no such directory");
        assert!(unseen.save(&sysroot).is_ok(), "and once is enough to say so");
        sysroot.create_directories("run/lpard").unwrap();
        unseen.save(&sysroot).unwrap();
        assert_eq!(give_all(&mut Unseen::load(&sysroot)), [settled()]);
    }

    #[test]
    fn the_next_agent_tells_what_this_one_could_not() {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        with([]).save(&sysroot).unwrap();
        assert!(!sysroot.exists(PATH), "nothing is written about nothing");
        sysroot.create_directories("run/lpard").unwrap();
        let mut unseen = with([firmware("a"), resized(), settled()]);
        unseen.save(&sysroot).unwrap();
        let mut next = Unseen::load(&sysroot);
        assert_eq!(give_all(&mut next), [firmware("a"), settled()], "sizes are in the inventory");
        let later = format!("[{},{{\"later\":{{}}}}]", serde_json::to_string(&settled()).unwrap());
        sysroot.replace_file(PATH, later.as_bytes(), 0o600).unwrap();
        assert_eq!(give_all(&mut Unseen::load(&sysroot)), [settled()], "what another version says more is passed over");
        for nonsense in ["", "[", r#"["end"]"#, r#"[{"end":{}}]"#, "\u{fffd}"] {
            sysroot.replace_file(PATH, nonsense.as_bytes(), 0o600).unwrap();
            assert_eq!(give_all(&mut Unseen::load(&sysroot)), [], "{nonsense}");
        }
    }
}
