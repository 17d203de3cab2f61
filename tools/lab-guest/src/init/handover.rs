//! Going on with an operating system on the partition's disk: it gets the programs of this initial file system, and its init
//! takes this process over. It serves the test channel itself, by `lab-guest channel`.

use std::env::set_current_dir;
use std::os::unix::fs::chroot;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use nix::mount::{MsFlags, mount};

/// Where the disk is.
const DISK: &str = "/disk";
/// What the disk has not, as cp(1) takes it: from here, to there below [`DISK`].
const PROGRAMS: [(&str, &str); 4] = [
    ("/init", "/usr/sbin/lab-guest"),
    ("/usr/bin/lpard", "/usr/sbin/lpard"),
    ("/usr/bin/lpar", "/usr/sbin/lpar"),
    ("/etc/lparkit/hooks.d", "/etc/lparkit/"),
];
/// What is mounted goes along, but for what an init mounts as it likes.
const MOUNTS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Returns only when it did not work.
pub(super) fn go() -> Result<()> {
    for (from, to) in PROGRAMS {
        copy(from, &format!("{DISK}{to}"))?;
    }
    let none: Option<&str> = None;
    for place in MOUNTS {
        let moved = mount(Some(place), format!("{DISK}{place}").as_str(), none, MsFlags::MS_MOVE, none);
        moved.with_context(|| format!("move {place} to {DISK}"))?;
    }
    set_current_dir(DISK).with_context(|| format!("go to {DISK}"))?;
    mount(Some("."), "/", none, MsFlags::MS_MOVE, none).with_context(|| format!("move {DISK} to /"))?;
    chroot(".").and_then(|()| set_current_dir("/")).context("make the disk the root")?;
    Err(anyhow!(Command::new("/sbin/init").exec()).context("run /sbin/init"))
}

fn copy(from: &str, to: &str) -> Result<()> {
    let status = Command::new("/bin/cp").args(["-a", from, to]).status().context("run cp")?;
    ensure!(status.success(), "copy {from} to {to}: {status}");
    Ok(())
}
