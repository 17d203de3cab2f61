//! The guest's first process: makes a small Linux out of a kernel and an initramfs, then keeps a shell on the operator's
//! console and the channel's server on the second terminal.
//!
//! Nothing here is fatal: what does not work is said on the console and in the channel's absence; an init that ends takes
//! the kernel with it.

mod adapters;
mod children;
mod handover;
pub(crate) mod modules;
mod mounts;
mod ofdt;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::reboot::{RebootMode, reboot};

use children::{Children, End};
use lab_guest::personality::Personality;

/// Modules in the order in which they can be loaded, one path a line: the image's maker has sorted them. It takes seconds under
/// TCG to load all, so that only those are waited for that the guest's start needs; a disk's where there is a disk.
const MODULES_BOOT: &str = "/usr/lib/modules/boot";
const MODULES_DISK: &str = "/usr/lib/modules/disk";
const MODULES_LATE: &str = "/usr/lib/modules/late";

/// How long a disk may take to appear after its adapter.
const DISK_DEADLINE: Duration = Duration::from_secs(20);

/// Never returns.
pub(crate) fn run() -> ! {
    told("mount the kernel's filesystems", mounts::kernel());
    told("load modules", modules::load_all(Path::new(MODULES_BOOT)));
    let personality = match fs::read_to_string("/proc/cmdline") {
        Ok(line) => lab_guest::personality::parse(&line),
        Err(error) => {
            eprintln!("init: read /proc/cmdline: {error}");
            Personality::default()
        }
    };
    for complaint in &personality.complaints {
        eprintln!("init: {complaint}");
    }
    if let Some(name) = &personality.name {
        told("set the host name", nix::unistd::sethostname(name).map_err(Into::into));
    }
    told("write the device tree", ofdt::write_all(&personality));
    told("set up the network", adapters::set_up(&personality));
    told("mount the disk", mount_disk());
    // Not waited for; reaped with all others.
    let late = Command::new("/init").args(["modules", MODULES_LATE]).spawn().map(drop);
    told("load more modules", late.map_err(Into::into));
    if personality.system_on_disk {
        told("go on with the system on the disk", handover::go());
    }
    let end = Children::begin().keep_running();
    mounts::end();
    let mode = match end {
        End::PowerOff => RebootMode::RB_POWER_OFF,
        End::Restart => RebootMode::RB_AUTOBOOT,
    };
    loop {
        let refused = reboot(mode);
        eprintln!("init: {mode:?}: {refused:?}");
        thread::sleep(Duration::from_secs(1));
    }
}

fn told(operation: &str, result: Result<()>) {
    if let Err(error) = result {
        eprintln!("init: {operation}: {error:#}");
    }
}

/// Only where there is an adapter that can have one: the kernel finds disks in its own time.
fn mount_disk() -> Result<()> {
    if !has_disk_adapter() {
        return Ok(());
    }
    modules::load_all(Path::new(MODULES_DISK))?;
    let begun = Instant::now();
    while !Path::new("/dev/sda").exists() {
        anyhow::ensure!(begun.elapsed() < DISK_DEADLINE, "no /dev/sda within {} s", DISK_DEADLINE.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
    mounts::disk()
}

/// The vio bus names its devices by unit address; their type is in a file.
fn has_disk_adapter() -> bool {
    let Ok(devices) = fs::read_dir("/sys/bus/vio/devices") else { return false };
    devices
        .flatten()
        .any(|device| fs::read_to_string(device.path().join("name")).is_ok_and(|name| name.trim() == "v-scsi"))
}
