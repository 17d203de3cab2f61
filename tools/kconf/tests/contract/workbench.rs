//! A directory to work in, and runs of `lpar-kconfig` in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A configuration as Debian 12 has it, as far as the sets ask: the fixture's head says where from.
pub(crate) const DEBIAN_12: &str = include_str!("../fixtures/debian-12.config");

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The directory.
pub(crate) struct Workbench {
    root: tempfile::TempDir,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    /// Writes a file, and the directories above it.
    pub(crate) fn put(&self, relative: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// `lpar-kconfig ARGUMENTS`, here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, None)
    }

    /// The same with a file as standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: Option<&Path>) -> Run {
        let stdin = input.map_or_else(Stdio::null, |path| fs::File::open(path).unwrap().into());
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpar-kconfig"));
        Run::of(command.args(arguments).current_dir(self.root.path()).stdin(stdin))
    }

    /// A line of shell, in which `lpar-kconfig` is the program.
    pub(crate) fn shell(&self, line: &str) -> Run {
        let program = Path::new(env!("CARGO_BIN_EXE_lpar-kconfig")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        Run::of(command.args(["-c", line]).env("PATH", path).current_dir(self.root.path()))
    }

    /// The JSON of `lpar-kconfig check ARGUMENTS`.
    pub(crate) fn checked(&self, arguments: &[&str]) -> serde_json::Value {
        let run = self.run(&[&["check", "--json"], arguments].concat());
        assert!(matches!(run.code, Some(0 | 1)), "{arguments:?}: {run:?}");
        serde_json::from_str(&run.stdout).unwrap()
    }
}

/// What a report says of an option.
pub(crate) fn option<'r>(report: &'r serde_json::Value, set: &str, symbol: &str) -> &'r serde_json::Value {
    let named = |list: &'r serde_json::Value, key: &str, name: &str| {
        list.as_array().unwrap().iter().find(|one| one[key] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    named(&named(&report["sets"], "name", set)["options"], "symbol", symbol)
}
