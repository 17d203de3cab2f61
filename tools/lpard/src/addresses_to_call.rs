//! At which addresses consoles are called: by the agent, and by who wants to know whether it could.

use std::net::IpAddr;

use platform::console_string::ConsoleString;

use crate::config::{ConsoleAddress, PORT};

/// Those that are configured, those of the consoles that the hypervisor names, then those that are known (with their ports) of
/// trusted ones; none twice. A link-local address is on the link of the management network's interface; where there is none, or
/// without a port, nobody can be called.
pub fn addresses_to_call(
    configured: &[ConsoleAddress],
    named: &[ConsoleString],
    known: impl IntoIterator<Item = (IpAddr, u16)>,
    interface: Option<&str>,
) -> Vec<ConsoleAddress> {
    let named = named.iter().flat_map(|console| console.addresses.iter().map(|ip| (*ip, PORT)));
    let on_link = named.chain(known).filter_map(|(ip, port)| address_on(interface, ip, port));
    let mut addresses = Vec::new();
    for address in configured.iter().cloned().chain(on_link) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn address_on(interface: Option<&str>, ip: IpAddr, port: u16) -> Option<ConsoleAddress> {
    let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if port == 0 || (is_link_local && interface.is_none()) {
        return None;
    }
    Some(ConsoleAddress { ip, interface: interface.filter(|_| is_link_local).map(str::to_owned), port })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_configured_come_first_then_the_named_and_nobody_is_called_twice() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let configured = ["[fe80::1%env9]:657".parse().unwrap()];
        let named = [ConsoleString { addresses: vec![ip("fe80::2"), ip("10.0.0.2")], ..ConsoleString::default() }];
        let known = [(ip("10.0.0.2"), 657), (ip("10.0.0.3"), 700)];
        let found = addresses_to_call(&configured, &named, known, Some("env4"));
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["[fe80::1%env9]:657", "[fe80::2%env4]:657", "10.0.0.2:657", "10.0.0.3:700"]);
    }

    /// The network part gets them as text, and ends when it does not understand one.
    #[test]
    fn whatever_is_known_each_can_be_called() {
        let ips: [IpAddr; 3] = ["fe80::1", "2001:db8::1", "10.0.0.1"].map(|text| text.parse().unwrap());
        let named = [ConsoleString { addresses: ips.to_vec(), ..ConsoleString::default() }];
        let known = || ips.iter().flat_map(|ip| [0, 1, 65535].map(|port| (*ip, port)));
        for (interface, expected) in [(None, 6), (Some("env4"), 9)] {
            let found = addresses_to_call(&[], &named, known(), interface);
            let text = serde_json::to_string(&found).unwrap();
            assert_eq!(serde_json::from_str::<Vec<ConsoleAddress>>(&text).unwrap(), found);
            assert_eq!(found.len(), expected, "{text}");
        }
    }
}
