//! The adapters, and who else has a hand on them.

use platform::adapter;
use sysroot::Sysroot;

use super::{Processes, told};
use crate::agent::answer::Status;
use crate::doctor::Told;
use crate::doctor::adapter::{Configured, NetworkManager, Seen};

const IPV6_SETTINGS: &str = "proc/sys/net/ipv6/conf";
const MANAGER_SETTINGS: [&str; 3] =
    ["etc/NetworkManager/conf.d", "run/NetworkManager/conf.d", "usr/lib/NetworkManager/conf.d"];
const MANAGER_FILE: &str = "etc/NetworkManager/NetworkManager.conf";
const IFUPDOWN: &str = "etc/network/interfaces";

pub(super) fn read(sysroot: &Sysroot, processes: &Processes, status: Option<&Status>) -> Seen {
    let network_manager = processes.has("NetworkManager").and_then(|runs| {
        if runs {
            told(texts(sysroot, MANAGER_FILE, &MANAGER_SETTINGS)).map(NetworkManager::Runs)
        } else {
            Ok(NetworkManager::Absent)
        }
    });
    Seen {
        adapters: told(adapter::read(sysroot)),
        configured: configured(sysroot),
        taken: status.and_then(|status| status.interface.clone()),
        ipv6_off: ipv6_off(sysroot),
        network_manager,
        ifupdown: told(texts(sysroot, IFUPDOWN, &["etc/network/interfaces.d"])),
    }
}

/// A configuration that cannot be read is the agent's topic.
fn configured(sysroot: &Sysroot) -> Option<Configured> {
    let name = lpard::configured_adapter(sysroot).ok()??;
    let is_there = sysroot.exists(format!("sys/class/net/{name}"));
    Some(Configured { name, is_there })
}

/// A kernel without IPv6 has no such settings.
fn ipv6_off(sysroot: &Sysroot) -> Told<Vec<String>> {
    let interfaces = told(sysroot.list(IPV6_SETTINGS))?;
    let is_off = |name: &String| {
        let setting = sysroot.read_text(format!("{IPV6_SETTINGS}/{name}/disable_ipv6"));
        setting.is_ok_and(|text| text.trim() == "1")
    };
    Ok(interfaces.into_iter().filter(is_off).collect())
}

/// The text of a file and of all files of some directories.
fn texts(sysroot: &Sysroot, file: &str, directories: &[&str]) -> sysroot::Result<String> {
    let mut all = sysroot.read_text_if_present(file)?.unwrap_or_default();
    for directory in directories {
        for name in sysroot.list_if_present(directory)? {
            let text = sysroot.read_text_if_present(format!("{directory}/{name}"))?;
            all = format!("{all}\n{}", text.unwrap_or_default());
        }
    }
    Ok(all)
}
