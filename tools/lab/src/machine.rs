//! One QEMU pseries machine, and (`arguments`) the command line that starts it. Pure: nothing is opened or run here.
//!
//! A migration needs the same machine twice, with another identity, other sockets, other taps and `incoming` set; all
//! else, and the ids and unit addresses of all devices, must be equal on both sides. That is why they are fixed here.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

pub use arguments::arguments;

mod arguments;

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
    /// Whether there is a PCI network card, connected to nothing.
    pub pci_card: bool,
    /// Whether QEMU tells the kernel of hardware that comes or is wanted back.
    pub hotplug_events: bool,
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
        0x3000_0000..0x7100_0000 => Some(0xf0 | (third >> 4)),
        0x7100_0000.. => Some(low),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests;
