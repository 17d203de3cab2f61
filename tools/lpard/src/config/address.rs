//! Where a console is: `[fe80::1%eth1]:657`, `10.0.0.1:657`, both without the port too.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The port of the session, the one that IBM's RMC has too.
pub(crate) const PORT: u16 = 657;

/// An address with the name of the interface that it belongs to. The number of the interface is looked up only when the
/// address is used: interfaces come and go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConsoleAddress {
    /// The address.
    pub ip: IpAddr,
    /// Which interface; needed for link-local addresses.
    pub interface: Option<String>,
    /// The port.
    pub port: u16,
}

/// Text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no address of a console: {reason}")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

impl FromStr for ConsoleAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|reason| AddressError { text: text.to_owned(), reason })
    }
}

fn parse(text: &str) -> Result<ConsoleAddress, &'static str> {
    let (host, port) = split_port(text)?;
    let port = match port {
        None => PORT,
        Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or("the port is a number from 1 to 65535")?,
    };
    let (ip, interface) = match host.split_once('%') {
        None => (host, None),
        Some((_, "")) => return Err("after the % comes the name of an interface"),
        Some((ip, interface)) => (ip, Some(interface.to_owned())),
    };
    let ip: IpAddr = ip.parse().map_err(|_| "one looks like [fe80::1%eth1]:657 or 10.0.0.1:657")?;
    match ip {
        IpAddr::V6(v6) if v6.is_unicast_link_local() && interface.is_none() => {
            Err("a link-local address needs its interface: [fe80::1%eth1]:657")
        }
        IpAddr::V4(_) if interface.is_some() => Err("only an IPv6 address can have an interface"),
        _ => Ok(ConsoleAddress { ip, interface, port }),
    }
}

/// The port is what comes after the bracket, or after the only colon.
fn split_port(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("the ] is missing")?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            _ => Err("after the ] comes :PORT or nothing"),
        };
    }
    match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => Ok((host, Some(port))),
        _ => Ok((text, None)),
    }
}

impl fmt::Display for ConsoleAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.ip, &self.interface) {
            (IpAddr::V4(ip), _) => write!(f, "{ip}:{}", self.port),
            (IpAddr::V6(ip), None) => write!(f, "[{ip}]:{}", self.port),
            (IpAddr::V6(ip), Some(interface)) => write!(f, "[{ip}%{interface}]:{}", self.port),
        }
    }
}

impl<'de> Deserialize<'de> for ConsoleAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for ConsoleAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn each_form_is_understood_and_printed_whole() {
        let cases = [
            ("[fe80::1%eth1]:657", "[fe80::1%eth1]:657"),
            ("[fe80::1%eth1]", "[fe80::1%eth1]:657"),
            ("fe80::1%eth1", "[fe80::1%eth1]:657"),
            ("2001:db8::7", "[2001:db8::7]:657"),
            ("[2001:db8::7]:1657", "[2001:db8::7]:1657"),
            ("10.0.0.1", "10.0.0.1:657"),
            ("10.0.0.1:1657", "10.0.0.1:1657"),
        ];
        for (text, whole) in cases {
            let address: ConsoleAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), whole);
            assert_eq!(whole.parse(), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let wrong = [
            "",
            "fe80::1",
            "[fe80::1]:657",
            "[fe80::1%]:657",
            "[fe80::1%eth1",
            "[fe80::1%eth1]657",
            "10.0.0.1%eth0",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.1:",
            "console.example.com",
            "[]:657",
        ];
        for text in wrong {
            assert!(text.parse::<ConsoleAddress>().is_err(), "{text:?}");
        }
    }
}
