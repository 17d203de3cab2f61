//! Runs `lpar` on a copy of a recorded machine, and compares what it says with what is expected.
//! `BLESS=yes cargo test -p lpar` rewrites what is expected; read the diff before committing it.
#![allow(dead_code, unused_imports)] // each test file uses its part

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub(crate) use expected::{machines, tests};

#[path = "../../../../tests/expected.rs"]
mod expected;

/// A machine that a test may change.
pub(crate) struct Machine(TempDir);

impl Machine {
    /// Nothing is recorded of it.
    pub(crate) fn bare() -> Self {
        // A machine has a thousand files: where there is a file system in memory, they take no time.
        Self(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    /// A copy of a recorded one.
    pub(crate) fn recorded(name: &str) -> Self {
        let machine = Self::bare();
        copy(&tests().join("machines").join(name), machine.root());
        machine
    }

    /// Its root directory.
    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// The same with another file.
    pub(crate) fn with(self, path: &str, text: &str) -> Self {
        let file = self.root().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self
    }

    /// The same without a file.
    pub(crate) fn without(self, path: &str) -> Self {
        fs::remove_file(self.root().join(path)).unwrap();
        self
    }

    /// Runs `lpar` on it; the words are separated by single spaces.
    pub(crate) fn lpar(&self, line: &str) -> Said {
        let root = self.root().to_str().unwrap();
        lpar(&[&["--sysroot", root], line.split(' ').collect::<Vec<_>>().as_slice()].concat())
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&source, &target);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&source).unwrap(), &target).unwrap();
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}

/// What a run said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

impl Said {
    /// All of it, as a file of what is expected has it.
    pub(crate) fn whole(&self) -> String {
        let errors: String = self.err.lines().map(|line| format!("stderr: {line}\n")).collect();
        format!("{}{errors}exit status: {}\n", self.out, self.status)
    }
}

/// Runs `lpar`.
pub(crate) fn lpar(arguments: &[&str]) -> Said {
    lpar_reading("", arguments)
}

/// Runs `lpar` with something on its standard input.
pub(crate) fn lpar_reading(input: &str, arguments: &[&str]) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lpar"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read does not matter.
    let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        status: output.status.code().unwrap(),
    }
}

/// Compares with the file `tests/expected/lpar/PATH`; gives whether they differ.
pub(crate) fn differs(path: &str, said: &str) -> bool {
    expected::differs(&format!("lpar/{path}"), said)
}
