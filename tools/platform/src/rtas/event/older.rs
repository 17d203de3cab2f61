//! Events before version 6: one layout a kind of event. Power warnings are decoded, as their sensor's value decides what the
//! system does; of the others the common part is. (IBM's librtas describes the same layout in librtasevent.h.)

use std::fmt;

use serde::Serialize;

use super::epow::Action;
use super::fields::Fields;
use super::{Header, State};

/// The layout of a power warning.
const EPOW_FORMAT: u8 = 5;

/// An extended part of version 1 to 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OlderLog {
    /// What the firmware says of its log.
    pub state: State,
    /// The layout's number: 1 processor, 2 memory, 3 I/O, 4 power-on test, 5 power warning, 12 to 15 the maker's own.
    pub format: u8,
    /// `2003-07-22 15:07:18`.
    pub logged: Option<String>,
    /// The power warning, when it is one.
    pub epow: Option<OlderEpow>,
}

/// A power warning of an old system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OlderEpow {
    /// What is asked of the system.
    pub action: Action,
    /// What is wrong, since version 3.
    pub causes: Vec<Cause>,
    /// The sensor that found it.
    pub sensor: Option<Sensor>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the Display below says it
pub enum Cause {
    PowerFault,
    Fan,
    Temperature,
    Redundancy,
    CapacityOnDemand,
    General,
    PowerLoss,
    PowerSupply,
    PowerSwitch,
    Battery,
}

/// Bits of the two bytes behind the sensor's value.
const CAUSES: [(u16, Cause); 10] = [
    (0x4000, Cause::PowerFault),
    (0x2000, Cause::Fan),
    (0x1000, Cause::Temperature),
    (0x0800, Cause::Redundancy),
    (0x0400, Cause::CapacityOnDemand),
    (0x0080, Cause::General),
    (0x0040, Cause::PowerLoss),
    (0x0020, Cause::PowerSupply),
    (0x0010, Cause::PowerSwitch),
    (0x0008, Cause::Battery),
];

/// A sensor and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sensor {
    /// Its type: 3 temperature, 9001 fan, 9002 voltage, 9004 power supply.
    pub token: u32,
    /// Which one.
    pub index: u32,
    /// What it shows.
    pub value: u32,
    /// 9 critically low, 10 low, 11 normal, 12 high, 13 critically high.
    pub status: u32,
}

/// None when not even the common part is there.
pub(super) fn decode(header: &Header, log: Fields<'_>) -> Option<OlderLog> {
    let format = log.byte(2)? & 0x0f;
    Some(OlderLog {
        state: State::from_byte(log.byte(0)?),
        format,
        logged: log.moment(8, 4),
        epow: if format == EPOW_FORMAT { epow(header.version, log) } else { None },
    })
}

fn epow(version: u8, log: Fields<'_>) -> Option<OlderEpow> {
    let action = Action::from_bits(log.byte(15)?);
    let Some(bits) = log.half(16).filter(|_| version >= 3) else {
        return Some(OlderEpow { action, causes: Vec::new(), sensor: None });
    };
    let causes = CAUSES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, cause)| *cause).collect();
    let sensor = || {
        let (token, index) = (log.word(20)?, log.word(24)?);
        Some(Sensor { token, index, value: log.word(28)?, status: log.word(32)? })
    };
    Some(OlderEpow { action, causes, sensor: if bits & 0x8000 == 0 { None } else { sensor() } })
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerFault => "a power fault",
            Self::Fan => "a fan has failed",
            Self::Temperature => "it is too hot",
            Self::Redundancy => "redundancy is lost",
            Self::CapacityOnDemand => "more capacity is used than was bought",
            Self::General => "a fault that is not specified",
            Self::PowerLoss => "a power source is lost",
            Self::PowerSupply => "a power supply has failed",
            Self::PowerSwitch => "somebody pressed the power switch",
            Self::Battery => "a battery has failed",
        })
    }
}

/// One sentence, without a full stop.
impl fmt::Display for OlderEpow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.action)?;
        for cause in &self.causes {
            write!(f, "; {cause}")?;
        }
        let Some(sensor) = self.sensor else { return Ok(()) };
        let how = match sensor.status {
            9 => "critically low",
            10 => "low",
            11 => "normal",
            12 => "high",
            13 => "critically high",
            _ => "no judgement",
        };
        write!(f, "; sensor {} number {} shows {} ({how})", sensor.token, sensor.index, sensor.value)
    }
}
