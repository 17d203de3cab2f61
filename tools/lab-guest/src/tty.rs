//! Terminals as byte streams.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use nix::fcntl::OFlag;
use nix::sys::termios::{FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};

/// Opens a terminal in raw mode: no echo, no signals, no line editing, every byte as it is.
/// What came before is dropped: it went through echo and line editing.
pub(crate) fn open_raw(device: &Path) -> Result<File> {
    let tty = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(device)
        .with_context(|| format!("open {}", device.display()))?;
    let mut mode = tcgetattr(&tty).with_context(|| format!("{} is no terminal", device.display()))?;
    cfmakeraw(&mut mode);
    tcsetattr(&tty, SetArg::TCSANOW, &mode).with_context(|| format!("raw mode of {}", device.display()))?;
    tcflush(&tty, FlushArg::TCIFLUSH).with_context(|| format!("empty {}", device.display()))?;
    Ok(tty)
}
