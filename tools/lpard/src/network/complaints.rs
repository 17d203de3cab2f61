//! What went wrong is said once: a console that cannot be reached, or is not believed, is called again and again, and the log is
//! for people. Pure.

use std::collections::BTreeMap;

/// Different things about one console that are said until there is a session with it. What the peer says of itself may be part of
/// the text, and he may say something else each time.
const TEXTS: usize = 8;

/// Consoles of which that is known; addresses may be many, and the link may be a stranger's.
const PEERS: usize = 64;

/// What was said, and of whom.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    said: BTreeMap<String, Vec<String>>,
}

impl Complaints {
    /// Whether that is to be said, which it is not again then.
    pub(super) fn is_news(&mut self, of: &str, text: &str) -> bool {
        if !self.said.contains_key(of) && self.said.len() >= PEERS {
            return false;
        }
        let texts = self.said.entry(of.to_owned()).or_default();
        let is_news = texts.len() < TEXTS && !texts.iter().any(|said| said == text);
        if is_news {
            texts.push(text.to_owned());
        }
        is_news
    }

    /// There was a session with it: if something goes wrong now, that is news.
    pub(super) fn forget(&mut self, of: &str) {
        self.said.remove(of);
    }

    /// Somebody has changed whom to call, or the partition is somewhere else.
    pub(super) fn forget_all(&mut self) {
        self.said.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once_until_all_is_well_again() {
        let mut complaints = Complaints::default();
        let mut say = |of: &str, text: &str| complaints.is_news(of, text);
        assert_eq!([say("a", "refused"), say("a", "refused"), say("b", "refused")], [true, false, true]);
        assert_eq!([say("a", "no answer"), say("a", "refused"), say("a", "no answer")], [true, false, false]);
        complaints.forget("a");
        assert!(complaints.is_news("a", "refused") && !complaints.is_news("b", "refused"));
        complaints.forget_all();
        assert!(complaints.is_news("b", "refused"));
    }

    #[test]
    fn who_says_something_else_each_time_does_not_fill_the_log() {
        let mut complaints = Complaints::default();
        let said = (0..1000).filter(|number| complaints.is_news("a", &number.to_string())).count();
        assert_eq!(said, TEXTS);
        let said = (0..1000).filter(|number| complaints.is_news(&number.to_string(), "refused")).count();
        assert_eq!(said, PEERS - 1);
    }
}
