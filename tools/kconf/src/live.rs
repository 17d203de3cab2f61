//! The running system beside its configuration: three answers are kept apart, because a missing file proves nothing.
//! The option is missing; the module is not loaded; the firmware does not offer it. And one more: lockdown forbids it.
//!
//! `observe` reads, `judge` decides; the second is pure.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::evaluate::{Found, OptionReport, Report, Verdict};
use crate::places::Sysroot;
use crate::sets::{Live, Need, OptionSet};

/// What the running system showed.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    release: Option<String>,
    lockdown: Lockdown,
    modules: HashSet<String>,
    virtual_devices: Vec<String>,
    paths: HashMap<String, Sight>,
}

/// What is known of a path or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sight {
    There,
    NotThere,
    /// We may not look: debugfs is for root.
    Forbidden,
}

/// What of it a report shows.
#[derive(Debug, Clone, Serialize)]
pub struct Running {
    /// Of the running kernel.
    pub release: Option<String>,
    /// Whether writes to ofdt and uses of /dev/mem are refused.
    pub lockdown: Lockdown,
}

/// The lockdown state, from /sys/kernel/security/lockdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lockdown {
    /// Not locked down.
    None,
    /// Programs cannot change the running kernel.
    Integrity,
    /// Nor read it.
    Confidentiality,
    /// The kernel does not say: no lockdown module, or securityfs is not mounted.
    #[default]
    Unknown,
}

impl Lockdown {
    /// From the kernel's `none [integrity] confidentiality`.
    fn parse(text: &str) -> Self {
        let state = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(state, _)| state);
        match state {
            Some("none") => Self::None,
            Some("integrity") => Self::Integrity,
            Some("confidentiality") => Self::Confidentiality,
            _ => Self::Unknown,
        }
    }

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Integrity => "integrity: writes to /proc/ppc64/ofdt and uses of /dev/mem are refused",
            Self::Confidentiality => "confidentiality: writes to /proc/ppc64/ofdt and uses of /dev/mem are refused",
            Self::Unknown => "unknown (no lockdown module, or securityfs is not mounted)",
        }
    }

    fn is_on(self) -> bool {
        matches!(self, Self::Integrity | Self::Confidentiality)
    }
}

/// What the running system says of an option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Which of the answers.
    pub state: State,
    /// In words.
    pub detail: String,
}

/// The answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It works, or at least its file or device is there.
    Present,
    /// The kernel was built without it.
    OptionMissing,
    /// The kernel has it as a module that is not loaded.
    ModuleNotLoaded,
    /// Option and module are there, the firmware offers nothing.
    FirmwareDoesNotOffer,
    /// It is there, and a locked-down kernel refuses its use.
    RefusedByLockdown,
    /// We are not allowed to look.
    NotKnown,
}

impl State {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::OptionMissing => "option missing",
            Self::ModuleNotLoaded => "module not loaded",
            Self::FirmwareDoesNotOffer => "not offered by firmware",
            Self::RefusedByLockdown => "refused by lockdown",
            Self::NotKnown => "not known",
        }
    }
}

/// Reads what the chosen sets want to know of the running system.
pub fn observe(root: &Sysroot, sets: &[&OptionSet]) -> Observation {
    let mut seen = Observation {
        release: root.release().ok(),
        lockdown: root.lockdown().map_or(Lockdown::Unknown, |text| Lockdown::parse(&text)),
        modules: root.modules().map(|text| module_names(&text)).unwrap_or_default(),
        virtual_devices: root.virtual_devices(),
        paths: HashMap::new(),
    };
    for live in sets.iter().flat_map(|set| &set.options).filter_map(|entry| entry.live.as_ref()) {
        if let Some(path) = &live.path {
            let sight = match root.exists(path) {
                Ok(true) => Sight::There,
                Ok(false) => Sight::NotThere,
                Err(_) => Sight::Forbidden,
            };
            seen.paths.insert(path.clone(), sight);
        }
        if let Some(module) = live.module.as_ref().filter(|module| root.has_module_directory(module)) {
            seen.modules.insert(module.clone());
        }
    }
    seen
}

/// First word of each line of /proc/modules.
fn module_names(text: &str) -> HashSet<String> {
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

impl Observation {
    /// Release of the running kernel.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// The name of what an option is known by, and whether it is there.
    fn look_at<'l>(&self, live: &'l Live) -> (&'l str, Sight) {
        match (&live.path, &live.device) {
            (Some(path), _) => (path, self.paths.get(path).copied().unwrap_or(Sight::NotThere)),
            (None, Some(device)) if self.has_device(device) => (device, Sight::There),
            (None, device) => (device.as_deref().unwrap_or_default(), Sight::NotThere),
        }
    }

    /// A `modalias` is `vio:T<type>S<compatible>`.
    fn has_device(&self, compatible: &str) -> bool {
        self.virtual_devices.iter().any(|alias| alias.ends_with(&format!("S{compatible}")))
    }
}

/// Adds the running system's answers to a report. An adapter that the firmware does not show needs no driver.
pub fn judge(report: &mut Report, seen: &Observation) {
    for option in report.sets.iter_mut().flat_map(|set| &mut set.options) {
        let Some(live) = &option.entry.live else { continue };
        option.live = Some(answer(option, live, seen));
        let unneeded = option.verdict == Verdict::Missing
            && option.need == Need::IfPresent
            && live.device.as_ref().is_some_and(|device| !seen.has_device(device));
        if unneeded {
            option.verdict = Verdict::Information;
            option.reason = format!("{}, and needs no driver", live.firmware);
        }
    }
    report.running = Some(Running { release: seen.release.clone(), lockdown: seen.lockdown });
    report.conclude();
}

/// One option's answer. A path shows that something works; a device, that it is needed.
fn answer(option: &OptionReport, live: &Live, seen: &Observation) -> Answer {
    let (name, sight) = seen.look_at(live);
    let built = matches!(option.found, Found::Y | Found::M);
    let unloaded = live.module.as_ref().filter(|module| option.found == Found::M && !seen.modules.contains(*module));
    let is_device = live.device.is_some();
    let (state, detail) = match (sight, unloaded) {
        (Sight::There, _) if live.lockdown && seen.lockdown.is_on() => {
            (State::RefusedByLockdown, format!("{name} exists, but the kernel is locked down"))
        }
        (Sight::There, _) if is_device && !built => {
            (State::OptionMissing, format!("the firmware shows {name}, and the kernel has no driver for it"))
        }
        (Sight::There, Some(module)) => (State::ModuleNotLoaded, format!("load it: modprobe {module}")),
        (Sight::There, None) => (State::Present, name.to_owned()),
        (_, _) if !built => (State::OptionMissing, format!("no {name}: CONFIG_{} is not set", option.symbol)),
        (_, Some(module)) if !is_device => (State::ModuleNotLoaded, format!("load it: modprobe {module}")),
        (Sight::Forbidden, _) => (State::NotKnown, format!("{name} can be looked at by root only")),
        (Sight::NotThere, _) => (State::FirmwareDoesNotOffer, format!("no {name}: {}", live.firmware)),
    };
    Answer { state, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::evaluate::{Kernel, evaluate};
    use crate::sets::Sets;

    #[test]
    fn what_we_may_not_look_at_is_not_said_to_be_missing() {
        let sets = Sets::embedded().unwrap();
        let chosen = sets.choose(&["perf-lparstat".to_owned()]).unwrap();
        let config = Config::parse(b"CONFIG_DTL=y\n").unwrap();
        let state = |sight| {
            let kernel = Kernel { version: None, flavour: None, source: String::new() };
            let mut report = evaluate(&chosen, &config, kernel);
            let paths = HashMap::from([("/sys/kernel/debug/powerpc/dtl".to_owned(), sight)]);
            judge(&mut report, &Observation { paths, ..Observation::default() });
            let dtl = report.sets[0].options.iter().find(|option| option.symbol == "DTL").unwrap();
            dtl.live.clone().unwrap().state
        };
        let states = [Sight::There, Sight::NotThere, Sight::Forbidden].map(state);
        assert_eq!(states, [State::Present, State::FirmwareDoesNotOffer, State::NotKnown]);
    }

    #[test]
    fn the_kernels_words_for_lockdown_are_read() {
        let cases = [
            ("[none] integrity confidentiality", Lockdown::None),
            ("none [integrity] confidentiality", Lockdown::Integrity),
            ("none integrity [confidentiality]", Lockdown::Confidentiality),
            ("none", Lockdown::Unknown),
            ("", Lockdown::Unknown),
        ];
        for (text, expected) in cases {
            assert_eq!(Lockdown::parse(text), expected, "{text}");
        }
    }
}
