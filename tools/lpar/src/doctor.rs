//! The checks of `lpar doctor`.
//!
//! # Theory of operation
//!
//! ```text
//!   read::everything(machine) ──> Seen ──> judge (pure) ──> Section, Section, …
//! ```
//!
//! A topic is a file here. It says what has to be seen (`Seen`) and has one small pure function a check, from what was seen to
//! a [`Finding`]; each is tested as a table beside it. All reading is in `read/`. What could not be read is [`Told`] as `Err`
//! and makes a finding "cannot tell", which is neither good nor bad.
//!
//! The list of checks is the one for RMC connections that is public (merged from IBM's notes and from users'). Which finding covers
//! which of its lines:
//!
//! | No. | its line | findings |
//! |---|---|---|
//! | 1 | a pSeries partition | `partition`: hypervisor, identity |
//! | 2 | packages, `IBM.DRM.mdef` | `agent`: lpard is installed; `rsct`: programs, DynamicRM, drmgr |
//! | 3 | node id | `rsct`: node id; lpard has a key instead, `console`: a console is trusted |
//! | 4 | daemons | `agent`: lpard runs, lpard answers; `rsct`: daemons |
//! | 5 | a console is known, and not one of earlier days | `way`: console that the hypervisor names, whom to call; `rsct`: console known |
//! | 6 | the adapter: found, one only, up, link, address, IPv6, NetworkManager | `adapter`: all but MTU |
//! | 7 | route, neighbour, TCP 657; UDP 657 | `way`: way to the console, console answers; `console`: session, port 657 here; `rsct`: management domain |
//! | 8 | firewall | `firewall`: packet filter |
//! | 9 | MTU, with a large packet | `adapter`: MTU; `way`: large packets pass |
//! | 10 | several interfaces to the console | `adapter`: only one; `way`: way to the console |
//! | 11 | own names and keys | `console`: a console is trusted; `rsct`: keys, own names and keys |
//! | 12 | file systems are not full | `storage`: /var, /run, /tmp (of the console's side nothing is seen here) |
//! | 13 | clocks in step | `clock`: a time service (the same) |
//! | 14 | capabilities | `resize`: all; `migration`: can migrate |
//! | 15 | moved lately, other addresses | `migration`: a console has it since; `partition`: identity is up to date; `rsct`: own address |
//! | 16 | what to try in which order | `rsct`: if all else fails; without RSCT each finding says it |

pub(crate) mod adapter;
pub(crate) mod agent;
pub(crate) mod clock;
pub(crate) mod console;
pub(crate) mod events;
pub(crate) mod firewall;
pub(crate) mod migration;
pub(crate) mod partition;
pub(crate) mod read;
pub(crate) mod resize;
pub(crate) mod rsct;
pub(crate) mod storage;
pub(crate) mod way;

use std::fmt;

use serde::Serialize;

/// What was seen, or why nothing could be.
pub(crate) type Told<T> = Result<T, String>;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but not all of it, or not for long.
    Warn,
    /// The partition cannot be managed so.
    Fail,
    /// Nobody can say from here.
    CannotTell,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::CannotTell => "cannot tell",
        })
    }
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What is checked.
    pub(crate) subject: &'static str,
    /// How it is.
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) found: String,
    /// Where that was found.
    pub(crate) looked_at: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

/// What a check is about; its findings all begin here.
#[derive(Debug, Clone, Copy)]
struct Subject {
    name: &'static str,
    looked_at: &'static str,
}

impl Subject {
    const fn new(name: &'static str, looked_at: &'static str) -> Self {
        Self { name, looked_at }
    }

    fn finding(self, verdict: Verdict, found: impl Into<String>, mend: Option<String>) -> Finding {
        Finding { subject: self.name, verdict, found: found.into(), looked_at: self.looked_at, mend }
    }

    fn ok(self, found: impl Into<String>) -> Finding {
        self.finding(Verdict::Ok, found, None)
    }

    fn warn(self, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        self.finding(Verdict::Warn, found, Some(mend.into()))
    }

    fn fail(self, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        self.finding(Verdict::Fail, found, Some(mend.into()))
    }

    fn cannot_tell(self, why: impl Into<String>, mend: Option<&str>) -> Finding {
        self.finding(Verdict::CannotTell, why, mend.map(str::to_owned))
    }

    /// The finding of what was seen, or that nothing was.
    fn judge<T>(self, seen: &Told<T>, check: impl FnOnce(&T) -> Finding) -> Finding {
        match seen {
            Ok(seen) => check(seen),
            Err(why) => self.cannot_tell(why.clone(), None),
        }
    }
}

/// Everything that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) partition: partition::Seen,
    pub(crate) adapter: adapter::Seen,
    pub(crate) agent: agent::Seen,
    pub(crate) console: console::Seen,
    pub(crate) way: way::Seen,
    pub(crate) firewall: firewall::Seen,
    pub(crate) resize: resize::Seen,
    pub(crate) migration: migration::Seen,
    pub(crate) events: events::Seen,
    pub(crate) clock: clock::Seen,
    pub(crate) storage: storage::Seen,
    /// Only where RSCT is installed.
    pub(crate) rsct: Option<rsct::Seen>,
}

/// The findings about one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Section {
    pub(crate) topic: &'static str,
    pub(crate) findings: Vec<Finding>,
}

/// What all of it means, in the order in which one thing needs the other.
pub(crate) fn judge(seen: &Seen) -> Vec<Section> {
    let section = |topic, findings| Section { topic, findings };
    let mut sections = vec![
        section("Partition", partition::judge(&seen.partition)),
        section("Management network", adapter::judge(&seen.adapter)),
        section("Agent", agent::judge(&seen.agent)),
        section("Console", console::judge(&seen.console)),
        section("Way to the console", way::judge(&seen.way)),
        section("Firewall", firewall::judge(&seen.firewall)),
        section("Resizing", resize::judge(&seen.resize)),
        section("Migration", migration::judge(&seen.migration)),
        section("Firmware events", events::judge(&seen.events)),
        section("Clock", clock::judge(&seen.clock)),
        section("Room", storage::judge(&seen.storage)),
    ];
    sections.extend(seen.rsct.as_ref().map(|rsct| section("RSCT", rsct::judge(rsct))));
    sections
}

/// How many findings have this verdict.
pub(crate) fn count(sections: &[Section], verdict: Verdict) -> usize {
    sections.iter().flat_map(|section| &section.findings).filter(|finding| finding.verdict == verdict).count()
}
