//! The management consoles that the hypervisor names to a partition.
//!
//! The hypervisor keeps one string a console. A published one, of IBM i (MATMATR 0x0204):
//! `HmcStat=1;HscName=…;HscHostName=localhost;HscIPAddr=127.0.0.1;HscAddIPs=;HMCAddIPv6s=;`. That its fields are those of RSCT's
//! IBM.MCP is source-read; that Linux finds the same strings in the system parameters 0 to 15 is from memory and unproven, and so
//! is what separates addresses: anything that no address has is taken. QEMU has none of these parameters. No string leads to a
//! session by itself: a console must also have a key that is trusted.

use std::net::IpAddr;

use sysroot::Sysroot;

/// PAPR's parameters HMC 0 to HMC 15.
const TOKENS: std::ops::Range<u32> = 0..16;

/// One console can have so many addresses.
const ADDRESSES: usize = 16;

/// A console, as the hypervisor names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsoleString {
    /// Its machine type, model and serial number, as far as known; not looked into.
    pub name: String,
    /// Its host name.
    pub host_name: String,
    /// Where it can be called, the preferred one first.
    pub addresses: Vec<IpAddr>,
}

/// Reads those that there are.
pub fn read(sysroot: &Sysroot) -> sysroot::Result<Vec<ConsoleString>> {
    let mut found = Vec::new();
    for token in TOKENS {
        found.extend(sysroot.system_parameter(token)?.as_deref().and_then(parse));
    }
    Ok(found)
}

/// A string that names a console which can be called. Unknown fields are passed over.
pub fn parse(bytes: &[u8]) -> Option<ConsoleString> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut console = ConsoleString::default();
    for (key, value) in text.split(';').filter_map(|field| field.trim().split_once('=')) {
        match key {
            "HscName" => value.clone_into(&mut console.name),
            "HscHostName" => value.clone_into(&mut console.host_name),
            "HscIPAddr" | "HscAddIPs" | "HMCAddIPv6s" => add(&mut console.addresses, value),
            _ => {}
        }
    }
    (!console.addresses.is_empty()).then_some(console)
}

/// Adds what can be called: not this machine, nobody, or everybody.
fn add(addresses: &mut Vec<IpAddr>, text: &str) {
    let is_of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    for address in text.split(|c| !is_of_address(c)).filter_map(|word| word.parse::<IpAddr>().ok()) {
        let can_be_called = !address.is_loopback() && !address.is_unspecified() && !address.is_multicast();
        if can_be_called && addresses.len() < ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::recorded::machine;

    fn addresses(text: &str) -> Vec<String> {
        parse(text.as_bytes()).map(|c| c.addresses.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    #[test]
    fn the_addresses_of_a_string_are_those_that_can_be_called() {
        let published = "HmcStat=1;HscName=70x;HscHostName=localhost;HscIPAddr=127.0.0.1;HscAddIPs=;HMCAddIPv6s=;";
        for (text, expected) in [
            (published, &[] as &[&str]),
            ("HscIPAddr=10.0.0.5;HscAddIPs=10.0.1.5,10.0.0.5 10.0.2.5;", &["10.0.0.5", "10.0.1.5", "10.0.2.5"]),
            ("HMCAddIPv6s=fe80::9,2001:db8::1;HscName=x", &["fe80::9", "2001:db8::1"]),
            ("HscIPAddr=0.0.0.0;HMCAddIPv6s=ff02::1", &[]),
            ("HscIPAddr=10.0.0.5\0;HscAddIPs=10.0.0.6", &["10.0.0.5"]),
            ("HscIPAddr=999.1.1.1;=;;x", &[]),
            ("", &[]),
        ] {
            assert_eq!(addresses(text), expected, "{text:?}");
        }
        let many: String = (0..99).map(|n| format!("10.0.0.{n},")).collect();
        assert_eq!(addresses(&format!("HscAddIPs={many}")).len(), ADDRESSES);
        assert_eq!(parse(b"HscIPAddr=10.0.0.5;HscName=\xff"), None, "no text");
    }

    #[test]
    fn all_strings_of_the_hypervisor_are_read() {
        let (_dir, sysroot) = machine([
            ("system-parameters/0", b"HscIPAddr=10.0.0.5;HscHostName=one" as &[u8]),
            ("system-parameters/3", b"HmcStat=0;"),
            ("system-parameters/15", b"HscIPAddr=10.0.0.6"),
            ("system-parameters/16", b"HscIPAddr=10.0.0.7"),
        ]);
        let found = read(&sysroot).unwrap();
        assert_eq!(found.iter().map(|console| console.host_name.as_str()).collect::<Vec<_>>(), ["one", ""]);
    }
}
