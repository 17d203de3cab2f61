//! What can be changed here: the line of `-C` that console software reads, and the same tests before a change.

use sysroot::Sysroot;

use crate::say::{Level, Say};

/// Where I/O slots are added: the module `rpadlpar_io` makes it.
pub(crate) const ADD_SLOT: &str = "sys/bus/pci/slots/control/add_slot";
const CPUS: &str = "sys/devices/system/cpu";
const LPARCFG: &str = "proc/ppc64/lparcfg";

/// Something that is there or not, and by what that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    Cpu,
    Memory,
    Slot,
    Phb,
    Hea,
    Migration,
    Hibernation,
    SlbResize,
    CpuEntitlement,
    MemoryEntitlement,
}

enum Test {
    /// `cpuN/online` of the first processor.
    FirstCpu,
    /// A file, with how the test is called on standard error.
    File(&'static str, &'static str),
    /// A key of lparcfg.
    Key(&'static str),
}

impl Capability {
    /// The keys of the line, in its order.
    const KEYS: [(&'static str, Self); 10] = [
        ("cpu_dlpar", Self::Cpu),
        ("mem_dlpar", Self::Memory),
        ("slot_dlpar", Self::Slot),
        ("phb_dlpar", Self::Phb),
        ("hea_dlpar", Self::Hea),
        ("pmig", Self::Migration),
        ("cpu_entitlement", Self::CpuEntitlement),
        ("mem_entitlement", Self::MemoryEntitlement),
        ("slb_resize", Self::SlbResize),
        ("phib", Self::Hibernation),
    ];

    /// The order in which they are told on standard error.
    const TOLD: [Self; 10] = [
        Self::Cpu,
        Self::Memory,
        Self::Slot,
        Self::Phb,
        Self::Hea,
        Self::Migration,
        Self::Hibernation,
        Self::SlbResize,
        Self::CpuEntitlement,
        Self::MemoryEntitlement,
    ];

    fn test(self) -> Test {
        match self {
            Self::Cpu => Test::FirstCpu,
            Self::Memory => Test::File("Memory DLPAR", "sys/devices/system/memory/block_size_bytes"),
            Self::Slot => Test::File("I/O DLPAR", ADD_SLOT),
            Self::Phb => Test::File("PHB DLPAR", ADD_SLOT),
            Self::Hea => Test::File("HEA DLPAR", "sys/bus/ibmebus/probe"),
            Self::Migration => Test::File("partition migration", "proc/device-tree/ibm,migratable-partition"),
            Self::Hibernation => Test::File("partition hibernation", "sys/devices/system/power/hibernate"),
            Self::SlbResize => Test::Key("slb_size"),
            Self::CpuEntitlement => Test::Key("partition_entitled_capacity"),
            Self::MemoryEntitlement => Test::Key("entitled_memory"),
        }
    }

    /// Tests it, and tells how that went.
    pub(crate) fn is_there(self, sysroot: &Sysroot, say: &mut Say<'_>) -> bool {
        match self.test() {
            Test::FirstCpu => first_cpu(sysroot, say),
            Test::File(name, path) => file(sysroot, say, name, path),
            Test::Key(key) => lparcfg_has(&Lparcfg::read(sysroot), say, key),
        }
    }
}

/// The line of `-C`, with its line break.
pub(crate) fn line(sysroot: &Sysroot, say: &mut Say<'_>) -> String {
    // Read once for three keys; the kernel asks the hypervisor at every read.
    let lparcfg = Lparcfg::read(sysroot);
    let found = Capability::TOLD.map(|capability| {
        let there = match capability.test() {
            Test::Key(key) => lparcfg_has(&lparcfg, say, key),
            _ => capability.is_there(sysroot, say),
        };
        (capability, there)
    });
    let answer = |wanted| if found.contains(&(wanted, true)) { "yes" } else { "no" };
    let fields = Capability::KEYS.map(|(key, capability)| format!("{key}={}", answer(capability)));
    format!("{}\n", fields.join(","))
}

fn file(sysroot: &Sysroot, say: &mut Say<'_>, name: &str, path: &str) -> bool {
    let stat = sysroot.stat(path);
    let refusal = match &stat {
        Ok(Some(_)) => None,
        Ok(None) => Some("No such file or directory".to_owned()),
        Err(error) => Some(error.errno().map_or_else(|| error.to_string(), |errno| errno.desc().to_owned())),
    };
    tell(say, name, path, refusal.as_deref());
    refusal.is_none()
}

fn first_cpu(sysroot: &Sysroot, say: &mut Say<'_>) -> bool {
    // Nearly always there, and a directory of a thousand names need not be read.
    if sysroot.exists(format!("{CPUS}/cpu0")) {
        return file(sysroot, say, "CPU DLPAR", &format!("{CPUS}/cpu0/online"));
    }
    let is_cpu =
        |name: &String| name.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let first = sysroot.list(CPUS).ok().and_then(|names| names.into_iter().find(is_cpu));
    let Some(cpu) = first else {
        tell(say, "CPU DLPAR", CPUS, Some("No such file or directory"));
        return false;
    };
    file(sysroot, say, "CPU DLPAR", &format!("{CPUS}/{cpu}/online"))
}

fn tell(say: &mut Say<'_>, name: &str, path: &str, refusal: Option<&str>) {
    let verdict = match refusal {
        None => "yes.\n".to_owned(),
        Some(refusal) => format!("no.\n    stat(\"/{path}\"): {refusal}\n"),
    };
    say.say(Level::Error, &format!("Validating {name} capability...{verdict}"));
}

/// The partition's parameters, or why they cannot be read.
struct Lparcfg(Result<String, String>);

impl Lparcfg {
    fn read(sysroot: &Sysroot) -> Self {
        let text = sysroot.read_text(LPARCFG);
        Self(text.map_err(|error| error.errno().map_or_else(|| error.to_string(), |errno| errno.desc().to_owned())))
    }
}

fn lparcfg_has(lparcfg: &Lparcfg, say: &mut Say<'_>, key: &str) -> bool {
    match &lparcfg.0 {
        Err(error) => {
            say.error(&format!("Could not open \"/{LPARCFG}\"\n{error}"));
            false
        }
        Ok(text) => {
            let has = text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with('=')));
            if !has {
                say.error(&format!("Error finding {key} in /{LPARCFG}"));
            }
            has
        }
    }
}
