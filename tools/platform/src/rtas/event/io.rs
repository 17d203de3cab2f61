//! I/O events: something about a host bridge or the platform's own resources. The kernel consumes them (io_event_irq.c), so
//! that they are seen only in logs of other origin. (LoPAR 2.9: "IO Events Section")

use std::fmt;

use serde::Serialize;

use super::fields::Fields;

/// An I/O event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IoEvent {
    /// What happened.
    pub what: What,
    /// What failed: 0x38 a host bridge, 0x51 the service processor.
    pub scope: u8,
    /// The DRC index that it is about; none when it is about none.
    pub drc_index: Option<u32>,
    /// The largest sum of all dumps, in bytes, when that has changed.
    pub dump_limit_bytes: Option<u64>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An error was found.
    ErrorDetected,
    /// An error is overcome.
    ErrorRecovered,
    /// Interrupts or processors should be spread anew.
    Rebalance,
    /// A node of the system came.
    NodeOnline,
    /// A node of the system went.
    NodeOffline,
    /// The platform keeps dumps of another size.
    DumpLimit,
    /// Something generic.
    Notification,
    /// The platform protects what is in the NVDIMMs.
    NvdimmProtected,
    /// The platform no longer protects what is in the NVDIMMs.
    NvdimmUnprotected,
    /// Data of a remote procedure call.
    RemoteCall,
    /// Not defined: type and sub-type.
    Other(u8, u8),
}

impl IoEvent {
    /// From the section behind its header.
    pub(super) fn decode(section: Fields<'_>) -> Option<Self> {
        let what = What::from_bytes(section.byte(0)?, section.byte(3)?);
        Some(Self {
            what,
            scope: section.byte(2)?,
            drc_index: Some(section.word(4)?).filter(|index| *index != 0),
            dump_limit_bytes: section.quad(8).filter(|_| what == What::DumpLimit),
        })
    }
}

impl What {
    fn from_bytes(kind: u8, subtype: u8) -> Self {
        match (kind, subtype) {
            (1, _) => Self::ErrorDetected,
            (2, _) => Self::ErrorRecovered,
            (3, 1) => Self::Rebalance,
            (3, 3) => Self::NodeOnline,
            (3, 4) => Self::NodeOffline,
            (3, 5) => Self::DumpLimit,
            (3, 8) => Self::Notification,
            (3, 9) => Self::NvdimmProtected,
            (3, 10) => Self::NvdimmUnprotected,
            (4, _) => Self::RemoteCall,
            (kind, subtype) => Self::Other(kind, subtype),
        }
    }
}

/// One sentence, without a full stop.
impl fmt::Display for IoEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::ErrorDetected => f.write_str("an I/O error was found")?,
            What::ErrorRecovered => f.write_str("an I/O error is overcome")?,
            What::Rebalance => f.write_str("the platform asks to spread interrupts anew")?,
            What::NodeOnline => f.write_str("a node of the system is online")?,
            What::NodeOffline => f.write_str("a node of the system is offline")?,
            What::DumpLimit => f.write_str("the platform keeps dumps of another size")?,
            What::Notification => f.write_str("a notification")?,
            What::NvdimmProtected => f.write_str("the platform protects the contents of NVDIMMs")?,
            What::NvdimmUnprotected => f.write_str("the platform no longer protects the contents of NVDIMMs")?,
            What::RemoteCall => f.write_str("data of a remote call")?,
            What::Other(kind, subtype) => write!(f, "type {kind}, sub-type {subtype}, which LoPAR does not define")?,
        }
        match self.scope {
            0x38 => f.write_str(" in a PCI host bridge")?,
            0x51 => f.write_str(" in the service processor")?,
            _ => {}
        }
        if let Some(bytes) = self.dump_limit_bytes {
            write!(f, ": {bytes} bytes")?;
        }
        self.drc_index.map_or(Ok(()), |index| write!(f, ", DRC index {index:#x}"))
    }
}
