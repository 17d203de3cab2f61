//! The same package, as an RPM under the real rpm and as a .deb under the real dpkg: its scriptlets log their name and
//! `$1`, and both logs must tell the same story. Each tool works in a root of its own that holds nothing but busybox.

#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rpm2deb::rpm::package::Slot;

/// What rpm 4.18 and later versions know.
const SLOTS: [Slot; 6] = [Slot::PreTrans, Slot::Pre, Slot::Post, Slot::PreUn, Slot::PostUn, Slot::PostTrans];

/// Programs that scriptlets and maintainer scripts call.
const APPLETS: [&str; 9] = ["sh", "cat", "rm", "mktemp", "head", "mkdir", "rmdir", "readlink", "sed"];

/// One step of the story: what is asked of both tools, and what goes wrong in it.
struct Operation {
    name: &'static str,
    /// A scriptlet of this name, of whichever version, fails.
    failing: Option<&'static str>,
    rpm: &'static [&'static str],
    dpkg: &'static [&'static str],
    /// Lines that rpm alone writes so, and what stands for them on Debian.
    differs: &'static [(&'static str, &'static str)],
}

const fn same(
    name: &'static str,
    failing: Option<&'static str>,
    rpm: &'static [&'static str],
    dpkg: &'static [&'static str],
) -> Operation {
    Operation { name, failing, rpm, dpkg, differs: &[] }
}

const STORY: &[Operation] = &[
    same("first installation refused by %pretrans", Some("pretrans"), &["-i", "V1"], &["-i", "V1"]),
    same("first installation refused by %pre", Some("pre"), &["-i", "V1"], &["-i", "V1"]),
    same("first installation", None, &["-i", "V1"], &["-i", "V1"]),
    same("upgrade refused by %pre", Some("pre"), &["-U", "V2"], &["-i", "V2"]),
    same("upgrade with a failing %post", Some("post"), &["-U", "V2"], &["-i", "V2"]),
    same("the same version again", None, &["--reinstall", "V2"], &["-i", "V2"]),
    same("removal refused by %preun", Some("preun"), &["-e", "logger"], &["-r", "logger"]),
    same("removal with a failing %postun", Some("postun"), &["-e", "logger"], &["-r", "logger"]),
    same("installation after removal", None, &["-i", "V1"], &["-i", "V1"]),
    same("upgrade", None, &["-U", "V2"], &["-i", "V2"]),
    same("removal", None, &["-e", "logger"], &["-r", "logger"]),
    same("purge, for which rpm has no counterpart", None, &[], &["-P", "logger"]),
    same("installation after purge", None, &["-i", "V1"], &["-i", "V1"]),
    Operation {
        name: "upgrade whose old %preun fails: rpm keeps both versions and counts three, dpkg has one",
        failing: Some("preun"),
        rpm: &["-U", "V2"],
        dpkg: &["-i", "V2"],
        differs: &[("2 posttrans 3", "2 posttrans 2")],
    },
];

#[test]
fn dpkg_runs_the_scriptlets_that_rpm_runs_with_the_same_arguments() {
    if let Err(reason) = find_tools() {
        println!("skipped: {reason}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (rpm_root, dpkg_root) = (directory.path().join("rpm"), directory.path().join("dpkg"));
    make_root(&rpm_root);
    make_root(&dpkg_root);
    if !as_root("chroot").arg(&rpm_root).args(["/bin/sh", "-c", ":"]).output().unwrap().status.success() {
        println!(
            "skipped: no program can run in a root of its own; is busybox-static installed, may this user chroot?"
        );
        return;
    }
    make_dpkg_database(&dpkg_root);
    assert_success(&as_root("rpm").arg("--root").arg(&rpm_root).arg("--initdb").output().unwrap());
    let rpms = [1, 2].map(|version| rpm_package(directory.path(), version));
    let debs = [1, 2].map(|version| debian_package(directory.path(), version));
    for operation in STORY {
        let mut rpm = as_root("rpm");
        rpm.arg("--root").arg(&rpm_root).args(["--nodeps", "--noplugins"]).args(arguments(operation.rpm, &rpms));
        let mut dpkg = as_root("dpkg");
        dpkg.arg("--root").arg(&dpkg_root).args(["--force-bad-path", "--force-depends"]);
        dpkg.args(arguments(operation.dpkg, &debs));
        let (dpkg_log, dpkg_succeeded) = logged(&dpkg_root, operation, &mut dpkg);
        if operation.rpm.is_empty() {
            assert!(dpkg_log.is_empty() && dpkg_succeeded, "{}: {dpkg_log:?}", operation.name);
            continue;
        }
        let (rpm_log, rpm_succeeded) = logged(&rpm_root, operation, &mut rpm);
        assert!(!rpm_log.is_empty(), "{}: rpm ran nothing", operation.name);
        assert_eq!(in_dpkg_order(&rpm_log), dpkg_log, "{}: left rpm, right dpkg", operation.name);
        assert_eq!(rpm_succeeded || !operation.differs.is_empty(), dpkg_succeeded, "{}: status", operation.name);
    }
    assert!(!dpkg_root.join("var/lib/rpm2deb").exists(), "a note was left behind");
}

/// The one difference of order: dpkg configures a new version after it is done with the old one.
fn in_dpkg_order(log: &[String]) -> Vec<String> {
    let is_configuration = |line: &&String| line.contains(" post ") || line.contains(" posttrans ");
    let (last, first): (Vec<_>, Vec<_>) = log.iter().partition(is_configuration);
    first.into_iter().chain(last).cloned().collect()
}

/// Runs the command and gives back what the scriptlets wrote meanwhile, and whether it succeeded.
fn logged(root: &Path, operation: &Operation, command: &mut Command) -> (Vec<String>, bool) {
    let log = root.join("log");
    fs::write(&log, "").unwrap();
    let marker = operation.failing.map(|slot| root.join(format!("fail-{slot}")));
    if let Some(marker) = &marker {
        fs::write(marker, "").unwrap();
    }
    let output = command.output().unwrap();
    if let Some(marker) = &marker {
        fs::remove_file(marker).unwrap();
    }
    println!(
        "{}: {:?}: {}\n{}",
        operation.name,
        command.get_program(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let mut lines: Vec<String> = fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    for (rpm, debian) in operation.differs {
        lines.iter_mut().filter(|line| line == rpm).for_each(|line| (*debian).clone_into(line));
    }
    (lines, output.status.success())
}

fn arguments(words: &[&str], packages: &[PathBuf; 2]) -> Vec<PathBuf> {
    let word = |word: &&str| match *word {
        "V1" => packages[0].clone(),
        "V2" => packages[1].clone(),
        other => PathBuf::from(other),
    };
    words.iter().map(word).collect()
}

/// What each scriptlet does. No final newline, as rpmbuild leaves it.
fn body(version: u32, slot: Slot) -> String {
    let name = slot.name().trim_start_matches('%');
    format!("echo \"{version} {name} $1\" >> /log\n[ ! -e /fail-{name} ]")
}

/// Builds the RPM with rpmbuild.
fn rpm_package(directory: &Path, version: u32) -> PathBuf {
    let scriptlets = SLOTS.map(|slot| format!("{}\n{}\n\n", slot.name(), body(version, slot))).concat();
    let spec = format!(
        "Name: logger\nVersion: {version}\nRelease: 1\nSummary: Logs what is asked of it\nLicense: MIT\n\
         BuildArch: noarch\n%description\nA test.\n\n{scriptlets}%install\nmkdir -p %{{buildroot}}/opt/logger\n\
         echo {version} > %{{buildroot}}/opt/logger/version-{version}\n\n%files\n/opt/logger\n"
    );
    let file = directory.join(format!("logger-{version}.spec"));
    fs::write(&file, spec).unwrap();
    let top = format!("_topdir {}", directory.join("rpmbuild").display());
    assert_success(&Command::new("rpmbuild").args(["-bb", "--define", &top]).arg(file).output().unwrap());
    directory.join(format!("rpmbuild/RPMS/noarch/logger-{version}-1.noarch.rpm"))
}

/// Converts the RPM that [`rpm_package`] built.
fn debian_package(directory: &Path, version: u32) -> PathBuf {
    let rpm = directory.join(format!("rpmbuild/RPMS/noarch/logger-{version}-1.noarch.rpm"));
    let output = Command::new(env!("CARGO_BIN_EXE_rpm2deb")).arg("convert").arg(rpm).arg("-o").arg(directory).output();
    assert_success(&output.unwrap());
    directory.join(format!("logger_{version}-1_all.deb"))
}

/// A root with a shell and nothing else. `/dev/null` is a plain file: devices need more rights than a test has.
fn make_root(root: &Path) {
    for directory in ["bin", "tmp", "var/tmp", "var/lib/rpm", "dev", "etc"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("dev/null"), "").unwrap();
    fs::copy(busybox().unwrap(), root.join("bin/busybox")).unwrap();
    for applet in APPLETS {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
}

fn make_dpkg_database(root: &Path) {
    for directory in ["info", "updates", "triggers"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(directory)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    fs::create_dir_all(root.join("var/log")).unwrap();
}

fn busybox() -> Option<PathBuf> {
    ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.exists())
}

fn find_tools() -> Result<(), String> {
    for tool in ["rpm", "rpmbuild", "dpkg", "dpkg-deb"] {
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.map_err(|error| format!("{tool} does not start: {error}"))?;
    }
    busybox().map(|_| ()).ok_or_else(|| "busybox-static is not installed".to_owned())
}

/// A command with the rights to chroot: this user's if it is root, else those of a user namespace.
fn as_root(program: &str) -> Command {
    let id = Command::new("id").arg("-u").output().unwrap();
    let mut command = if id.stdout == b"0\n" {
        Command::new(program)
    } else {
        let mut command = Command::new("unshare");
        command.args(["-Ur", program]);
        command
    };
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path).env("LC_ALL", "C").env_remove("TMPDIR");
    command
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
