//! What was asked and answered, so that a change that is asked for once more is not made once more.
//!
//! A console whose connection broke asks again, by the same name, what it has no answer to. Names grow within one run of a
//! console; so a name that is not greater than all before and not remembered was forgotten, and is not carried out.

use std::collections::VecDeque;

use crate::hex::RunId;
use crate::key::PublicKey;
use crate::message::{Answer, Request, RequestId};

/// A console asks for one change at a time; more than a few unheard answers are never asked for again.
const REMEMBERED: usize = 16;
/// Consoles whose names are remembered: two that manage a system, before and after a migration.
const CONSOLES: usize = 4;

/// Whose names these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The console.
    pub(super) console: PublicKey,
    /// Its run.
    pub(super) run: RunId,
}

/// What is remembered of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recollection<'a> {
    /// Nothing: it is new.
    New,
    /// The same request, not answered yet.
    Running,
    /// The same request and its answer.
    Answered(&'a Answer),
    /// Another request.
    Other,
    /// Nothing, but it is old.
    Forgotten,
}

/// The memory of changes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// One for each console, the one that is served last.
    books: VecDeque<Book>,
}

#[derive(Debug)]
struct Book {
    owner: Owner,
    greatest: Option<RequestId>,
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: RequestId,
    request: Request,
    answer: Option<Answer>,
}

impl Ledger {
    /// From now on names are this console's.
    pub(super) fn serve(&mut self, owner: Owner) {
        let known = self.books.iter().position(|book| book.owner == owner).and_then(|at| self.books.remove(at));
        self.books.push_back(known.unwrap_or(Book { owner, greatest: None, entries: VecDeque::new() }));
        if self.books.len() > CONSOLES {
            self.books.pop_front();
        }
    }

    /// The console that is served.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.books.back().map(|book| book.owner)
    }

    pub(super) fn recall(&self, id: RequestId, request: &Request) -> Recollection<'_> {
        let Some(book) = self.books.back() else { return Recollection::New };
        match book.entries.iter().find(|entry| entry.id == id) {
            Some(entry) if entry.request != *request => Recollection::Other,
            Some(Entry { answer: None, .. }) => Recollection::Running,
            Some(Entry { answer: Some(answer), .. }) => Recollection::Answered(answer),
            None if book.greatest.is_some_and(|greatest| id <= greatest) => Recollection::Forgotten,
            None => Recollection::New,
        }
    }

    /// A change begins.
    pub(super) fn begin(&mut self, id: RequestId, request: Request) {
        let Some(book) = self.books.back_mut() else { return };
        if book.entries.len() == REMEMBERED {
            book.entries.pop_front();
        }
        book.entries.push_back(Entry { id, request, answer: None });
        book.greatest = book.greatest.max(Some(id));
    }

    /// A change is over. False when what its console asked is not remembered any more.
    pub(super) fn finish(&mut self, owner: Owner, id: RequestId, answer: Answer) -> bool {
        let book = self.books.iter_mut().find(|book| book.owner == owner);
        let entry = book.and_then(|book| book.entries.iter_mut().find(|entry| entry.id == id));
        entry.map(|entry| entry.answer = Some(answer)).is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::key::PrivateKey;

    fn owner(run: u64) -> Owner {
        Owner { console: PrivateKey::from_seed(&[1; 32]).unwrap().public(), run: RunId(run) }
    }

    #[test]
    fn a_name_is_new_running_answered_another_s_or_forgotten() {
        let mut ledger = Ledger::default();
        let (undo, abort) = (Request::MigrationUndo {}, Request::MigrationAbort {});
        ledger.serve(owner(1));
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::New);
        ledger.begin(RequestId(5), undo.clone());
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::Running);
        assert_eq!(ledger.recall(RequestId(5), &abort), Recollection::Other);
        assert_eq!(ledger.recall(RequestId(4), &undo), Recollection::Forgotten, "a console does not go back");
        ledger.finish(owner(1), RequestId(5), Answer::Done {});
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::Answered(&Answer::Done {}));
        for id in 6..6 + 16 {
            ledger.begin(RequestId(id), undo.clone());
        }
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::Forgotten);
        assert_eq!(ledger.recall(RequestId(6), &undo), Recollection::Running);
        assert_eq!(ledger.recall(RequestId(22), &undo), Recollection::New);
    }

    #[test]
    fn each_run_of_a_console_has_names_of_its_own_and_four_are_remembered() {
        let mut ledger = Ledger::default();
        let undo = Request::MigrationUndo {};
        ledger.serve(owner(1));
        ledger.begin(RequestId(5), undo.clone());
        ledger.serve(owner(2));
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::New);
        ledger.begin(RequestId(5), undo.clone());
        assert!(ledger.finish(owner(1), RequestId(5), Answer::Done {}));
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::Running, "not the other's answer");
        ledger.serve(owner(1));
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::Answered(&Answer::Done {}));
        (3..6).for_each(|run| ledger.serve(owner(run)));
        assert!(!ledger.finish(owner(2), RequestId(5), Answer::Done {}), "the one that was away for longest");
        ledger.serve(owner(1));
        assert_eq!(ledger.recall(RequestId(5), &undo), Recollection::Answered(&Answer::Done {}));
    }
}
