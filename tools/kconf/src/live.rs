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
    paths: HashMap<String, bool>,
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
            seen.paths.insert(path.clone(), root.exists(path));
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

    fn shows(&self, live: &Live) -> bool {
        match (&live.path, &live.device) {
            (Some(path), _) => self.paths.get(path).copied().unwrap_or(false),
            (None, Some(device)) => self.has_device(device),
            (None, None) => false,
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

fn answer(option: &OptionReport, live: &Live, seen: &Observation) -> Answer {
    let there = seen.shows(live);
    let name = live.path.as_ref().or(live.device.as_ref()).cloned().unwrap_or_default();
    let loaded = live.module.as_ref().is_none_or(|module| seen.modules.contains(module));
    let built = matches!(option.found, Found::Y | Found::M);
    // Without the symbol, some kernels do its work all the same.
    let (state, detail) = if there && live.lockdown && seen.lockdown.is_on() {
        (State::RefusedByLockdown, format!("{name} exists, but the kernel is locked down"))
    } else if there && live.device.is_some() && !built {
        (State::OptionMissing, format!("the firmware shows {name}, and the kernel has no driver for it"))
    } else if option.found == Found::M && !loaded && (live.device.is_none() || there) {
        let module = live.module.as_deref().unwrap_or_default();
        (State::ModuleNotLoaded, format!("load it: modprobe {module}"))
    } else if there {
        (State::Present, name)
    } else if built {
        (State::FirmwareDoesNotOffer, format!("no {name}: {}", live.firmware))
    } else {
        (State::OptionMissing, format!("no {name}: CONFIG_{} is not set", option.symbol))
    };
    Answer { state, detail }
}
