//! What a hook is told: facts, as environment variables and as JSON on its standard input.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::{Map, Value};

use super::Point;
use super::found::Convention;

/// The version of the contract, in `LPARKIT_HOOKS` and in the JSON: raised when something is taken away or changes.
const CONTRACT: u32 = 1;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fact {
    /// The migration, as its console calls it.
    Migration,
    /// The system that the partition is on, or was on.
    From,
    /// The system that it goes to, or is on now.
    To,
    /// Why there is an abort or an undo.
    Reason,
    /// How long the partition stood still, in ms.
    SuspendedMs,
    /// What is resized.
    Resource,
    /// How: add, remove, set.
    Action,
    /// What was asked, in words.
    Request,
    /// How it ended.
    Outcome,
    /// The kind of a firmware event.
    Kind,
    /// A sentence.
    Text,
}

impl Fact {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 11] = [
        Self::Migration,
        Self::From,
        Self::To,
        Self::Reason,
        Self::SuspendedMs,
        Self::Resource,
        Self::Action,
        Self::Request,
        Self::Outcome,
        Self::Kind,
        Self::Text,
    ];

    /// The member of the JSON; in capitals and with `LPARKIT_` before it the variable.
    fn name(self) -> &'static str {
        match self {
            Self::Migration => "migration",
            Self::From => "from",
            Self::To => "to",
            Self::Reason => "reason",
            Self::SuspendedMs => "suspended_ms",
            Self::Resource => "resource",
            Self::Action => "action",
            Self::Request => "request",
            Self::Outcome => "outcome",
            Self::Kind => "kind",
            Self::Text => "text",
        }
    }
}

/// Something that hooks run for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Occasion {
    pub(super) point: Point,
    facts: BTreeMap<Fact, String>,
    details: Option<Value>,
}

impl Occasion {
    pub(crate) fn new(point: Point) -> Self {
        Self { point, facts: BTreeMap::new(), details: None }
    }

    /// The same with one more fact.
    #[must_use]
    pub(crate) fn with(mut self, fact: Fact, value: impl std::fmt::Display) -> Self {
        self.facts.insert(fact, value.to_string());
        self
    }

    /// The same with something that has more structure than an environment variable; only in the JSON.
    #[must_use]
    pub(crate) fn with_details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    pub(super) fn environment(&self, convention: Convention) -> BTreeMap<String, OsString> {
        let mut environment = BTreeMap::new();
        let mut set = |name: String, value: &str| environment.insert(name, OsString::from(value));
        match convention {
            Convention::Ours => {
                set("LPARKIT_HOOKS".into(), &CONTRACT.to_string());
                set("LPARKIT_POINT".into(), self.point.name());
                set("PATH".into(), PATH);
                for (fact, value) in &self.facts {
                    set(format!("LPARKIT_{}", fact.name().to_uppercase()), &value.replace('\0', " "));
                }
            }
            // No PATH: drmgr clears the environment, and its hooks are written for that.
            Convention::Drmgr(phase) => {
                set("DRC_TYPE".into(), "pmig");
                set("DRC_COUNT".into(), "0");
                set("ACTION".into(), "migrate");
                set("PHASE".into(), phase);
            }
        }
        environment
    }

    pub(super) fn input(&self, convention: Convention) -> Vec<u8> {
        if convention != Convention::Ours {
            return Vec::new();
        }
        let mut members = Map::new();
        members.insert("hooks".into(), CONTRACT.into());
        members.insert("point".into(), self.point.name().into());
        members.extend(self.facts.iter().map(|(fact, value)| (fact.name().to_owned(), value.as_str().into())));
        members.extend(self.details.iter().map(|details| ("details".to_owned(), details.clone())));
        format!("{}\n", Value::Object(members)).into_bytes()
    }
}
