//! The guest's first process: makes a small Linux out of a kernel and an initramfs, then keeps a shell on the operator's
//! console and the channel's server on the second terminal.
//!
//! Nothing here is fatal: what does not work is said on the console and in the channel's absence; an init that ends takes
//! the kernel with it.

mod adapters;
mod children;
mod mounts;
mod ofdt;
mod personality;

use std::ffi::CString;
use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::sys::reboot::{RebootMode, reboot};

use children::{Children, End};
use personality::Personality;

/// Modules in the order in which they can be loaded, one path a line; the image's maker has sorted them.
const MODULES: &str = "/usr/lib/modules/order";

/// How long a disk may take to appear after its adapter.
const DISK_DEADLINE: Duration = Duration::from_secs(20);

/// Never returns.
pub(crate) fn run() -> ! {
    told("mount the kernel's filesystems", mounts::kernel());
    told("load modules", load_modules());
    let personality = match fs::read_to_string("/proc/cmdline") {
        Ok(line) => personality::parse(&line),
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

fn load_modules() -> Result<()> {
    let order = fs::read_to_string(MODULES).with_context(|| format!("read {MODULES}"))?;
    for path in order.lines() {
        told("load a module", load_module(path));
    }
    Ok(())
}

fn load_module(path: &str) -> Result<()> {
    let file = File::open(path).with_context(|| format!("open {path}"))?;
    finit_module(&file, &CString::default(), ModuleInitFlags::empty()).with_context(|| format!("load {path}"))
}

/// Only where there is an adapter that can have one: the kernel finds disks in its own time.
fn mount_disk() -> Result<()> {
    let vscsi = fs::read_dir("/sys/bus/vio/drivers/ibmvscsi")
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"7")));
    if !vscsi {
        return Ok(());
    }
    let begun = Instant::now();
    while !Path::new("/dev/sda").exists() {
        anyhow::ensure!(begun.elapsed() < DISK_DEADLINE, "no /dev/sda within {} s", DISK_DEADLINE.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
    mounts::disk()
}
