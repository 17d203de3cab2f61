//! What this machine has and lacks for the lab: observations (read), findings (pure), a table or JSON (report).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;

use crate::network::search_path;
use crate::qemu::{self, Version};

/// Before 8.2 a migrated TCG guest loses its decrementer and hangs.
const QEMU_FOR_MIGRATION: Version = Version::new(8, 2, 0);

/// Before 9.0 a suspended guest is woken by its migration instead of by the lab.
const QEMU_FOR_SUSPEND: Version = Version::new(9, 0, 0);

/// The oldest Rust that builds lparkit: rust-version in Cargo.toml.
const RUST_OLDEST: (u32, u32) = (1, 85);

/// A kernel package, unpacked, and images made from it, with room for a second kernel; and less than that.
const DISK_COMFORTABLE_MIB: u64 = 4096;
const DISK_NEEDED_MIB: u64 = 1024;

/// Two QEMUs of a 1 GiB partition during its migration, with their translation buffers; and one of them.
const MEMORY_COMFORTABLE_MIB: u64 = 4096;
const MEMORY_NEEDED_MIB: u64 = 2048;

/// What was seen of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observations {
    /// QEMU's version, or why there is none.
    pub qemu: Result<Version, String>,
    /// Whether /dev/net/tun can be opened, or why not.
    pub tun: Result<(), String>,
    /// Whether we are root.
    pub root: bool,
    /// Whether `unshare` can make the namespaces of the lab, or why not.
    pub namespaces: Result<(), String>,
    /// Whether `ip` runs.
    pub ip: bool,
    /// Whether `bridge` runs and knows `isolated`; `None` when it does not run.
    pub bridge_isolates: Option<bool>,
    /// Whether the compiler for ppc64el runs.
    pub cross_compiler: bool,
    /// rustc's version, major and minor.
    pub rust: Option<(u32, u32)>,
    /// Where downloads and images are kept, and what is free there.
    pub cache: PathBuf,
    /// Free for us in its file system.
    pub disk_free_mib: Option<u64>,
    /// The kernel's `MemAvailable`.
    pub memory_available_mib: Option<u64>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// The lab works, but not all of it, or not well.
    Warn,
    /// The lab does not work.
    Fail,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `QEMU`, `tap`, …
    pub subject: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, and what it means.
    pub found: String,
    /// The command that mends it; absent where all is well, or no command can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

const SETUP: &str = "tools/setup";

fn finding(subject: &'static str, verdict: Verdict, found: impl Into<String>, mend: &str) -> Finding {
    let mend = (verdict != Verdict::Ok && !mend.is_empty()).then(|| mend.to_owned());
    Finding { subject, verdict, found: found.into(), mend }
}

/// What the observations mean.
pub fn judge(seen: &Observations) -> Vec<Finding> {
    vec![
        qemu_finding(&seen.qemu),
        tun_finding(&seen.tun),
        namespace_finding(seen),
        ip_finding(seen.ip),
        bridge_finding(seen.bridge_isolates),
        cross_finding(seen.cross_compiler),
        rust_finding(seen.rust),
        disk_finding(&seen.cache, seen.disk_free_mib),
        memory_finding(seen.memory_available_mib),
    ]
}

/// The worst of them.
pub fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok)
}

fn qemu_finding(qemu: &Result<Version, String>) -> Finding {
    // Debian 12's own is 7.2; tools/setup takes the one of bookworm-backports there.
    let (verdict, found) = match qemu {
        Err(reason) => (Verdict::Fail, reason.clone()),
        Ok(version) if *version < QEMU_FOR_MIGRATION => {
            (Verdict::Warn, format!("{version}: boots partitions; migration needs {QEMU_FOR_MIGRATION}"))
        }
        Ok(version) if *version < QEMU_FOR_SUSPEND => {
            (Verdict::Warn, format!("{version}: a migration wakes the partition too early before {QEMU_FOR_SUSPEND}"))
        }
        Ok(version) => (Verdict::Ok, version.to_string()),
    };
    finding("QEMU", verdict, found, SETUP)
}

fn tun_finding(tun: &Result<(), String>) -> Finding {
    match tun {
        Ok(()) => finding("tap", Verdict::Ok, "/dev/net/tun opens", ""),
        Err(reason) => {
            finding("tap", Verdict::Fail, reason.clone(), "sudo modprobe tun && sudo chmod 0666 /dev/net/tun")
        }
    }
}

fn namespace_finding(seen: &Observations) -> Finding {
    let who = if seen.root { "root" } else { "not root" };
    match &seen.namespaces {
        Ok(()) => finding("namespaces", Verdict::Ok, format!("{who}, unshare works"), ""),
        Err(reason) if seen.root => finding("namespaces", Verdict::Fail, format!("{who}, but {reason}"), ""),
        Err(reason) => finding(
            "namespaces",
            Verdict::Fail,
            format!("{who}, and {reason}"),
            // Each where it exists: Debian's own switch, the limit, Ubuntu's.
            "sudo sysctl -e -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    }
}

fn ip_finding(ip: bool) -> Finding {
    let (verdict, found) = if ip { (Verdict::Ok, "there") } else { (Verdict::Fail, "not there") };
    finding("ip", verdict, found, SETUP)
}

fn bridge_finding(isolates: Option<bool>) -> Finding {
    let (verdict, found) = match isolates {
        None => (Verdict::Fail, "not there"),
        Some(false) => (Verdict::Fail, "too old: it cannot isolate ports (iproute2 4.18 can)"),
        Some(true) => (Verdict::Ok, "isolates ports"),
    };
    finding("bridge", verdict, found, SETUP)
}

fn cross_finding(there: bool) -> Finding {
    let (verdict, found) = if there { (Verdict::Ok, "there") } else { (Verdict::Fail, "not there: no guest image") };
    finding("cross compiler", verdict, format!("powerpc64le-linux-gnu-gcc is {found}"), SETUP)
}

fn rust_finding(rust: Option<(u32, u32)>) -> Finding {
    let (verdict, found) = match rust {
        None => (Verdict::Fail, "rustc is not there".to_owned()),
        Some(version) => {
            let verdict = if version < RUST_OLDEST { Verdict::Fail } else { Verdict::Ok };
            (verdict, format!("{}.{}, {}.{} or later is needed", version.0, version.1, RUST_OLDEST.0, RUST_OLDEST.1))
        }
    };
    finding("Rust", verdict, found, SETUP)
}

fn disk_finding(cache: &Path, free: Option<u64>) -> Finding {
    let mend = "set LPARKIT_CACHE to a directory with room";
    let amount = Amount { free, comfortable: DISK_COMFORTABLE_MIB, needed: DISK_NEEDED_MIB };
    amount.finding("disk", &format!("free for {}", cache.display()), mend)
}

fn memory_finding(available: Option<u64>) -> Finding {
    let amount = Amount { free: available, comfortable: MEMORY_COMFORTABLE_MIB, needed: MEMORY_NEEDED_MIB };
    amount.finding("memory", "available", "")
}

/// Something of which there may be enough, hardly enough, or too little. Units: MiB.
struct Amount {
    free: Option<u64>,
    comfortable: u64,
    needed: u64,
}

impl Amount {
    fn finding(&self, subject: &'static str, of_what: &str, mend: &str) -> Finding {
        let Some(free) = self.free else {
            return finding(subject, Verdict::Warn, format!("cannot be told: MiB {of_what}"), "");
        };
        let verdict = match free {
            free if free >= self.comfortable => Verdict::Ok,
            free if free >= self.needed => Verdict::Warn,
            _ => Verdict::Fail,
        };
        let wanted = if verdict == Verdict::Ok { String::new() } else { format!(", {} wanted", self.comfortable) };
        finding(subject, verdict, format!("{free} MiB {of_what}{wanted}"), mend)
    }
}

/// A table for people.
pub fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    let line = |finding: &Finding| {
        let mend =
            finding.mend.as_ref().map(|mend| format!("\n{:width$}         mend: {mend}", "")).unwrap_or_default();
        format!("{:4}  {:width$}  {}{mend}\n", finding.verdict.word(), finding.subject, finding.found)
    };
    findings.iter().map(line).collect()
}

/// Looks at this machine. `cache` is where downloads and images are kept; it need not exist yet.
pub fn observe(cache: &Path) -> Observations {
    let root = nix::unistd::geteuid().is_root();
    Observations {
        qemu: qemu::version().map_err(|error| error.to_string()),
        tun: tun(),
        root,
        namespaces: namespaces(root),
        ip: said("ip", &["-V"]).is_ok(),
        bridge_isolates: said("bridge", &["link", "help"]).ok().map(|usage| usage.contains("isolated")),
        cross_compiler: said("powerpc64le-linux-gnu-gcc", &["--version"]).is_ok_and(|version| version.contains("gcc")),
        rust: said("rustc", &["--version"]).ok().and_then(|version| rust_version(&version)),
        cache: cache.to_owned(),
        disk_free_mib: disk_free_mib(cache),
        memory_available_mib: fs::read_to_string("/proc/meminfo").ok().and_then(|text| memory_available_mib(&text)),
    }
}

fn tun() -> Result<(), String> {
    let opened = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    opened.map(drop).map_err(|error| format!("/dev/net/tun cannot be opened: {error}"))
}

/// Makes the namespaces that the lab makes, around a program that does nothing.
fn namespaces(root: bool) -> Result<(), String> {
    let mut arguments = vec!["--net", "--pid", "--fork", "--kill-child", "true"];
    if !root {
        arguments.insert(0, "--map-root-user");
    }
    let output = Command::new("unshare").args(arguments).env("PATH", search_path()).stdin(Stdio::null()).output();
    match output {
        Err(error) => Err(format!("unshare cannot be run: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// What a program prints, on either stream: usages come on stderr.
fn said(program: &str, arguments: &[&str]) -> std::io::Result<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).env("PATH", search_path()).env("LC_ALL", "C").stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// From `rustc 1.85.0 (4d91de4e4 2025-02-17)`.
fn rust_version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.strip_prefix("rustc ")?.split(['.', ' ', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Of the nearest directory that exists.
fn disk_free_mib(cache: &Path) -> Option<u64> {
    let there = cache.ancestors().find(|path| path.is_dir())?;
    let free = nix::sys::statvfs::statvfs(there).ok()?;
    Some(free.blocks_available().saturating_mul(free.fragment_size()) >> 20)
}

/// From /proc/meminfo, which shows kB and means KiB.
fn memory_available_mib(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib >> 10)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn well() -> Observations {
        Observations {
            qemu: Ok(Version::new(10, 0, 2)),
            tun: Ok(()),
            root: false,
            namespaces: Ok(()),
            ip: true,
            bridge_isolates: Some(true),
            cross_compiler: true,
            rust: Some((1, 85)),
            cache: "/cache".into(),
            disk_free_mib: Some(10_000),
            memory_available_mib: Some(10_000),
        }
    }

    #[test]
    fn a_good_machine_needs_no_mending() {
        let findings = judge(&well());
        assert_eq!(worst(&findings), Verdict::Ok);
        assert!(findings.iter().all(|finding| finding.mend.is_none()), "{findings:?}");
        assert!(!table(&findings).contains("mend"));
    }

    #[test]
    fn everything_that_is_missing_is_found_and_mended() {
        let cases: [(&str, Verdict, &str, Observations); 15] = [
            ("QEMU", Verdict::Fail, "setup", Observations { qemu: Err("cannot run it".into()), ..well() }),
            ("QEMU", Verdict::Warn, "setup", Observations { qemu: Ok(Version::new(7, 2, 17)), ..well() }),
            ("QEMU", Verdict::Warn, "setup", Observations { qemu: Ok(Version::new(8, 2, 0)), ..well() }),
            ("tap", Verdict::Fail, "modprobe tun", Observations { tun: Err("no".into()), ..well() }),
            ("namespaces", Verdict::Fail, "sysctl", Observations { namespaces: Err("no".into()), ..well() }),
            ("namespaces", Verdict::Fail, "", Observations { namespaces: Err("no".into()), root: true, ..well() }),
            ("ip", Verdict::Fail, "setup", Observations { ip: false, ..well() }),
            ("bridge", Verdict::Fail, "setup", Observations { bridge_isolates: None, ..well() }),
            ("bridge", Verdict::Fail, "setup", Observations { bridge_isolates: Some(false), ..well() }),
            ("cross compiler", Verdict::Fail, "setup", Observations { cross_compiler: false, ..well() }),
            ("Rust", Verdict::Fail, "setup", Observations { rust: Some((1, 63)), ..well() }),
            ("disk", Verdict::Warn, "LPARKIT_CACHE", Observations { disk_free_mib: Some(2000), ..well() }),
            ("disk", Verdict::Fail, "LPARKIT_CACHE", Observations { disk_free_mib: Some(100), ..well() }),
            ("memory", Verdict::Fail, "", Observations { memory_available_mib: Some(100), ..well() }),
            ("memory", Verdict::Warn, "", Observations { memory_available_mib: None, ..well() }),
        ];
        for (subject, verdict, mend, seen) in cases {
            let findings = judge(&seen);
            let bad: Vec<_> = findings.iter().filter(|finding| finding.verdict != Verdict::Ok).collect();
            assert_eq!(bad.len(), 1, "{bad:?}");
            assert_eq!((bad[0].subject, bad[0].verdict), (subject, verdict));
            assert!(bad[0].mend.as_deref().unwrap_or_default().contains(mend), "{bad:?}");
        }
    }

    #[test]
    fn the_table_and_the_json_say_the_same() {
        let seen = Observations { ip: false, ..well() };
        let findings = judge(&seen);
        assert!(
            table(&findings).contains("fail  ip              not there\n                       mend: tools/setup\n"),
            "{}",
            table(&findings)
        );
        let json = serde_json::to_value(&findings).unwrap();
        assert_eq!(
            json[3],
            serde_json::json!({"subject": "ip", "verdict": "fail", "found": "not there", "mend": "tools/setup"})
        );
        assert_eq!(json[0].get("mend"), None);
    }

    #[test]
    fn versions_and_amounts_are_read() {
        assert_eq!(rust_version("rustc 1.85.0 (4d91de4e4 2025-02-17)"), Some((1, 85)));
        assert_eq!(rust_version("rustc 1.97.0-nightly"), Some((1, 97)));
        assert_eq!(rust_version("no rustc"), None);
        assert_eq!(memory_available_mib("MemTotal: 1 kB\nMemAvailable:    2097152 kB\n"), Some(2048));
        assert_eq!(memory_available_mib("MemTotal: 1 kB\n"), None);
    }
}
