//! Runs the `rpm2deb` binary where anything it should not do shows: a directory tree whose every byte and mode is
//! compared afterwards, a PATH of traps, and a bound on memory and time.
#![allow(clippy::disallowed_methods)] // tests run the tools that we are compared with
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Address space of a run. The largest compressor setting and its threads fit; a bomb or a header of 4 GiB does not.
const ADDRESS_SPACE_BYTES: u64 = 768 << 20;
/// Programs that a careless converter would call.
const TRAPS: [&str; 16] = [
    "sh", "bash", "rpm", "rpm2cpio", "cpio", "tar", "chown", "chmod", "mkdir", "cp", "patch", "dpkg", "dpkg-deb",
    "touch", "xz", "zstd",
];

/// The tree: `work/` (where the package lies and the program runs), `out/`, `home/`, `tmp/`, `traps/`, `canaries/`.
pub struct Sandbox {
    root: tempfile::TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Paths below the root that appeared, vanished or changed.
    pub changes: Vec<PathBuf>,
}

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self { root: tempfile::tempdir().unwrap() };
        for directory in ["work", "out", "home", "tmp", "traps", "canaries/directory"] {
            fs::create_dir_all(sandbox.path(directory)).unwrap();
        }
        let canary = sandbox.path("canaries/file");
        fs::write(&canary, "untouched\n").unwrap();
        fs::set_permissions(&canary, fs::Permissions::from_mode(0o600)).unwrap();
        for name in TRAPS {
            let trap = sandbox.path("traps").join(name);
            let marker = sandbox.path("executed");
            fs::write(&trap, format!("#!/bin/sh\necho \"$0 $*\" >>'{}'\n", marker.display())).unwrap();
            fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
        }
        sandbox
    }

    /// A path below the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Writes the package to be converted.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path("work").join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// `rpm2deb convert PACKAGE -o out/ ARGUMENTS`.
    pub fn convert(&self, package: &Path, arguments: &[&str]) -> Run {
        self.convert_within(package, arguments, Duration::from_secs(120))
    }

    /// The same with another bound of time.
    pub fn convert_within(&self, package: &Path, arguments: &[&str], limit: Duration) -> Run {
        let before = self.snapshot();
        let mut child = command()
            .arg("convert")
            .arg(package)
            .arg("-o")
            .arg(self.path("out"))
            .args(arguments)
            .env_clear()
            .env("PATH", self.path("traps"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("MALLOC_ARENA_MAX", "1") // each further arena of glibc reserves 64 MiB of address space
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > limit {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{} keeps rpm2deb busy for more than {limit:?}", package.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().unwrap();
        let changes = differences(&before, &self.snapshot());
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            changes: changes.iter().map(|path| path.strip_prefix(self.root.path()).unwrap().to_path_buf()).collect(),
        }
    }

    /// Empties `out/`.
    pub fn clear(&self) {
        fs::remove_dir_all(self.path("out")).unwrap();
        fs::create_dir(self.path("out")).unwrap();
    }

    /// The only `.deb` in `out/`.
    pub fn deb(&self) -> PathBuf {
        let mut debs: Vec<_> = fs::read_dir(self.path("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(debs.len(), 1, "one file in out/, not {debs:?}");
        debs.remove(0)
    }

    fn snapshot(&self) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
        let mut seen = BTreeMap::new();
        let mut left = vec![self.root.path().to_path_buf()];
        while let Some(path) = left.pop() {
            let data = fs::symlink_metadata(&path).unwrap();
            let mut content = Vec::new();
            if data.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if data.is_file() && data.len() < 1 << 20 {
                content = fs::read(&path).unwrap();
            } else {
                content.extend(data.len().to_be_bytes());
            }
            seen.insert(path, (data.mode(), data.uid(), content));
        }
        seen
    }
}

fn differences<T: PartialEq>(before: &BTreeMap<PathBuf, T>, after: &BTreeMap<PathBuf, T>) -> Vec<PathBuf> {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let changed = after.iter().filter(|(path, state)| before.get(*path) != Some(state)).map(|(path, _)| path);
    gone.chain(changed).cloned().collect()
}

/// The binary, under `prlimit` where that exists.
fn command() -> Command {
    let binary = env!("CARGO_BIN_EXE_rpm2deb");
    if !Path::new("/usr/bin/prlimit").exists() {
        eprintln!("skipped: no /usr/bin/prlimit, memory is not bounded");
        return Command::new(binary);
    }
    let mut command = Command::new("/usr/bin/prlimit");
    command.arg(format!("--as={ADDRESS_SPACE_BYTES}")).arg("--core=0").arg(binary);
    command
}

/// Runs a program of the system and gives its output; its failure is the test's.
pub fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").env("TZ", "UTC").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The control file's fields: name and value, continuation lines kept.
pub fn fields(deb: &Path) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = String::new();
    for line in tool("dpkg-deb", &["-f", deb.to_str().unwrap()]).lines() {
        if line.starts_with([' ', '\t']) {
            let value = fields.get_mut(&last).unwrap();
            value.push('\n');
            value.push_str(line);
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line}"));
        name.clone_into(&mut last);
        assert!(fields.insert(last.clone(), value.trim().to_owned()).is_none(), "field {name} is there twice");
    }
    fields
}
