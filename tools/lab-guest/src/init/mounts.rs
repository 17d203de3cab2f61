//! Filesystems of the guest.

use std::fs;

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Source, target, type, options.
const KERNEL: &[(&str, &str, &str, &str)] = &[
    ("proc", "/proc", "proc", ""),
    ("sysfs", "/sys", "sysfs", ""),
    ("devtmpfs", "/dev", "devtmpfs", "mode=0755"),
    ("devpts", "/dev/pts", "devpts", "mode=0620,ptmxmode=0666"),
    ("tmpfs", "/run", "tmpfs", "mode=0755"),
    ("tmpfs", "/tmp", "tmpfs", "mode=1777"),
    ("debugfs", "/sys/kernel/debug", "debugfs", ""),
];

/// The directories that programs expect below the new mounts.
const AFTERWARDS: &[&str] = &["/run/lock", "/run/lparkit", "/dev/shm"];

/// What the kernel offers, and memory for what programs write.
pub(crate) fn kernel() -> Result<()> {
    for (source, target, kind, options) in KERNEL {
        fs::create_dir_all(target).with_context(|| format!("make {target}"))?;
        mount(Some(*source), *target, Some(*kind), MsFlags::empty(), Some(*options))
            .with_context(|| format!("mount {target}"))?;
    }
    for directory in AFTERWARDS {
        fs::create_dir_all(directory).with_context(|| format!("make {directory}"))?;
    }
    Ok(())
}

/// The partition's disk, whose filesystem the host has made.
pub(crate) fn disk() -> Result<()> {
    let none: Option<&str> = None;
    mount(Some("/dev/sda"), "/disk", Some("ext4"), MsFlags::empty(), none).context("mount /dev/sda on /disk as ext4")
}

/// Before the end: what is written reaches the disk.
pub(crate) fn end() {
    nix::unistd::sync();
    // Not mounted, or busy: synced all the same.
    let _ = umount2("/disk", MntFlags::MNT_DETACH);
}
