//! Loads kernel modules.

use std::ffi::CString;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

/// All of a list; those that do not load are named at the end.
pub(crate) fn load_all(list: &Path) -> Result<()> {
    let paths = fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
    let failures: Vec<_> =
        paths.lines().filter_map(|path| load(path).err().map(|error| format!("{error:#}"))).collect();
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

fn load(path: &str) -> Result<()> {
    let file = File::open(path).with_context(|| format!("open {path}"))?;
    match finit_module(&file, &CString::default(), ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("load {path}")),
    }
}
