//! The small codes of an event's fixed part. (LoPAR 2.9, table "RTAS Event Return Format (Fixed Part)")

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing happened.
    NoError,
    /// Nothing failed; there is something to know.
    Event,
    /// Nothing is lost.
    Warning,
    /// What this thread did is lost.
    ErrorSync,
    /// Data or state is lost.
    Error,
    /// The system is failing.
    Fatal,
    /// It was told before.
    AlreadyReported,
    /// Not defined.
    Reserved,
}

impl Severity {
    /// From the three lowest bits; also the number that the kernel prints.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 0x07 {
            0 => Self::NoError,
            1 => Self::Event,
            2 => Self::Warning,
            3 => Self::ErrorSync,
            4 => Self::Error,
            5 => Self::Fatal,
            6 => Self::AlreadyReported,
            _ => Self::Reserved,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoError => "no error",
            Self::Event => "event, nothing failed",
            Self::Warning => "warning",
            Self::ErrorSync => "error of one thread",
            Self::Error => "error",
            Self::Fatal => "fatal error",
            Self::AlreadyReported => "reported before",
            Self::Reserved => "undefined severity",
        })
    }
}

/// What the firmware did about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// All is as before.
    FullyRecovered,
    /// The system goes on, with something less.
    LimitedRecovery,
    /// Nothing, or in vain.
    NotRecovered,
    /// Not defined.
    Reserved,
}

impl Disposition {
    pub(super) fn from_bits(bits: u8) -> Self {
        match bits & 0x03 {
            0 => Self::FullyRecovered,
            1 => Self::LimitedRecovery,
            2 => Self::NotRecovered,
            _ => Self::Reserved,
        }
    }
}

/// What began a failed operation, or what it was on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// Not known, or it does not apply.
    Unknown,
    /// A processor.
    Processor,
    /// A PCI host bridge or device.
    Pci,
    /// An ISA device.
    Isa,
    /// Memory or a cache.
    Memory,
    /// Something hot-pluggable (5 of old firmware, 6 of LoPAR).
    HotPlug,
    /// Not defined.
    Other(u8),
}

impl Party {
    pub(super) fn from_bits(bits: u8) -> Self {
        match bits & 0x0f {
            0 => Self::Unknown,
            1 => Self::Processor,
            2 => Self::Pci,
            3 => Self::Isa,
            4 => Self::Memory,
            5 | 6 => Self::HotPlug,
            other => Self::Other(other),
        }
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of the internal errors 1 to 10 of old systems.
    Internal(u8),
    /// Environmental and power warning, 0x40.
    Epow,
    /// Resources were moved to other places of the system (PRRN), 0xA0.
    Reassignment,
    /// Platform error, 0xE0.
    PlatformError,
    /// I/O event, 0xE1.
    Io,
    /// Platform information, 0xE2.
    PlatformInformation,
    /// A resource should be given up before it fails, 0xE3.
    Deallocation,
    /// A dump waits in the platform, 0xE4.
    Dump,
    /// Hotplug, 0xE5.
    Hotplug,
    /// Not defined, or newer than LoPAR 2.9.
    Other(u8),
}

/// Numbers, and the names that the kernel prints (Linux, arch/powerpc/kernel/rtasd.c, rtas_event_type).
const KERNEL_NAMES: [(u8, &str); 18] = [
    (1, "Retry"),
    (2, "TCE Error"),
    (3, "Internal Device Failure"),
    (4, "Timeout"),
    (5, "Data Parity"),
    (6, "Address Parity"),
    (7, "Cache Parity"),
    (8, "Address Invalid"),
    (9, "ECC Uncorrected"),
    (10, "ECC Corrupted"),
    (0x40, "EPOW"),
    (0xa0, "Platform Resource Reassignment Event"),
    (0xe0, "Platform Error"),
    (0xe1, "I/O Event"),
    (0xe2, "Platform Information Event"),
    (0xe3, "Resource Deallocation Event"),
    (0xe4, "Dump Notification Event"),
    (0xe5, "Hotplug Event"),
];

impl Kind {
    /// From the event's type byte.
    pub fn from_byte(byte: u8) -> Self {
        match byte {
            1..=10 => Self::Internal(byte),
            0x40 => Self::Epow,
            0xa0 => Self::Reassignment,
            0xe0 => Self::PlatformError,
            0xe1 => Self::Io,
            0xe2 => Self::PlatformInformation,
            0xe3 => Self::Deallocation,
            0xe4 => Self::Dump,
            0xe5 => Self::Hotplug,
            other => Self::Other(other),
        }
    }

    /// From the name in a line of the kernel.
    pub fn from_kernel_name(name: &str) -> Option<Self> {
        KERNEL_NAMES.iter().find(|(_, known)| *known == name).map(|(byte, _)| Self::from_byte(*byte))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(byte) => {
                let name = KERNEL_NAMES.iter().find(|(known, _)| known == byte).map_or("", |(_, name)| name);
                write!(f, "internal error: {}", name.to_lowercase())
            }
            Self::Epow => f.write_str("environmental and power warning"),
            Self::Reassignment => f.write_str("reassignment of resources"),
            Self::PlatformError => f.write_str("platform error"),
            Self::Io => f.write_str("I/O event"),
            Self::PlatformInformation => f.write_str("platform information"),
            Self::Deallocation => f.write_str("request to give up a resource"),
            Self::Dump => f.write_str("notice of a dump"),
            Self::Hotplug => f.write_str("hotplug request"),
            Self::Other(byte) => write!(f, "event of type {byte}"),
        }
    }
}
