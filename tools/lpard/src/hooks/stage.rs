//! A machine of a test whose hooks are programs that run.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sysroot::Sysroot;

use super::{Point, Runner};
use crate::config::HookSettings;
use crate::log::Log;

/// Files in a directory, and hooks beside them.
pub(crate) struct Stage {
    directory: tempfile::TempDir,
    settings: HookSettings,
    log: Log,
    pub(crate) sysroot: Sysroot,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::staged(directory.path()).unwrap();
        Self { directory, settings: HookSettings::default(), log: Log::to_stderr(), sysroot }
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn file(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub(crate) fn runner(&self) -> Runner<'_> {
        Runner { sysroot: &self.sysroot, settings: &self.settings, log: &self.log }
    }

    /// A hook of ours. Another program writes it: what is open for writing anywhere cannot be run, and the children of tests
    /// beside this one have for a moment what this process had open.
    pub(crate) fn hook(&self, point: Point, name: &str, script: &str) {
        let path = self.path("etc/lparkit/hooks.d").join(point.name()).join(name);
        let mut install = Command::new("install");
        let install = install.args(["-D", "-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
        let mut install = install.spawn().unwrap();
        let text = format!("#!/bin/sh\ncd '{}' || exit 99\n{script}\n", self.root().display());
        install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success());
    }

    /// A hook that writes down what it is told, whole or not at all.
    pub(crate) fn hook_that_listens(&self, point: Point, name: &str) {
        let script =
            format!("cat >{name}.json\nenv | grep ^LPARKIT_ | sort >{name}.new\nmv {name}.new {name}.environment");
        self.hook(point, name, &script);
    }

    /// What such a hook was told: the variables, as lines, and the JSON. None when it did not run, or has not ended.
    pub(crate) fn told(&self, name: &str) -> Option<(Vec<String>, Value)> {
        let environment = fs::read_to_string(self.path(&format!("{name}.environment"))).ok()?;
        let json = self.read(&format!("{name}.json"));
        assert_eq!(json.find('\n'), Some(json.len() - 1), "one line: {json}");
        Some((environment.lines().map(str::to_owned).collect(), serde_json::from_str(&json).unwrap()))
    }
}
