//! Is the agent there, and does it answer?

use std::path::PathBuf;

use super::{Finding, Subject, Told};
use crate::agent::answer::Status;

const INSTALLED: Subject = Subject::new("lpard is installed", "/usr/sbin/lpard");
const CONFIGURED: Subject = Subject::new("configuration", "/etc/lparkit/lpard.toml, /etc/lparkit/lpard.toml.d");
const RUNNING: Subject = Subject::new("lpard runs", "/proc");
const ANSWERS: Subject = Subject::new("lpard answers", "/run/lpard/control");

const START: &str = "systemctl enable --now lpard";

/// What has to be seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) is_installed: bool,
    /// Which files it is made of, or what is wrong in them.
    pub(crate) configuration: Told<Vec<PathBuf>>,
    pub(crate) is_running: Told<bool>,
    pub(crate) answer: Answer,
    /// RSCT is there, which does what lpard would do.
    pub(crate) has_rsct: bool,
}

/// What came of asking the agent how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(Box<Status>),
    NobodyListens,
    Error(String),
}

impl Answer {
    /// The agent's own words, if it said any.
    pub(crate) fn status(&self) -> Option<&Status> {
        if let Self::Status(status) = self { Some(status) } else { None }
    }
}

pub(super) fn judge(seen: &Seen) -> Vec<Finding> {
    let needs = if seen.has_rsct { Needs::Help } else { Needs::All };
    // Whoever answers is installed, wherever.
    let is_installed = seen.is_installed || seen.answer.status().is_some();
    let installed = needs.installed(is_installed);
    if !is_installed {
        return vec![installed];
    }
    vec![
        installed,
        configured(&seen.configuration),
        RUNNING.judge(&seen.is_running, |is_running| needs.running(*is_running)),
        needs.answers(&seen.answer),
    ]
}

fn configured(configuration: &Told<Vec<PathBuf>>) -> Finding {
    match configuration {
        Ok(files) if files.is_empty() => CONFIGURED.ok("no files: everything as built in"),
        Ok(files) => {
            let files: Vec<String> = files.iter().map(|file| format!("/{}", file.display())).collect();
            CONFIGURED.ok(format!("{} can be used", files.join(", ")))
        }
        Err(problem) => CONFIGURED.fail(problem.clone(), "mend it; lpard --check-config tells whether it is right"),
    }
}

/// What this partition needs of the agent.
#[derive(Debug, Clone, Copy)]
enum Needs {
    /// Everything: nobody else talks to a console.
    All,
    /// It watches migrations and runs hooks; RSCT does the rest.
    Help,
}

impl Needs {
    fn missing(self, subject: Subject, found: &str, mend: &str) -> Finding {
        match self {
            Self::All => subject.fail(found, mend),
            Self::Help => {
                subject.warn(format!("{found}; RSCT talks to the console, nobody follows up after a migration"), mend)
            }
        }
    }

    fn installed(self, is_installed: bool) -> Finding {
        if is_installed { INSTALLED.ok("yes") } else { self.missing(INSTALLED, "no", "apt install lpard") }
    }

    fn running(self, is_running: bool) -> Finding {
        if is_running { RUNNING.ok("yes") } else { self.missing(RUNNING, "no", START) }
    }

    fn answers(self, answer: &Answer) -> Finding {
        match answer {
            Answer::Status(status) => ANSWERS.ok(format!("mode {}: {}", status.mode, status.reason)),
            Answer::NobodyListens => self.missing(ANSWERS, "nobody listens", START),
            Answer::Error(why) => self.missing(ANSWERS, why, "journalctl -u lpard; systemctl restart lpard"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::answer::Mode;
    use crate::doctor::Verdict;

    fn seen(is_installed: bool, is_running: Told<bool>, answer: Answer, has_rsct: bool) -> Seen {
        Seen { is_installed, configuration: Ok(vec![]), is_running, answer, has_rsct }
    }

    fn status() -> Answer {
        let (mode, reason, phase) = (Mode::Native, "there is a console to call".into(), "ready".into());
        Answer::Status(Box::new(Status {
            mode,
            reason,
            phase,
            session: None,
            interface: None,
            network: None,
            last_migration: None,
        }))
    }

    #[test]
    fn without_rsct_the_agent_has_to_be_there() {
        use Verdict::{CannotTell, Fail, Ok as Good, Warn};
        let cases: [(Seen, &[Verdict]); 7] = [
            (seen(true, Ok(true), status(), false), &[Good, Good, Good, Good]),
            (seen(true, Ok(false), Answer::NobodyListens, false), &[Good, Good, Fail, Fail]),
            (seen(true, Ok(false), Answer::NobodyListens, true), &[Good, Good, Warn, Warn]),
            (
                seen(true, Err("no /proc".into()), Answer::Error("garbled".into()), false),
                &[Good, Good, CannotTell, Fail],
            ),
            (seen(false, Ok(false), Answer::NobodyListens, false), &[Fail]),
            (seen(false, Ok(false), Answer::NobodyListens, true), &[Warn]),
            (seen(false, Ok(true), status(), false), &[Good, Good, Good, Good]),
        ];
        for (seen, expected) in cases {
            let verdicts: Vec<_> = judge(&seen).iter().map(|finding| finding.verdict).collect();
            assert_eq!(verdicts, expected, "{seen:?}");
        }
    }

    #[test]
    fn a_wrong_configuration_says_what_is_wrong() {
        assert_eq!(
            configured(&Err("unknown field `mod`".into())),
            CONFIGURED.fail("unknown field `mod`", "mend it; lpard --check-config tells whether it is right")
        );
    }

    #[test]
    fn the_mode_comes_with_its_reason() {
        assert_eq!(Needs::All.answers(&status()).found, "mode native: there is a console to call");
    }
}
