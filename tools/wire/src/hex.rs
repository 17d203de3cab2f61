//! Numbers that people know in hexadecimal travel as text, in one form each: `"0x10000001"`. What is written in another form is
//! refused, never guessed at: an index that is misread would take the wrong thing from a partition.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Text that is not a number in the one form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a number like 0x2c7f (small letters, no zeros in front, at most {1} bits)")]
pub struct NotHex(String, u32);

/// Makes a number type of one field with this form as its text and on the wire.
macro_rules! hex_number {
    ($(#[$doc:meta])* $name:ident, $number:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:#x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let digits = text.strip_prefix("0x").unwrap_or_default();
                let number = <$number>::from_str_radix(digits, 16).ok().map(Self);
                number.filter(|number| number.to_string() == text).ok_or_else(|| NotHex(text.into(), <$number>::BITS))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

hex_number! {
    /// Firmware's index of something that can be added or removed (`ibm,my-drc-index`).
    DrcIndex, u32
}
hex_number! {
    /// The stream of a migration, which the hypervisor gives to the console and the partition writes to its kernel.
    StreamId, u64
}
hex_number! {
    /// A migration; the console that begins it draws it.
    MigrationId, u64
}
hex_number! {
    /// One run of an agent or of a console, drawn when it starts: what is remembered by number ends with it.
    RunId, u64
}
hex_number! {
    /// A set of capabilities, as `lspartition -dlpar` shows it.
    Capabilities, u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_one_form_is_a_number() {
        for (text, number) in [("0x0", 0), ("0x2c7f", 0x2c7f), ("0x10000001", 0x1000_0001), ("0xffffffff", u32::MAX)] {
            assert_eq!(text.parse(), Ok(DrcIndex(number)));
            assert_eq!(DrcIndex(number).to_string(), text);
        }
        let wrong =
            ["", "0x", "x1", "1", "0X1", "0x01", "0x+1", "+0x1", "-0x1", "0x1 ", " 0x1", "0xg", "0xA", "0x100000000"];
        for text in wrong {
            assert!(text.parse::<DrcIndex>().is_err(), "{text:?}");
            assert!(serde_json::from_value::<DrcIndex>(text.into()).is_err(), "{text:?}");
        }
        assert!(serde_json::from_str::<DrcIndex>("268435457").is_err());
        assert_eq!("0xffffffffffffffff".parse(), Ok(StreamId(u64::MAX)));
    }
}
