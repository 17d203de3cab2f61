//! The partition's two adapters, found by unit address: the management adapter comes up with its link-local address only,
//! the other one gets an address of the ordinary network.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use lab_guest::personality::Personality;

/// Loopback and what the personality names.
pub(crate) fn set_up(personality: &Personality) -> Result<()> {
    ip(&["link", "set", "lo", "up"])?;
    if let Some(unit) = personality.management {
        bring_up(&interface(unit)?)?;
    }
    if let Some(unit) = personality.lan {
        let name = interface(unit)?;
        if let Some(address) = &personality.lan_address {
            ip(&["address", "add", address, "dev", &name])?;
        }
        bring_up(&name)?;
    }
    Ok(())
}

/// With its link-local address at once, and no other IPv6 address: an address that waits for a duplicate to answer is a second's
/// delay, in a network where the lab gave out all addresses.
fn bring_up(name: &str) -> Result<()> {
    for (setting, value) in [("accept_dad", "0"), ("dad_transmits", "0"), ("accept_ra", "0")] {
        let path = format!("/proc/sys/net/ipv6/conf/{name}/{setting}");
        fs::write(&path, value).with_context(|| format!("write {path}"))?;
    }
    ip(&["link", "set", name, "up"])
}

fn interface(unit: u32) -> Result<String> {
    let path = format!("/sys/bus/vio/devices/{unit:x}/net");
    let mut entries =
        fs::read_dir(&path).with_context(|| format!("no adapter with unit address {unit:x}: read {path}"))?;
    let entry = entries.next().with_context(|| format!("{path} is empty"))??;
    Ok(entry.file_name().to_string_lossy().into_owned())
}

fn ip(arguments: &[&str]) -> Result<()> {
    let shown = arguments.join(" ");
    let status = Command::new("/sbin/ip").args(arguments).status().with_context(|| format!("run ip {shown}"))?;
    ensure!(status.success(), "ip {shown}: {status}");
    Ok(())
}
