//! Native or observer: whether the agent has sessions of its own, and why.
//!
//! IBM's RSCT on the same machine owns port 657 and obeys the console; two who resize the same partition would be one too
//! many. So where RSCT is, the agent only watches migrations and follows up.

pub(crate) mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};
use sysroot::{Process, Sysroot};

use crate::config::ModeSetting;
use crate::processes::{self, Found};

/// Where RSCT is installed, always.
const RSCT: &str = "opt/rsct";
/// The daemon of its subsystem ctrmc.
const RMC_DAEMON: &str = "rmcd";

/// What the agent does about consoles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// It has sessions of its own.
    Native,
    /// It watches, and follows up.
    Observer,
}

/// What the choice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// How RSCT shows.
    pub(crate) rsct: Option<Rsct>,
    /// There is a console that may be believed.
    pub(crate) has_console: bool,
}

/// How RSCT shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rsct {
    /// Its directory is there.
    Installed,
    /// Its daemon runs.
    Running,
}

/// Why it is this mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Configured,
    Rsct(Rsct),
    NoConsole,
    Console,
}

/// Looks for RSCT. Its daemon may outlive its directory: to wait for the end of that is up to the caller.
pub(crate) fn find_rsct(sysroot: &Sysroot) -> sysroot::Result<(Option<Rsct>, Option<Process>)> {
    let installed = || sysroot.is_dir(RSCT).then_some(Rsct::Installed);
    Ok(match processes::find(sysroot, RMC_DAEMON)? {
        Some(Found::Held(daemon)) => (Some(Rsct::Running), Some(daemon)),
        Some(Found::Seen) => (Some(Rsct::Running), None),
        None => (installed(), None),
    })
}

/// Chooses.
pub(crate) fn choose(setting: ModeSetting, surroundings: Surroundings) -> (Mode, Reason) {
    match (setting, surroundings.rsct) {
        (ModeSetting::Native, _) => (Mode::Native, Reason::Configured),
        (ModeSetting::Observer, _) => (Mode::Observer, Reason::Configured),
        (ModeSetting::Auto, Some(rsct)) => (Mode::Observer, Reason::Rsct(rsct)),
        (ModeSetting::Auto, None) if surroundings.has_console => (Mode::Native, Reason::Console),
        (ModeSetting::Auto, None) => (Mode::Observer, Reason::NoConsole),
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Observer => "observer",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "the configuration says so",
            Self::Rsct(Rsct::Installed) => "IBM's RSCT is installed (/opt/rsct)",
            Self::Rsct(Rsct::Running) => "IBM's RSCT is running (rmcd)",
            Self::NoConsole => "no console is trusted (see `lpar trust add`)",
            Self::Console => "there is a console to call, and no RSCT",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_setting_in_every_surroundings() {
        use Mode::{Native, Observer};
        use ModeSetting::{Auto, Native as SetNative, Observer as SetObserver};
        let (here, running) = (Some(Rsct::Installed), Some(Rsct::Running));
        let cases = [
            (Auto, None, true, Native, Reason::Console),
            (Auto, None, false, Observer, Reason::NoConsole),
            (Auto, here, true, Observer, Reason::Rsct(Rsct::Installed)),
            (Auto, running, false, Observer, Reason::Rsct(Rsct::Running)),
            (SetNative, running, false, Native, Reason::Configured),
            (SetObserver, None, true, Observer, Reason::Configured),
        ];
        for (setting, rsct, has_console, mode, reason) in cases {
            assert_eq!(choose(setting, Surroundings { rsct, has_console }), (mode, reason), "{setting:?} {rsct:?}");
        }
    }

    #[test]
    fn rsct_is_seen_by_its_directory_and_by_its_daemon_as_long_as_that_runs() {
        let machine = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(machine.path()).unwrap();
        let found = || find_rsct(&sysroot).unwrap().0;
        assert_eq!(found(), None);
        std::fs::create_dir_all(machine.path().join(RSCT)).unwrap();
        assert_eq!(found(), Some(Rsct::Installed));
        let mut daemon = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = machine.path().join(format!("proc/{}", daemon.id()));
        std::fs::create_dir_all(&process).unwrap();
        std::fs::write(process.join("comm"), "rmcd\n").unwrap();
        let (rsct, held) = find_rsct(&sysroot).unwrap();
        assert_eq!(rsct, Some(Rsct::Running));
        assert!(!held.as_ref().unwrap().has_ended());
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        assert!(held.unwrap().has_ended());
        assert_eq!(found(), Some(Rsct::Installed), "what is left of it in a list of processes does not run");
    }
}
