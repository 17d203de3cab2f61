//! The command line of qemu-system-ppc64 that makes a machine.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::{
    Adapter, CHANNEL_UNIT_ADDRESS, CONSOLE_UNIT_ADDRESS, DISK_UNIT_ADDRESS, MACHINE_TYPE, Machine, PluggedCore,
    PluggedDimm,
};

/// The first device number makes it the card of slot C8: QEMU counts slots by device and function.
const PCI_CARD: &str = "virtio-net-pci,id=card0,bus=pci.0,addr=1,romfile=";

/// QEMU then logs its events as errors of the firmware, of which the kernel makes nothing.
const NO_EVENTS: &str = ",modern-hotplug-events=off";

/// The memory that the partition begins with, made before that of every DIMM. Left to itself QEMU makes it last, and 10.0.2 ends
/// in "tlb_reset_dirty_range_all: Assertion" when a machine that was started with DIMMs migrates under TCG: it looks for the dirty
/// pages of each block as if that were the first one, which only blocks no larger than the first one survive.
const RAM: &str = "ram";

/// The arguments of qemu-system-ppc64 for a machine that [`Machine::check`] accepts.
pub fn arguments(machine: &Machine) -> Vec<OsString> {
    let mut line = Line::default();
    line.option("-name", &machine.name).flag("-no-user-config").flag("-nodefaults").option("-display", "none");
    line.option("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    let identity = &machine.system;
    line.option(
        "-machine",
        format!(
            "{MACHINE_TYPE},host-model={},host-serial={},memory-backend={RAM}{}",
            identity.host_model(),
            identity.serial,
            if machine.hotplug_events { "" } else { NO_EVENTS }
        ),
    );
    line.option("-accel", "tcg").option("-cpu", "POWER9");
    line.option(
        "-smp",
        format!("cpus={},maxcpus={},cores={},threads=1", machine.cpus, machine.max_cpus, machine.max_cpus),
    );
    line.option("-m", memory(machine));
    line.option("-object", format!("memory-backend-ram,id={RAM},size={}M", machine.memory_mib));
    line.option("-kernel", &machine.kernel);
    if let Some(initrd) = &machine.initrd {
        line.option("-initrd", initrd);
    }
    line.option("-append", &machine.append);
    plugged(&mut line, machine);
    terminals(&mut line, machine);
    if let Some(disk) = &machine.disk {
        scsi_disk(&mut line, disk);
    }
    for (index, adapter) in machine.adapters.iter().enumerate() {
        network_adapter(&mut line, index, adapter);
    }
    if machine.pci_card {
        line.option("-device", PCI_CARD);
    }
    line.option("-qmp", with_path("unix:", &machine.sockets.qmp, ",server=on,wait=off"));
    if let Some(socket) = &machine.incoming {
        // No quoting: all after "unix:" is the path.
        let mut address = OsString::from("unix:");
        address.push(socket);
        line.option("-incoming", address);
    }
    line.arguments
}

/// Without slots QEMU accepts no maximum above what is there at boot.
fn memory(machine: &Machine) -> String {
    if machine.memory_slots == 0 {
        return format!("size={}M", machine.memory_mib);
    }
    format!("size={}M,slots={},maxmem={}M", machine.memory_mib, machine.memory_slots, machine.max_memory_mib)
}

/// What was added to a migration's source, with the same ids and at the same places.
fn plugged(line: &mut Line, machine: &Machine) {
    for PluggedCore { device, number, driver } in &machine.plugged_cores {
        line.option("-device", format!("{driver},id={device},core-id={number}"));
    }
    for PluggedDimm { device, memory, mib, address, slot } in &machine.plugged_dimms {
        line.option("-object", format!("memory-backend-ram,id={memory},size={mib}M"));
        line.option("-device", format!("pc-dimm,id={device},memdev={memory},addr={address:#x},slot={slot}"));
    }
}

/// hvc0 for the operator, kept in a file too, and hvc1 for the test channel.
fn terminals(line: &mut Line, machine: &Machine) {
    let mut console = with_path("socket,id=console,path=", &machine.sockets.console, ",server=on,wait=off");
    console.push(with_path(",logfile=", &machine.console_log(), ",logappend=on"));
    line.option("-chardev", console);
    line.option("-device", format!("spapr-vty,id=vty0,chardev=console,reg={CONSOLE_UNIT_ADDRESS:#x}"));
    line.option("-chardev", with_path("socket,id=channel,path=", &machine.sockets.channel, ",server=on,wait=off"));
    line.option("-device", format!("spapr-vty,id=vty1,chardev=channel,reg={CHANNEL_UNIT_ADDRESS:#x}"));
}

/// During a migration source and destination both have the image open, but only one uses it: so no lock. Both see the
/// same page cache, for they run on one machine: so QEMU's ordinary write-back caching is safe, and works on any file system.
fn scsi_disk(line: &mut Line, image: &Path) {
    let options = ",file.locking=off,cache.direct=off,cache.no-flush=off,discard=unmap";
    line.option("-blockdev", with_path("driver=raw,node-name=disk0,file.driver=file,file.filename=", image, options));
    line.option("-device", format!("spapr-vscsi,id=scsi0,reg={DISK_UNIT_ADDRESS:#x}"));
    line.option("-device", "scsi-hd,id=disk0-device,drive=disk0,bus=scsi0.0,channel=0,scsi-id=0,lun=0,write-cache=on");
}

fn network_adapter(line: &mut Line, index: usize, adapter: &Adapter) {
    line.option("-netdev", format!("tap,id=net{index},ifname={},script=no,downscript=no", adapter.tap));
    let Adapter { mac, unit_address, .. } = adapter;
    line.option("-device", format!("spapr-vlan,id=lan{index},netdev=net{index},mac={mac},reg={unit_address:#x}"));
}

/// `before`, the path with every comma doubled (QEMU's quoting inside an option), `after`.
fn with_path(before: &str, path: &Path, after: &str) -> OsString {
    let mut bytes = before.as_bytes().to_vec();
    for &byte in path.as_os_str().as_bytes() {
        bytes.push(byte);
        if byte == b',' {
            bytes.push(byte);
        }
    }
    bytes.extend_from_slice(after.as_bytes());
    OsString::from_vec(bytes)
}

/// A command line that grows.
#[derive(Default)]
struct Line {
    arguments: Vec<OsString>,
}

impl Line {
    fn flag(&mut self, flag: &str) -> &mut Self {
        self.arguments.push(flag.into());
        self
    }

    fn option(&mut self, option: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.flag(option).arguments.push(value.as_ref().to_owned());
        self
    }
}
