//! What the administrator sets: `/etc/lparkit/lpard.toml` and over it, in the order of their names, `lpard.toml.d/*.toml`.
//!
//! Each file is checked for itself, so that an error names the file, the line and the key; then the later ones are laid over
//! the earlier ones, key by key. A list replaces a list.

mod address;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sysroot::Sysroot;
use toml::{Table, Value};

use crate::log::Level;

pub use address::ConsoleAddress;
pub(crate) use address::PORT;

const FILE: &str = "etc/lparkit/lpard.toml";
const DROP_INS: &str = "etc/lparkit/lpard.toml.d";

/// A deadline of zero would be no chance; one of more than a day, no deadline.
const DEADLINE_S: RangeInclusive<u64> = 1..=86_400;

/// Each has about 2 KiB in memory, and `lpar events` gets all of them at once.
const EVENTS_MOST: usize = 1024;

/// All settings, with what holds where nothing is set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Whether to have sessions of our own.
    pub(crate) mode: ModeSetting,
    /// What is logged: this and what is worse.
    pub(crate) log_level: Level,
    /// Where consoles are.
    pub(crate) console: ConsoleSettings,
    /// Who the part that talks to consoles is.
    pub(crate) network: NetworkSettings,
    /// Programs of the administrator.
    pub(crate) hooks: HookSettings,
    /// The control socket.
    pub(crate) control: ControlSettings,
    /// What firmware reports.
    pub(crate) events: EventSettings,
}

/// Whether to have sessions of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeSetting {
    /// Unless IBM's RSCT is here, or no console is known.
    Auto,
    /// Yes.
    Native,
    /// No: watch and follow up only.
    Observer,
}

/// `[console]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConsoleSettings {
    /// `["[fe80::1%eth1]:657"]`; the port may be left out.
    pub(crate) addresses: Vec<ConsoleAddress>,
    /// The management adapter, where it cannot be found by itself.
    pub(crate) adapter: Option<String>,
    /// Ask on the management network who is there.
    pub(crate) discover: bool,
    /// Believe the first console that answers, when none is trusted yet.
    pub(crate) trust_on_first_use: bool,
}

/// `[network]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NetworkSettings {
    /// The user it becomes.
    pub(crate) user: String,
}

/// `[hooks]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HookSettings {
    /// How long each may run.
    pub(crate) deadline_s: u64,
    /// Run those of `/etc/drmgr.d/pmig` too.
    pub(crate) drmgr: bool,
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ControlSettings {
    /// Members of this group may change the partition; everybody may ask.
    pub(crate) group: String,
}

/// `[events]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventSettings {
    /// How many are kept for `lpar events`.
    pub(crate) keep: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: ModeSetting::Auto,
            log_level: Level::Info,
            console: ConsoleSettings::default(),
            network: NetworkSettings::default(),
            hooks: HookSettings::default(),
            control: ControlSettings::default(),
            events: EventSettings::default(),
        }
    }
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self { addresses: Vec::new(), adapter: None, discover: true, trust_on_first_use: false }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self { user: "lpard".into() }
    }
}

impl Default for HookSettings {
    fn default() -> Self {
        Self { deadline_s: 60, drmgr: true }
    }
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self { group: "lpar".into() }
    }
}

impl Default for EventSettings {
    fn default() -> Self {
        Self { keep: 256 }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file cannot be read.
    #[error("read the configuration")]
    Read(#[from] sysroot::Error),
    /// A file is not TOML, or has an unknown key or a value of another kind in it.
    #[error("in /{}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        reason: String,
    },
}

impl Config {
    /// Reads all files. Gives also the paths of those that there are.
    pub(crate) fn read(sysroot: &Sysroot) -> Result<(Self, Vec<PathBuf>), ConfigError> {
        let mut files = Vec::new();
        for path in paths(sysroot)? {
            if let Some(text) = sysroot.read_text_if_present(&path)? {
                files.push((path, text));
            }
        }
        let config = Self::layered(&files)?;
        Ok((config, files.into_iter().map(|(path, _)| path).collect()))
    }

    /// The settings of several files, each laid over those before it.
    fn layered(files: &[(PathBuf, String)]) -> Result<Self, ConfigError> {
        let mut all = Table::new();
        for (path, text) in files {
            let invalid = |reason: String| ConfigError::Invalid { path: path.clone(), reason };
            toml::from_str::<Self>(text).map_err(|error| invalid(error.to_string()))?.check().map_err(invalid)?;
            lay_over(&mut all, text.parse::<Table>().map_err(|error| invalid(error.to_string()))?);
        }
        // Every part was read for itself: what is read now is good.
        all.try_into()
            .map_err(|error: toml::de::Error| ConfigError::Invalid { path: FILE.into(), reason: error.to_string() })
    }

    /// What the types do not say.
    fn check(&self) -> Result<(), String> {
        if !DEADLINE_S.contains(&self.hooks.deadline_s) {
            let (least, most) = DEADLINE_S.into_inner();
            return Err(format!(
                "hooks.deadline_s is {}; {least} to {most} seconds are possible",
                self.hooks.deadline_s
            ));
        }
        if self.events.keep > EVENTS_MOST {
            return Err(format!("events.keep is {}; at most {EVENTS_MOST} are possible", self.events.keep));
        }
        if self.network.user.is_empty() {
            return Err("network.user is empty; name the user that the part with the network becomes".into());
        }
        Ok(())
    }
}

/// The main file and the drop-ins, in the order in which they count.
fn paths(sysroot: &Sysroot) -> sysroot::Result<Vec<PathBuf>> {
    let drop_ins = sysroot.list_if_present(DROP_INS)?;
    let is_ours = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "toml");
    let drop_ins = drop_ins.into_iter().filter(is_ours).map(|name| Path::new(DROP_INS).join(name));
    Ok(std::iter::once(PathBuf::from(FILE)).chain(drop_ins).collect())
}

/// Key by key; only tables are merged.
fn lay_over(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn layered(files: &[(&str, &str)]) -> Result<Config, String> {
        let files: Vec<_> = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        Config::layered(&files).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_is_what_holds_where_nothing_is_set() {
        let example = include_str!("../lpard.toml.example");
        assert_eq!(toml::from_str::<Config>(example).unwrap(), Config::default());
        let tables = ["console", "network", "hooks", "control", "events"].map(|table| format!("[{table}]\n"));
        assert!(tables.iter().all(|table| example.contains(table)));
    }

    #[test]
    fn nothing_set_is_a_configuration() {
        assert_eq!(layered(&[]).unwrap(), Config::default());
        assert_eq!(layered(&[("a.toml", "")]).unwrap(), Config::default());
    }

    #[test]
    fn a_later_file_changes_its_keys_and_no_others() {
        let config = layered(&[
            ("a", "mode = 'native'\n[console]\naddresses = ['[fe80::1%eth1]:657', '10.0.0.1']\ndiscover = false\n"),
            ("b", "[console]\naddresses = ['[fe80::2%eth1]']\n[hooks]\ndeadline_s = 5\n"),
        ])
        .unwrap();
        assert_eq!(config.mode, ModeSetting::Native);
        assert_eq!(config.console.addresses, ["[fe80::2%eth1]:657".parse().unwrap()]);
        assert!(!config.console.discover);
        assert_eq!(config.hooks, HookSettings { deadline_s: 5, drmgr: true });
    }

    #[test]
    fn an_error_names_the_file_and_the_key() {
        let cases = [
            ("[consle]\n", "consle"),
            ("[hooks]\ndeadlin_s = 3\n", "deadlin_s"),
            ("[hooks]\ndeadline_s = 'x'\n", "deadline_s"),
            ("[hooks]\ndeadline_s = 0\n", "hooks.deadline_s"),
            ("mode = 'both'\n", "mode"),
            ("[console]\naddresses = ['nowhere']\n", "nowhere"),
            ("[network]\nuser = ''\n", "network.user"),
            ("mode = \n", "mode"),
        ];
        for (text, key) in cases {
            let error = layered(&[("etc/a.toml", ""), ("etc/b.toml", text)]).unwrap_err();
            assert!(error.contains("/etc/b.toml") && error.contains(key), "{text:?} gave {error}");
        }
    }

    #[test]
    fn drop_ins_count_in_the_order_of_their_names() {
        let machine = tempfile::tempdir().unwrap();
        let drop_ins = machine.path().join(DROP_INS);
        std::fs::create_dir_all(&drop_ins).unwrap();
        std::fs::write(drop_ins.join("20-b.toml"), "[hooks]\ndeadline_s = 2\n").unwrap();
        std::fs::write(drop_ins.join("10-a.toml"), "[hooks]\ndeadline_s = 1\ndrmgr = false\n").unwrap();
        std::fs::write(drop_ins.join("30-c.toml.off"), "nonsense").unwrap();
        let (config, read) = Config::read(&Sysroot::at(machine.path()).unwrap()).unwrap();
        assert_eq!(config.hooks, HookSettings { deadline_s: 2, drmgr: false });
        assert_eq!(read, [Path::new(DROP_INS).join("10-a.toml"), Path::new(DROP_INS).join("20-b.toml")]);
    }
}
