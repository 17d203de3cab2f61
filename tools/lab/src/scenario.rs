//! Scenarios: which managed systems and partitions a lab has, and the steps that `lparlab run` performs on them.
//!
//! A scenario is a TOML file; `docs` of each field below are its reference. Unknown keys are errors: a misspelt limit that is
//! silently ignored would be a test that tests nothing.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub mod step;

pub use step::{Expected, Step};

/// A whole scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name of the lab: its directory, and what `lparlab --lab NAME` says. Letters, digits, `-`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The managed systems.
    #[serde(rename = "system")]
    pub systems: Vec<System>,
    /// The partitions.
    #[serde(rename = "lpar")]
    pub lpars: Vec<Lpar>,
    /// What `lparlab run` does, in this order; `lparlab up` ignores it.
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// A managed system: a frame with its MGMTSWITCH and its console.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// As commands name it.
    pub name: String,
    /// Machine type and model: `8286-41A`.
    pub model: String,
    /// Serial number: `2166666`.
    pub serial: String,
    /// Processors (cores, one thread each) that its partitions share.
    #[serde(default = "default_system_cpus")]
    pub cpus: u32,
    /// Memory that its partitions share, in MiB.
    #[serde(default = "default_system_memory")]
    pub memory_mib: u32,
}

/// A logical partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // keys of a file: each is set or not
pub struct Lpar {
    /// As commands and the partition itself name it.
    pub name: String,
    /// Partition number, unique in the lab: 1 to 200.
    pub id: u8,
    /// Name of the system that it starts on.
    pub system: String,
    /// Processors at the start.
    #[serde(default = "default_lpar_cpus")]
    pub cpus: u32,
    /// Processors that it may have.
    #[serde(default = "default_lpar_max_cpus")]
    pub max_cpus: u32,
    /// Memory at the start, in MiB: multiples of [`LMB_MIB`].
    #[serde(default = "default_lpar_memory")]
    pub memory_mib: u32,
    /// Memory that it may have, in MiB.
    #[serde(default = "default_lpar_max_memory")]
    pub max_memory_mib: u32,
    /// Guest image: `debian-12` (Linux 6.1), `debian-13` (6.12) or `newest`.
    #[serde(default = "default_kernel")]
    pub kernel: String,
    /// With Debian's drmgr, lsslot and lparstat in the image.
    #[serde(default)]
    pub debian_tools: bool,
    /// With lparkit's agent, which holds a session with the console: then the partition is asked through that alone.
    #[serde(default)]
    pub agent: bool,
    /// Size of its vscsi disk in MiB, none without it.
    #[serde(default)]
    pub disk_mib: Option<u32>,
    /// Directory whose files the disk has at the start, seen from where lparlab is started: an operating system, whose init becomes
    /// the first process. It gets the agent's programs, and does not start them by itself.
    #[serde(default)]
    pub system_from: Option<PathBuf>,
    /// With a PCI network card in the slot C8 of its host bridge; nothing is connected to it.
    #[serde(default)]
    pub pci_card: bool,
    /// Whether the platform tells the kernel of hardware that comes or is wanted back, which then acts by itself: QEMU does, PowerVM
    /// leaves it to the agent. Without it QEMU takes no memory back.
    #[serde(default = "yes")]
    pub hotplug_events: bool,
    /// Virtual slot of the management adapter: unit address 0x30000000 + slot.
    #[serde(default = "default_management_slot")]
    pub management_slot: u8,
    /// Whether firmware would call it migratable (`ibm,migratable-partition`).
    #[serde(default = "yes")]
    pub migratable: bool,
}

/// Size of a logical memory block of QEMU's pseries, in MiB.
pub const LMB_MIB: u32 = 256;

fn default_name() -> String {
    "default".into()
}
fn default_system_cpus() -> u32 {
    8
}
fn default_system_memory() -> u32 {
    8192
}
fn default_lpar_cpus() -> u32 {
    2
}
fn default_lpar_max_cpus() -> u32 {
    4
}
fn default_lpar_memory() -> u32 {
    1024
}
fn default_lpar_max_memory() -> u32 {
    4096
}
fn default_kernel() -> String {
    "debian-12".into()
}
fn default_management_slot() -> u8 {
    4
}
fn yes() -> bool {
    true
}

/// What is wrong with a scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("read scenario {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML, or a key is unknown, missing or of the wrong type.
    #[error("scenario {path}: {cause}")]
    Syntax {
        /// The file.
        path: String,
        /// With line and column.
        cause: String,
    },
    /// The parts do not fit together.
    #[error("scenario: {0}")]
    Sense(String),
}

/// A scenario file is text that a person wrote: larger ones are something else.
const MAX_SCENARIO_BYTES: u64 = 1 << 20;

impl Scenario {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let failed = |source| ScenarioError::Read { path: path.display().to_string(), source };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > MAX_SCENARIO_BYTES {
            return Err(failed(std::io::Error::other("larger than 1 MiB")));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses and checks text; `path` is for errors.
    pub fn parse(text: &str, path: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)
            .map_err(|error| ScenarioError::Syntax { path: path.to_owned(), cause: error.to_string() })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Without a file: two systems and one partition.
    pub fn two_systems() -> Self {
        let system = |number: u32| System {
            name: format!("frame{number}"),
            model: "8286-41A".into(),
            serial: format!("{}", 2_166_665 + number),
            cpus: default_system_cpus(),
            memory_mib: default_system_memory(),
        };
        let lpar = Lpar {
            name: "lpar1".into(),
            id: 3,
            system: "frame1".into(),
            cpus: default_lpar_cpus(),
            max_cpus: default_lpar_max_cpus(),
            memory_mib: default_lpar_memory(),
            max_memory_mib: default_lpar_max_memory(),
            kernel: default_kernel(),
            debian_tools: false,
            agent: false,
            disk_mib: Some(64),
            system_from: None,
            pci_card: false,
            hotplug_events: true,
            management_slot: default_management_slot(),
            migratable: true,
        };
        Self { name: default_name(), systems: vec![system(1), system(2)], lpars: vec![lpar], steps: Vec::new() }
    }

    /// Position of the system called `name`.
    pub fn system_index(&self, name: &str) -> Option<usize> {
        self.systems.iter().position(|system| system.name == name)
    }

    /// Position of the partition called `name`.
    pub fn lpar_index(&self, name: &str) -> Option<usize> {
        self.lpars.iter().position(|lpar| lpar.name == name)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |text: String| Err(ScenarioError::Sense(text));
        if self.systems.is_empty() || self.systems.len() > 8 {
            return wrong(format!("{} systems; a lab has one to eight", self.systems.len()));
        }
        let names = self.systems.iter().map(|system| &system.name).chain(self.lpars.iter().map(|lpar| &lpar.name));
        let mut seen = BTreeSet::new();
        for name in names.chain([&self.name]) {
            if !is_name(name) {
                return wrong(format!("'{name}' is no name: letters, digits and '-', 20 at most, a letter first"));
            }
        }
        for name in self.systems.iter().map(|system| &system.name).chain(self.lpars.iter().map(|lpar| &lpar.name)) {
            if !seen.insert(name) {
                return wrong(format!("two parts are called '{name}'"));
            }
        }
        self.systems.iter().try_for_each(System::check)?;
        let mut numbers = BTreeSet::new();
        for lpar in &self.lpars {
            lpar.check()?;
            if self.system_index(&lpar.system).is_none() {
                return wrong(format!("lpar {}: there is no system '{}'", lpar.name, lpar.system));
            }
            if !numbers.insert(lpar.id) {
                return wrong(format!("two lpars have the id {}", lpar.id));
            }
        }
        self.systems.iter().try_for_each(|system| self.check_capacity(system))?;
        self.steps.iter().enumerate().try_for_each(|(number, step)| {
            step.check(self).map_err(|cause| ScenarioError::Sense(format!("step {}: {cause}", number + 1)))
        })
    }

    fn check_capacity(&self, system: &System) -> Result<(), ScenarioError> {
        let here = || self.lpars.iter().filter(|lpar| lpar.system == system.name);
        let (cpus, memory) =
            (here().map(|lpar| lpar.cpus).sum::<u32>(), here().map(|lpar| lpar.memory_mib).sum::<u32>());
        if cpus > system.cpus || memory > system.memory_mib {
            return Err(ScenarioError::Sense(format!(
                "system {}: its lpars want {cpus} CPUs and {memory} MiB, it has {} and {}",
                system.name, system.cpus, system.memory_mib
            )));
        }
        Ok(())
    }
}

impl System {
    fn check(&self) -> Result<(), ScenarioError> {
        // They become a QEMU option, where a comma would begin the next one.
        let plain = |text: &str| {
            !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if plain(&self.model) && plain(&self.serial) {
            return Ok(());
        }
        Err(ScenarioError::Sense(format!(
            "system {}: model '{}' and serial '{}' must be letters, digits and '-'",
            self.name, self.model, self.serial
        )))
    }
}

impl Lpar {
    /// Address on the ordinary network; the lab's own is 10.77.0.1.
    pub fn lan_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.id.wrapping_add(10))
    }

    /// Unit address of the management adapter.
    pub fn management_unit(&self) -> u32 {
        0x3000_0000 + u32::from(self.management_slot)
    }

    /// Unit address of the ordinary adapter: the slot behind the management adapter's. QEMU gives an interrupt of its own only
    /// to addresses that differ in the fourth digit from the right.
    pub fn lan_unit(&self) -> u32 {
        self.management_unit() + 0x1001
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let wrong = |text: String| Err(ScenarioError::Sense(format!("lpar {}: {text}", self.name)));
        if !(1..=200).contains(&self.id) {
            return wrong(format!("id {} is not within 1 to 200", self.id));
        }
        if self.cpus == 0 || self.cpus > self.max_cpus || self.max_cpus > 16 {
            return wrong(format!("{} of at most {} CPUs; 1 to 16 work", self.cpus, self.max_cpus));
        }
        if self.memory_mib < 512
            || self.memory_mib > self.max_memory_mib
            || self.memory_mib % LMB_MIB + self.max_memory_mib % LMB_MIB != 0
        {
            return wrong(format!(
                "{} of at most {} MiB; 512 at least, in multiples of {LMB_MIB}",
                self.memory_mib, self.max_memory_mib
            ));
        }
        if !(2..=60).contains(&self.management_slot) {
            return wrong(format!("management slot {} is not within 2 to 60", self.management_slot));
        }
        if self.disk_mib.is_some_and(|size| !(8..=16_384).contains(&size)) {
            return wrong("a disk has 8 to 16384 MiB".into());
        }
        if self.system_from.is_some() && self.disk_mib.is_none() {
            return wrong("system_from needs a disk: disk_mib".into());
        }
        Ok(())
    }
}

/// Names become file names, host names and parts of command lines.
fn is_name(name: &str) -> bool {
    name.len() <= 20
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TWO: &str = "
        [[system]]
        name = 'a'
        model = '8286-41A'
        serial = '1'
        [[lpar]]
        name = 'l'
        id = 3
        system = 'a'
    ";

    #[test]
    fn the_scenario_without_a_file_is_a_sensible_one() {
        Scenario::two_systems().check().unwrap();
    }

    #[test]
    fn a_short_file_gets_the_defaults() {
        let scenario = Scenario::parse(TWO, "x").unwrap();
        assert_eq!((scenario.name.as_str(), scenario.lpars[0].memory_mib), ("default", 1024));
        assert_eq!(scenario.lpars[0].lan_address().to_string(), "10.77.0.13");
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_the_reason() {
        for (change, to, says) in [
            ("name = 'l'", "name = 'a'", "two parts are called 'a'"),
            ("name = 'l'", "name = '../x'", "is no name"),
            ("system = 'a'", "system = 'b'", "no system 'b'"),
            ("id = 3", "id = 0", "id 0"),
            ("id = 3", "id = 3\ncpus = 9\nmax_cpus = 9", "want 9 CPUs"),
            ("id = 3", "id = 3\nmemory_mib = 1000", "multiples of 256"),
            ("id = 3", "id = 3\nmemory_mb = 1024", "memory_mb"),
            ("serial = '1'", "serial = '1,kernel=x'", "letters, digits"),
        ] {
            let text = TWO.replace(change, to);
            let error = Scenario::parse(&text, "x").unwrap_err().to_string();
            assert!(error.contains(says), "{change} -> {to}: {error}");
        }
    }
}
