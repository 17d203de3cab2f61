//! Environmental and power warnings. (LoPAR 2.9: 10.2.2 "EPOW Action Codes", 10.3.2.2.8 "EPOW Section")

use std::fmt;

use serde::{Serialize, Serializer};

use super::fields::Fields;

/// The warning in a log of version 6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Epow {
    /// What is asked of the system.
    pub action: Action,
    /// Why.
    pub modifier: Modifier,
    /// Whom it concerns; told since version 2 of the section.
    pub scope: Option<Scope>,
    /// The platform's own code, in hexadecimal; none when it is zero.
    pub reason: Option<Reason>,
}

/// What is asked of the system; also the value of the power sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing is wrong any more.
    Reset,
    /// A cooling problem that is not critical.
    WarnCooling,
    /// A power problem that is not critical.
    WarnPower,
    /// Shut down in an orderly way, ten minutes from now by default.
    Shutdown,
    /// Shut down within 20 seconds.
    Halt,
    /// Power may be gone in 4 milliseconds.
    MainEnclosure,
    /// Power will be gone in 4 milliseconds.
    PowerOff,
    /// Not defined.
    Other(u8),
}

/// Why a shutdown is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Modifier {
    /// It does not apply.
    NotApplicable,
    /// Somebody asked for it; no additional delay.
    Normal,
    /// Utility power is lost, the system runs on its UPS or battery.
    OnUps,
    /// Critical functions of the system are lost.
    CriticalFunctions,
    /// It is too hot around the system.
    AmbientTemperature,
    /// Not defined.
    Other(u8),
}

/// Whom a shutdown concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of the system.
    System,
    /// This partition.
    Partition,
    /// Not defined.
    Other(u8),
}

/// A code of the platform; shown in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason(pub [u8; 8]);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Who does what about a warning. (Linux, arch/powerpc/platforms/pseries/ras.c, rtas_parse_epow_errlog)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// There is nothing to do but to tell.
    Tell,
    /// The kernel shuts the system down in an orderly way; nobody else should.
    KernelShutsDown,
    /// The kernel switches the system off at once.
    KernelPowersOff,
    /// The kernel leaves it to programs: shut down after a delay, unless power comes back.
    ProgramsShutDown,
}

impl Action {
    /// From the lowest four bits of the sensor's value.
    pub fn from_bits(bits: u8) -> Self {
        match bits & 0x0f {
            0 => Self::Reset,
            1 => Self::WarnCooling,
            2 => Self::WarnPower,
            3 => Self::Shutdown,
            4 => Self::Halt,
            5 => Self::MainEnclosure,
            7 => Self::PowerOff,
            other => Self::Other(other),
        }
    }
}

impl Modifier {
    fn from_bits(bits: u8) -> Self {
        match bits & 0x0f {
            0 => Self::NotApplicable,
            1 => Self::Normal,
            2 => Self::OnUps,
            3 => Self::CriticalFunctions,
            4 => Self::AmbientTemperature,
            other => Self::Other(other),
        }
    }
}

impl Epow {
    /// From the section behind its header; `version` is the section's.
    pub(super) fn decode(section: Fields<'_>, version: u8) -> Option<Self> {
        let reason = section.quad(4)?;
        let action = Action::from_bits(section.byte(0)?);
        let scope = match section.byte(2)? {
            _ if version < 2 || action != Action::Shutdown => None,
            0 => Some(Scope::System),
            1 => Some(Scope::Partition),
            other => Some(Scope::Other(other)),
        };
        let modifier = Modifier::from_bits(section.byte(1)?);
        Some(Self { action, modifier, scope, reason: (reason != 0).then(|| Reason(reason.to_be_bytes())) })
    }

    /// Who does what about it.
    pub fn response(&self) -> Response {
        match (self.action, self.modifier) {
            (Action::Shutdown, Modifier::OnUps) => Response::ProgramsShutDown,
            (Action::Shutdown, Modifier::Normal | Modifier::CriticalFunctions | Modifier::AmbientTemperature)
            | (Action::Halt, _) => Response::KernelShutsDown,
            (Action::MainEnclosure | Action::PowerOff, _) => Response::KernelPowersOff,
            _ => Response::Tell,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset => f.write_str("power and cooling are in order (again)"),
            Self::WarnCooling => f.write_str("a cooling problem that is not critical"),
            Self::WarnPower => f.write_str("a power problem that is not critical"),
            Self::Shutdown => f.write_str("the system has to be shut down"),
            Self::Halt => f.write_str("the system has to be shut down within 20 seconds"),
            Self::MainEnclosure => f.write_str("the system may lose power within milliseconds"),
            Self::PowerOff => f.write_str("the system loses power within milliseconds"),
            Self::Other(code) => write!(f, "action code {code}, which LoPAR does not define"),
        }
    }
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotApplicable => f.write_str("no reason given"),
            Self::Normal => f.write_str("somebody asked for it"),
            Self::OnUps => f.write_str("utility power is lost and it runs on UPS or battery"),
            Self::CriticalFunctions => f.write_str("critical functions of the system are lost"),
            Self::AmbientTemperature => f.write_str("it is too hot around the system"),
            Self::Other(code) => write!(f, "reason {code}, which LoPAR does not define"),
        }
    }
}

/// One sentence, without a full stop.
impl fmt::Display for Epow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.action)?;
        if self.action == Action::Shutdown {
            write!(f, ": {}", self.modifier)?;
        }
        match self.scope {
            Some(Scope::System) => f.write_str("; it concerns the whole system")?,
            Some(Scope::Partition) => f.write_str("; it concerns this partition only")?,
            _ => {}
        }
        f.write_str(match self.response() {
            Response::Tell => "",
            Response::KernelShutsDown => "; the kernel shuts down",
            Response::KernelPowersOff => "; the kernel switches off at once",
            Response::ProgramsShutDown => "; shutting down is left to programs, unless power comes back",
        })?;
        self.reason.map_or(Ok(()), |reason| write!(f, "; the platform's code is {reason}"))
    }
}
