//! What firmware tells of a connector, and what can be set at it (LoPAR 2.9, 7.3.6 and 13.5.3: sensor and indicators 9001 to 9003).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The sensor that says what is at a connector.
pub const ENTITY_SENSE: u32 = 9003;

/// What is at a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A physical slot without a card.
    Empty,
    /// Something the partition has.
    Present,
    /// Nothing that the partition has.
    Unusable,
    /// To be had in exchange for something else.
    Exchange,
    /// To be had after recovery by the platform.
    Recovery,
}

impl Entity {
    /// From the sensor's value.
    pub fn parse(value: u32) -> Option<Self> {
        [Self::Empty, Self::Present, Self::Unusable, Self::Exchange, Self::Recovery].get(value as usize).copied()
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty",
            Self::Present => "present",
            Self::Unusable => "not the partition's",
            Self::Exchange => "to be had in exchange",
            Self::Recovery => "to be had after recovery",
        })
    }
}

/// What can be set at a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indicator {
    /// 0 keeps the partition away from what is there, 1 lets it in.
    Isolation,
    /// The light beside a physical slot.
    Light,
    /// 0 gives it back to the platform, 1 takes it.
    Allocation,
}

impl Indicator {
    /// Its number.
    pub fn number(self) -> u32 {
        match self {
            Self::Isolation => 9001,
            Self::Light => 9002,
            Self::Allocation => 9003,
        }
    }
}

/// What the light beside a slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Nothing is there.
    Off,
    /// Something is there.
    On,
    /// This is the slot.
    Identify,
    /// Do it now: put a card in, or take it out.
    Action,
}

impl Light {
    /// The indicator's value.
    pub fn value(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::Identify => 2,
            Self::Action => 3,
        }
    }
}

impl fmt::Display for Light {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Identify => "identify",
            Self::Action => "action",
        })
    }
}

/// The power level of a slot that is on, in percent.
pub const POWER_ON_PERCENT: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sensor_has_five_values() {
        assert_eq!(Entity::parse(0), Some(Entity::Empty));
        assert_eq!(Entity::parse(2), Some(Entity::Unusable));
        assert_eq!(Entity::parse(4), Some(Entity::Recovery));
        assert_eq!(Entity::parse(5), None);
        assert_eq!(Entity::parse(u32::MAX), None);
    }
}
