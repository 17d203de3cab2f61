//! One QEMU pseries machine, and the command line that starts it. Pure: nothing is opened or run here.
//!
//! A migration needs the same machine twice, with another identity, other sockets, other taps and `incoming` set; all
//! else, and the ids and unit addresses of all devices, must be equal on both sides. That is why they are fixed here.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Size of a logical memory block of QEMU's pseries: `SPAPR_MEMORY_BLOCK_SIZE`, 256 MiB. Memory comes in multiples of it.
pub const MEMORY_BLOCK_MIB: u32 = 256;

/// Unit address of the operator's console, hvc0: QEMU names the terminal with the lowest one to the kernel as its console.
/// 0x71000000 is the NVRAM's.
pub const CONSOLE_UNIT_ADDRESS: u32 = 0x7100_0001;

/// Unit address of the test channel, hvc1.
pub const CHANNEL_UNIT_ADDRESS: u32 = 0x7100_0002;

/// Unit address of the disk's adapter.
pub const DISK_UNIT_ADDRESS: u32 = 0x7100_0003;

/// Unit address of the NVRAM, which every pseries machine has.
const NVRAM_UNIT_ADDRESS: u32 = 0x7100_0000;

/// Longest path of a unix socket: `sun_path` has 108 bytes, the last is NUL (unix(7)).
pub const SOCKET_PATH_MAX_BYTES: usize = 107;

/// The machine type and what TCG cannot do of a POWER9's mitigations. `x-vof` boots without SLOF, three times as fast.
const MACHINE_TYPE: &str = "pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off";

/// A machine that cannot exist.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MachineError {
    /// A number that QEMU would refuse.
    #[error("machine {name}: {what} is {found}, must be {bound}")]
    OutOfBounds {
        /// The machine's name.
        name: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        found: u32,
        /// What is allowed.
        bound: String,
    },
    /// An adapter in a slot that QEMU cannot give it.
    #[error(
        "machine {name}: unit address {unit_address:#x} has no interrupt of its own; of the addresses from 0x30000000 on QEMU tells apart those whose fourth digit from the right differs, as 0x30000004 and 0x30001005"
    )]
    UnitAddress {
        /// The machine's name.
        name: String,
        /// The adapter's.
        unit_address: u32,
    },
    /// A path that does not fit into a socket's address.
    #[error("machine {name}: the path of socket {path} has {length} bytes, more than {SOCKET_PATH_MAX_BYTES}; choose a shorter directory", path = path.display())]
    SocketPath {
        /// The machine's name.
        name: String,
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// A name or an identity that would be read as QEMU's option syntax, or would confuse a reader.
    #[error("machine {name:?}: {what} {found:?} must be 1 to 32 letters, digits, '-', '_'")]
    Word {
        /// The machine's name.
        name: String,
        /// Which word.
        what: &'static str,
        /// Its value.
        found: String,
    },
}

/// What a managed system says of itself: type-model and serial number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemIdentity {
    /// Machine type and model: `8286-41A`.
    pub model: String,
    /// Serial number: `2166666`.
    pub serial: String,
}

impl SystemIdentity {
    /// The `model` property at the root of PowerVM's device tree: `IBM,8286-41A`.
    pub fn device_tree_model(&self) -> String {
        format!("IBM,{}", self.model)
    }

    /// The value of QEMU's `host-model`. A comma would need QEMU's quoting, so a dash stands for it.
    pub fn host_model(&self) -> String {
        format!("IBM-{}", self.model)
    }
}

/// IBM's MTMS form: `8286-41A*2166666`.
impl fmt::Display for SystemIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}*{}", self.model, self.serial)
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The link-local address that a kernel with `addr_gen_mode` eui64 derives from it (RFC 4291, appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let mac = self.0;
        let pair = |high, low| u16::from_be_bytes([high, low]);
        let (vendor, middle) = (pair(mac[0] ^ 0x02, mac[1]), pair(mac[2], 0xff));
        Ipv6Addr::new(0xfe80, 0, 0, 0, vendor, middle, pair(0xfe, mac[3]), pair(mac[4], mac[5]))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.map(|byte| format!("{byte:02x}"));
        formatter.write_str(&pairs.join(":"))
    }
}

/// A text that is no Ethernet address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no Ethernet address: write six hexadecimal pairs, as in 02:4c:50:00:00:01")]
pub struct NoMacAddress(String);

impl FromStr for MacAddress {
    type Err = NoMacAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || NoMacAddress(text.to_owned());
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(part.ok_or_else(bad)?, 16).map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(Self(bytes)) }
    }
}

/// One `l-lan` adapter of a partition, which the kernel drives with ibmveth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// The tap that is its other end.
    pub tap: String,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// Its slot: `0x30000004` appears as `l-lan@30000004`.
    pub unit_address: u32,
}

/// The sockets on which QEMU listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sockets {
    /// QEMU's machine protocol.
    pub qmp: PathBuf,
    /// hvc0, the operator's console.
    pub console: PathBuf,
    /// hvc1, the test channel.
    pub channel: PathBuf,
}

/// A core that was added while the machine ran, as a migration's destination must have it from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluggedCore {
    /// Its id: `core2`.
    pub device: String,
    /// Its number.
    pub number: u64,
    /// QEMU's driver: `power9_v2.2-spapr-cpu-core`.
    pub driver: String,
}

/// A DIMM that was added while the machine ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluggedDimm {
    /// Its id: `dimm0`.
    pub device: String,
    /// The id of its memory: `memory0`.
    pub memory: String,
    /// Its size.
    pub mib: u64,
    /// Its first address.
    pub address: u64,
    /// Its slot.
    pub slot: u64,
}

/// One QEMU process: a partition on a managed system, or the destination of a migrating one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Shown in the list of processes.
    pub name: String,
    /// The managed system on which it runs.
    pub system: SystemIdentity,
    /// CPUs at boot.
    pub cpus: u32,
    /// CPUs after all additions.
    pub max_cpus: u32,
    /// Memory at boot.
    pub memory_mib: u32,
    /// Memory after all additions.
    pub max_memory_mib: u32,
    /// How many DIMMs can be added.
    pub memory_slots: u32,
    /// `vmlinux`, an ELF file.
    pub kernel: PathBuf,
    /// The initial file system, if any.
    pub initrd: Option<PathBuf>,
    /// The kernel's command line.
    pub append: String,
    /// Raw image of the vscsi disk, if any.
    pub disk: Option<PathBuf>,
    /// Network adapters.
    pub adapters: Vec<Adapter>,
    /// Where it can be reached.
    pub sockets: Sockets,
    /// Cores that the source of a migration got while it ran. (Cores of its boot that it lost lower `cpus`.)
    pub plugged_cores: Vec<PluggedCore>,
    /// DIMMs that the source of a migration got while it ran.
    pub plugged_dimms: Vec<PluggedDimm>,
    /// As a migration's destination: the socket on which the state arrives.
    pub incoming: Option<PathBuf>,
    /// What QEMU itself prints.
    pub log: PathBuf,
    /// Most address space that QEMU may have, for tests of what happens when it does not suffice.
    pub address_space_mib: Option<u32>,
}

impl Machine {
    /// Where everything that hvc0 said is kept: beside the log, `lpar1.log` -> `lpar1.console.log`.
    pub fn console_log(&self) -> PathBuf {
        self.log.with_extension("console.log")
    }

    /// Refuses what QEMU would refuse later and less clearly, or would misread.
    pub fn check(&self) -> Result<(), MachineError> {
        self.check_words()?;
        self.check_numbers()?;
        self.check_unit_addresses()?;
        let incoming = self.incoming.as_ref();
        for path in [&self.sockets.qmp, &self.sockets.console, &self.sockets.channel].into_iter().chain(incoming) {
            let length = path.as_os_str().len();
            if length > SOCKET_PATH_MAX_BYTES {
                return Err(MachineError::SocketPath { name: self.name.clone(), path: path.clone(), length });
            }
        }
        Ok(())
    }

    fn check_words(&self) -> Result<(), MachineError> {
        let is_word = |word: &str| {
            (1..=32).contains(&word.len())
                && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
                && !word.starts_with('-')
        };
        let words = [("name", &self.name), ("model", &self.system.model), ("serial", &self.system.serial)];
        let taps = self.adapters.iter().map(|adapter| ("tap", &adapter.tap));
        match words.into_iter().chain(taps).find(|(_, word)| !is_word(word)) {
            Some((what, found)) => Err(MachineError::Word { name: self.name.clone(), what, found: found.clone() }),
            None => Ok(()),
        }
    }

    fn check_unit_addresses(&self) -> Result<(), MachineError> {
        let fixed = [NVRAM_UNIT_ADDRESS, CONSOLE_UNIT_ADDRESS, CHANNEL_UNIT_ADDRESS, DISK_UNIT_ADDRESS];
        let mut taken: Vec<_> = fixed.into_iter().map(interrupt).collect();
        for Adapter { unit_address, .. } in &self.adapters {
            let interrupt = interrupt(*unit_address);
            if interrupt.is_none() || taken.contains(&interrupt) {
                return Err(MachineError::UnitAddress { name: self.name.clone(), unit_address: *unit_address });
            }
            taken.push(interrupt);
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), MachineError> {
        let checks = [
            (
                "cpus",
                self.cpus,
                self.cpus >= 1 && self.cpus <= self.max_cpus,
                format!("1 to max_cpus ({})", self.max_cpus),
            ),
            ("memory_mib", self.memory_mib, in_blocks(self.memory_mib), format!("a multiple of {MEMORY_BLOCK_MIB}")),
            (
                "max_memory_mib",
                self.max_memory_mib,
                in_blocks(self.max_memory_mib) && self.max_memory_mib >= self.memory_mib,
                format!("a multiple of {MEMORY_BLOCK_MIB} and at least memory_mib ({})", self.memory_mib),
            ),
            ("memory_slots", self.memory_slots, self.memory_slots <= 256, "at most 256".to_owned()),
        ];
        match checks.into_iter().find(|(_, _, good, _)| !good) {
            Some((what, found, _, bound)) => {
                Err(MachineError::OutOfBounds { name: self.name.clone(), what, found, bound })
            }
            None => Ok(()),
        }
    }
}

fn in_blocks(mib: u32) -> bool {
    mib > 0 && mib % MEMORY_BLOCK_MIB == 0
}

/// Which of its 256 interrupts QEMU gives to a virtual device (seen with QEMU 10.0.2: "IRQ 4592 is not free").
fn interrupt(unit_address: u32) -> Option<u8> {
    let [.., third, low] = unit_address.to_be_bytes();
    match unit_address {
        0x3000_0000..0x7100_0000 => Some(0xf0 | third >> 4),
        0x7100_0000.. => Some(low),
        _ => None,
    }
}

/// The arguments of qemu-system-ppc64 for a machine that [`Machine::check`] accepts.
pub fn arguments(machine: &Machine) -> Vec<OsString> {
    let mut line = Line::default();
    line.option("-name", &machine.name).flag("-no-user-config").flag("-nodefaults").option("-display", "none");
    line.option("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    let identity = &machine.system;
    line.option(
        "-machine",
        format!("{MACHINE_TYPE},host-model={},host-serial={}", identity.host_model(), identity.serial),
    );
    line.option("-accel", "tcg").option("-cpu", "POWER9");
    line.option(
        "-smp",
        format!("cpus={},maxcpus={},cores={},threads=1", machine.cpus, machine.max_cpus, machine.max_cpus),
    );
    line.option("-m", memory(machine));
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

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A migration's destination with everything that a machine can have.
    pub(crate) fn full() -> Machine {
        Machine {
            name: "lpar1".into(),
            system: SystemIdentity { model: "8286-41A".into(), serial: "2166666".into() },
            cpus: 2,
            max_cpus: 4,
            memory_mib: 1024,
            max_memory_mib: 4096,
            memory_slots: 8,
            kernel: "/image/vmlinux".into(),
            initrd: Some("/image/initrd".into()),
            append: "console=hvc0 quiet lparlab.system=IBM,8286-41A".into(),
            disk: Some("/lab/a,b.img".into()),
            adapters: vec![
                Adapter { tap: "t0p1m".into(), mac: MacAddress([2, 0x4c, 0x50, 1, 0, 1]), unit_address: 0x3000_0004 },
                Adapter { tap: "t0p1l".into(), mac: MacAddress([2, 0x4c, 0x50, 2, 0, 1]), unit_address: 0x3000_1005 },
            ],
            sockets: Sockets { qmp: "/run/q".into(), console: "/run/c".into(), channel: "/run/h".into() },
            plugged_cores: vec![PluggedCore {
                device: "core2".into(),
                number: 2,
                driver: "power9_v2.2-spapr-cpu-core".into(),
            }],
            plugged_dimms: vec![PluggedDimm {
                device: "dimm0".into(),
                memory: "memory0".into(),
                mib: 512,
                address: 1 << 30,
                slot: 0,
            }],
            incoming: Some("/run/in,coming".into()),
            log: "/run/lpar1.log".into(),
            address_space_mib: None,
        }
    }

    const FULL: &str = "\
-name lpar1
-no-user-config
-nodefaults
-display none
-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny
-machine pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off,host-model=IBM-8286-41A,host-serial=2166666
-accel tcg
-cpu POWER9
-smp cpus=2,maxcpus=4,cores=4,threads=1
-m size=1024M,slots=8,maxmem=4096M
-kernel /image/vmlinux
-initrd /image/initrd
-append console=hvc0 quiet lparlab.system=IBM,8286-41A
-device power9_v2.2-spapr-cpu-core,id=core2,core-id=2
-object memory-backend-ram,id=memory0,size=512M
-device pc-dimm,id=dimm0,memdev=memory0,addr=0x40000000,slot=0
-chardev socket,id=console,path=/run/c,server=on,wait=off,logfile=/run/lpar1.console.log,logappend=on
-device spapr-vty,id=vty0,chardev=console,reg=0x71000001
-chardev socket,id=channel,path=/run/h,server=on,wait=off
-device spapr-vty,id=vty1,chardev=channel,reg=0x71000002
-blockdev driver=raw,node-name=disk0,file.driver=file,file.filename=/lab/a,,b.img,file.locking=off,cache.direct=off,cache.no-flush=off,discard=unmap
-device spapr-vscsi,id=scsi0,reg=0x71000003
-device scsi-hd,id=disk0-device,drive=disk0,bus=scsi0.0,channel=0,scsi-id=0,lun=0,write-cache=on
-netdev tap,id=net0,ifname=t0p1m,script=no,downscript=no
-device spapr-vlan,id=lan0,netdev=net0,mac=02:4c:50:01:00:01,reg=0x30000004
-netdev tap,id=net1,ifname=t0p1l,script=no,downscript=no
-device spapr-vlan,id=lan1,netdev=net1,mac=02:4c:50:02:00:01,reg=0x30001005
-qmp unix:/run/q,server=on,wait=off
-incoming unix:/run/in,coming
";

    /// One option a line, its value behind it.
    fn printed(machine: &Machine) -> String {
        let mut text = String::new();
        for argument in arguments(machine) {
            let argument = argument.into_string().unwrap();
            let starts_line = argument.starts_with('-');
            if !text.is_empty() {
                text.push(if starts_line { '\n' } else { ' ' });
            }
            text.push_str(&argument);
        }
        text + "\n"
    }

    #[test]
    fn the_full_command_line_is_as_written_here() {
        assert_eq!(printed(&full()), FULL);
    }

    #[test]
    fn what_a_machine_lacks_is_not_on_its_command_line() {
        let machine = Machine {
            initrd: None,
            disk: None,
            adapters: vec![],
            plugged_cores: vec![],
            plugged_dimms: vec![],
            incoming: None,
            memory_slots: 0,
            max_memory_mib: 1024,
            ..full()
        };
        let text = printed(&machine);
        for absent in ["-initrd", "dimm", "core2", "scsi", "tap", "-incoming", "slots", "maxmem"] {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
        assert!(text.contains("-m size=1024M\n"));
    }

    #[test]
    fn source_and_destination_differ_only_where_a_migration_allows_it() {
        let source = Machine { incoming: None, ..full() };
        let mut destination = full();
        destination.system = SystemIdentity { model: "9009-22A".into(), serial: "7800001".into() };
        destination.adapters[0].tap = "t1p1m".into();
        destination.adapters[1].tap = "t1p1l".into();
        let (source, destination) = (arguments(&source), arguments(&destination));
        let differing: Vec<_> =
            source.iter().zip(&destination).filter(|(a, b)| a != b).map(|(a, _)| a.to_string_lossy()).collect();
        assert!(differing.iter().all(|a| a.contains("host-model") || a.contains("ifname")), "{differing:?}");
        assert_eq!(destination.len(), source.len() + 2);
    }

    #[test]
    fn an_identity_is_printed_as_ibm_prints_it() {
        let identity = full().system;
        assert_eq!(identity.to_string(), "8286-41A*2166666");
        assert_eq!(identity.device_tree_model(), "IBM,8286-41A");
    }

    #[test]
    fn ethernet_addresses_are_read_and_printed_and_give_link_local_ones() {
        let mac: MacAddress = "02:4c:50:00:00:01".parse().unwrap();
        assert_eq!(mac.to_string(), "02:4c:50:00:00:01");
        assert_eq!(mac.link_local().to_string(), "fe80::4c:50ff:fe00:1");
        for bad in ["", "02:4c:50:00:00", "02:4c:50:00:00:01:02", "2:4c:50:00:00:01", "+2:4c:50:00:00:01", "02-4c"] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn adapters_that_would_share_an_interrupt_are_refused() {
        let with = |addresses: &[u32]| {
            let adapter = |unit_address: &u32| Adapter { unit_address: *unit_address, ..full().adapters[0].clone() };
            Machine { adapters: addresses.iter().map(adapter).collect(), ..full() }
        };
        for good in [&[0x3000_0004, 0x3000_1005][..], &[0x3000_2000, 0x7100_0004], &[]] {
            assert_eq!(with(good).check(), Ok(()), "{good:x?}");
        }
        for bad in [&[0x3000_0004, 0x3000_0005][..], &[4], &[0x7100_0002], &[0x3000_0000, 0x7100_00f0]] {
            let error = with(bad).check().unwrap_err();
            assert!(matches!(error, MachineError::UnitAddress { .. }), "{bad:x?}: {error}");
        }
    }

    #[test]
    fn machines_that_cannot_exist_are_refused() {
        assert_eq!(full().check(), Ok(()));
        let bad: [(&str, Machine); 9] = [
            ("cpus is 0", Machine { cpus: 0, ..full() }),
            ("cpus is 5", Machine { cpus: 5, ..full() }),
            ("memory_mib is 1000", Machine { memory_mib: 1000, ..full() }),
            ("memory_mib is 0", Machine { memory_mib: 0, ..full() }),
            ("max_memory_mib is 512", Machine { max_memory_mib: 512, ..full() }),
            ("memory_slots is 257", Machine { memory_slots: 257, ..full() }),
            ("socket", Machine { incoming: Some("x".repeat(108).into()), ..full() }),
            ("name \"a,b\"", Machine { name: "a,b".into(), ..full() }),
            ("serial", Machine { system: SystemIdentity { model: "1".into(), serial: "1,x=on".into() }, ..full() }),
        ];
        for (why, machine) in bad {
            let said = machine.check().unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
