//! Becomes a program as the leader of a new session: `spawn` of the channel, and the shell on the console.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use nix::unistd::setsid;

/// Returns only when it did not work. A terminal becomes the session's by being opened (tty_ioctl(4)).
pub(crate) fn become_program(tty: Option<&Path>, argv: &[String]) -> Result<()> {
    setsid().context("begin a session")?;
    let (name, arguments) = argv.split_first().context("no program named")?;
    // "-sh" is the name by which a login shell knows itself.
    let mut command = Command::new(name.strip_prefix('-').unwrap_or(name));
    command.arg0(name).args(arguments);
    if let Some(path) = tty {
        let input = OpenOptions::new().read(true).write(true).open(path);
        let input = input.with_context(|| format!("open {}", path.display()))?;
        let copy = || input.try_clone().with_context(|| format!("copy {}", path.display()));
        command.stdout(copy()?).stderr(copy()?).stdin(input);
    }
    Err(anyhow!(command.exec()).context(format!("run {name}")))
}
