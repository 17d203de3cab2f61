//! The sections of a platform event log, version 6. (LoPAR 2.9, 10.3.2.2 "Platform Event Log Format, Version 6")

use std::fmt;

use serde::Serialize;

use super::epow::Epow;
use super::fields::Fields;
use super::hotplug::Hotplug;
use super::io::IoEvent;
use super::reference::Reference;

/// Identifier, length, version, sub-type and component.
const HEADER_BYTES: u16 = 8;

/// More partitions than a system can have.
const PARTITION_LIMIT: usize = 1024;

/// A section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Two letters.
    pub id: String,
    /// Bytes, with its header.
    pub length: u16,
    /// Of its layout.
    pub version: u8,
    /// A variant of it.
    pub subtype: u8,
    /// Which component of the platform made it.
    pub component: u16,
    /// What it says.
    pub content: Content,
}

/// What a section says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// `PH`: who logged it and when.
    Origin(Origin),
    /// `UH`: what it means for the system.
    Assessment(Assessment),
    /// `EP`.
    Epow(Epow),
    /// `HP`.
    Hotplug(Hotplug),
    /// `IE`.
    Io(IoEvent),
    /// `LR`: a resource to give up.
    Resource(Resource),
    /// `PS` and `SS`.
    Reference(Reference),
    /// `DH`.
    Dump(Dump),
    /// `MT`.
    Enclosure(Enclosure),
    /// `LP`.
    Partitions(Partitions),
    /// `MC`.
    MachineCheck(MachineCheck),
    /// Information of the platform's own, or newer than LoPAR 2.9.
    Other,
    /// The section is shorter than what has to be in it.
    TooShort,
}

/// Who logged an event and when (main section A).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// `2004-04-27 18:41:49`, in the platform's time zone.
    pub logged: Option<String>,
    /// `E` service processor, `H` hypervisor, `W` power control, `L` partition firmware.
    pub creator: char,
    /// How many sections there should be.
    pub sections: u8,
    /// Logs of one event have the same.
    pub platform_log_id: u32,
}

/// What an event means for the system (main section B).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assessment {
    /// The part of the system that fails, or that it is about.
    pub subsystem: u8,
    /// 0 for what is no error.
    pub severity: u8,
    /// What it is, when it is no error.
    pub subtype: u8,
    /// Somebody has to repair something.
    pub service_required: bool,
    /// IBM has to be called.
    pub call_home: bool,
}

/// A resource to give up before it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The processor with this number.
    Processor(u32),
    /// Shared processors: what is left, in hundredths of a processor.
    SharedProcessor {
        /// The partition's entitlement from now on.
        entitled_hundredths: u16,
    },
    /// The page at this logical address.
    Page(u64),
    /// The LMB with this DRC index.
    Lmb(u32),
    /// Not defined.
    Other(u8),
}

/// A dump that waits in the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dump {
    /// Of what: the section's sub-type.
    pub kind: u8,
    /// Its number.
    pub id: u32,
    /// Whether it goes to the management console instead of this partition.
    pub to_console: bool,
    /// Bytes.
    pub size_bytes: Option<u64>,
    /// Its file name, when it has one.
    pub name: Option<String>,
}

/// Which enclosure an error is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enclosure {
    /// `9123-710`.
    pub type_model: String,
    /// `100035A`.
    pub serial: String,
}

/// Which partitions an error concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partitions {
    /// The first one's number.
    pub primary: u16,
    /// Its name.
    pub name: Option<String>,
    /// The numbers of all.
    pub targets: Vec<u16>,
}

/// A machine check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MachineCheck {
    /// On which processor.
    pub processor: u32,
    /// 0 memory, 1 SLB, 2 ERAT, 4 TLB, 5 data cache, 7 instruction cache.
    pub kind: u8,
}

impl Section {
    /// The section at the beginning of `log`. The error says why there can be none.
    pub(super) fn decode(log: Fields<'_>) -> Result<Self, String> {
        let length = log.half(2).filter(|_| log.len() >= usize::from(HEADER_BYTES));
        let length = length.ok_or_else(|| format!("{} bytes are too few for a section", log.len()))?;
        if length < HEADER_BYTES {
            return Err(format!("a section says that it has {length} bytes, fewer than its header"));
        }
        if usize::from(length) > log.len() {
            return Err(format!("a section says that it has {length} bytes, and {} are left", log.len()));
        }
        let (version, subtype) = (log.byte(4).unwrap_or_default(), log.byte(5).unwrap_or_default());
        let body = log.first(usize::from(length)).from(usize::from(HEADER_BYTES));
        let id = log.text(0, 2).unwrap_or_default();
        let content = Content::decode(&id, version, subtype, body);
        Ok(Self { id, length, version, subtype, component: log.half(6).unwrap_or_default(), content })
    }
}

impl Content {
    fn decode(id: &str, version: u8, subtype: u8, body: Fields<'_>) -> Self {
        let content = match id {
            "PH" => Origin::decode(body).map(Self::Origin),
            "UH" => Assessment::decode(body).map(Self::Assessment),
            "EP" => Epow::decode(body, version).map(Self::Epow),
            "HP" => Hotplug::decode(body).map(Self::Hotplug),
            "IE" => IoEvent::decode(body).map(Self::Io),
            "LR" => Resource::decode(body).map(Self::Resource),
            "PS" | "SS" => Reference::decode(body).map(Self::Reference),
            "DH" => Dump::decode(body, subtype).map(Self::Dump),
            "MT" => Enclosure::decode(body).map(Self::Enclosure),
            "LP" => Partitions::decode(body).map(Self::Partitions),
            "MC" => MachineCheck::decode(body).map(Self::MachineCheck),
            _ => Some(Self::Other),
        };
        content.unwrap_or(Self::TooShort)
    }
}

impl Origin {
    fn decode(body: Fields<'_>) -> Option<Self> {
        Some(Self {
            logged: body.moment(0, 4),
            creator: body.text(0x10, 1)?.chars().next().unwrap_or(' '),
            sections: body.byte(0x13)?,
            platform_log_id: body.word(0x20)?,
        })
    }
}

impl Assessment {
    fn decode(body: Fields<'_>) -> Option<Self> {
        let flags = body.half(0x0a)?;
        Some(Self {
            subsystem: body.byte(0)?,
            severity: body.byte(2)?,
            subtype: body.byte(3)?,
            service_required: flags & 0x8000 != 0,
            call_home: flags & 0x0800 != 0,
        })
    }

    /// The part of the system, in words.
    pub fn subsystem_words(self) -> &'static str {
        match self.subsystem {
            0x10..=0x1f => "processors",
            0x20..=0x2f => "memory",
            0x30..=0x3f => "I/O (hub, bridge, bus)",
            0x40..=0x4f => "I/O adapters and devices",
            0x50..=0x5f => "the system's electronics",
            0x60..=0x6f => "power and cooling",
            0x7a..=0x7f => "surveillance",
            0x80..=0x8f => "platform firmware",
            0x90..=0x9f => "software",
            0xa0..=0xaf => "the environment",
            _ => "other parts of the system",
        }
    }

    /// How bad it is, in words; none for what is no error.
    pub fn severity_words(self) -> Option<&'static str> {
        Some(match self.severity {
            0 => return None,
            0x14 => "recovered error, a spare is in use",
            0x15 => "recovered error, the partition has less capacity",
            0x10..=0x1f => "recovered error",
            0x21 => "predicted error, slower from now on",
            0x22 => "predicted error, a new start of the platform may mend it",
            0x23 => "predicted error, slower, a new start may mend it",
            0x24 => "predicted error, redundancy is lost",
            0x20..=0x2f => "predicted error",
            0x41 => "unrecoverable error, the part is bypassed, slower from now on",
            0x44 => "unrecoverable error, the part is bypassed, redundancy is lost",
            0x45 => "unrecoverable error, the part is bypassed, redundancy and speed are lost",
            0x48 => "unrecoverable error, the part is bypassed, a function is lost",
            0x40..=0x4f => "unrecoverable error",
            0x61 => "error in a diagnostic test, results may be wrong",
            0x60..=0x6f => "error in a diagnostic test",
            _ => "error of a severity that LoPAR does not define",
        })
    }

    /// What it is when it is no error, in words.
    pub fn subtype_words(self) -> Option<&'static str> {
        Some(match self.subtype {
            0x01 => "for information only",
            0x08 => "a dump waits in the platform",
            0x10 => "an error reported before is corrected",
            0x20 => "somebody has taken resources out of use",
            0x21 => "the system has taken resources out of use after an error",
            0x22 => "a resource should be given up",
            0x30 => "the environment is in order again",
            0x40 => "maintenance while the system runs",
            0x60 => "the capacity is upgraded",
            0x70 => "a spare part is in use",
            0x80 => "dynamic reconfiguration",
            0xd0 => "the platform is shut down in order",
            0xe0 => "somebody has switched the platform off without shutting it down",
            _ => return None,
        })
    }
}

impl Resource {
    fn decode(body: Fields<'_>) -> Option<Self> {
        let number = body.word(4)?;
        Some(match body.byte(0)? {
            0x10 => Self::Processor(number),
            0x11 => Self::SharedProcessor { entitled_hundredths: body.half(2)? },
            0x40 => Self::Page(body.quad(4)?),
            0x41 => Self::Lmb(number),
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processor(number) => write!(f, "processor {number} should be given up"),
            Self::SharedProcessor { entitled_hundredths: hundredths } => {
                write!(f, "the partition is entitled to {}.{:02} processors now", hundredths / 100, hundredths % 100)
            }
            Self::Page(address) => write!(f, "the memory page at {address:#x} should be given up"),
            Self::Lmb(index) => write!(f, "the LMB with DRC index {index:#x} should be given up"),
            Self::Other(code) => {
                write!(f, "a resource of type {code:#x}, which LoPAR does not define, should be given up")
            }
        }
    }
}

impl Dump {
    fn decode(body: Fields<'_>, kind: u8) -> Option<Self> {
        let flags = body.byte(4)?;
        let name_length = usize::from(body.byte(7)?).min(40);
        let size = body.quad(8)?;
        // A name in hexadecimal (flag 0x40) is no name for a person.
        let name = if flags & 0x40 == 0 { body.text(16, name_length) } else { None };
        Some(Self {
            kind,
            id: body.word(0)?,
            to_console: flags & 0x80 != 0,
            size_bytes: (flags & 0x20 != 0).then_some(size),
            name: name.filter(|name| !name.is_empty()),
        })
    }

    fn kind_words(&self) -> &'static str {
        match self.kind {
            0x01 => "the service processor",
            0x02 => "the platform",
            0x04 => "the power subsystem",
            0x05 => "the event log",
            0x06 | 0x07 => "a resource",
            _ => "something",
        }
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a dump of {}, number {:#010x}", self.kind_words(), self.id)?;
        if let Some(bytes) = self.size_bytes {
            write!(f, ", {bytes} bytes")?;
        }
        f.write_str(if self.to_console { ", went to the management console" } else { ", waits in the platform" })
    }
}

impl Enclosure {
    fn decode(body: Fields<'_>) -> Option<Self> {
        Some(Self { type_model: body.text(0, 8)?, serial: body.text(8, 12)? })
    }
}

impl Partitions {
    fn decode(body: Fields<'_>) -> Option<Self> {
        let name_length = usize::from(body.byte(2)?);
        let targets = body.from(8 + name_length);
        let count = usize::from(body.byte(3)?).min(PARTITION_LIMIT);
        Some(Self {
            primary: body.half(0)?,
            name: body.text(8, name_length).filter(|name| !name.is_empty()),
            targets: (0..count).map_while(|target| targets.half(2 * target)).collect(),
        })
    }
}

impl MachineCheck {
    fn decode(body: Fields<'_>) -> Option<Self> {
        Some(Self { processor: body.word(4)?, kind: body.byte(8)? })
    }

    /// What failed, in words.
    pub fn words(self) -> &'static str {
        match self.kind {
            0 => "an uncorrectable memory error",
            1 => "an SLB error",
            2 => "an ERAT error",
            4 => "a TLB error",
            5 => "an error of the data cache",
            7 => "an error of the instruction cache",
            _ => "a machine check",
        }
    }
}
