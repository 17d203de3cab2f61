//! The addresses that this machine itself has, IPv4 and IPv6.
//!
//! Shapes: Linux, net/ipv4/fib_trie.c (`fib_trie_seq_show`) and net/ipv6/addrconf.c (`if6_seq_show`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sysroot::Sysroot;

const IPV4: &str = "proc/net/fib_trie";
const IPV6: &str = "proc/net/if_inet6";

/// All of them, each once. A kernel without IPv6 has none of it.
pub fn read(sysroot: &Sysroot) -> sysroot::Result<Vec<IpAddr>> {
    let mut addresses = parse_ipv4(&sysroot.read_text(IPV4)?);
    addresses.extend(sysroot.read_text_if_present(IPV6)?.unwrap_or_default().lines().filter_map(parse_ipv6));
    Ok(addresses)
}

/// `|-- 10.0.0.7`, and below it each route to it: `/32 host LOCAL` is that of an own address. A table that is merged with another
/// is shown twice.
fn parse_ipv4(text: &str) -> Vec<IpAddr> {
    let (mut about, mut found) = (None, Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            about = address.parse::<Ipv4Addr>().ok().map(IpAddr::from);
        } else if line == "/32 host LOCAL" {
            found.extend(about.filter(|address| !found.contains(address)));
        }
    }
    found
}

/// `fe800000000000000242acfffe110002 02 40 20 80     env4`: the address comes first.
fn parse_ipv6(line: &str) -> Option<IpAddr> {
    let address = line.split_ascii_whitespace().next().filter(|text| text.len() == 32)?;
    Some(Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::recorded::machine;

    const TRIE: &str = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.7
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
Local:
        |-- 127.0.0.0
           /8 host LOCAL
        |-- 10.0.0.7
           /32 host LOCAL
";

    #[test]
    fn own_addresses_are_told_from_those_of_networks_and_of_everybody() {
        let ipv6 = b"fe80000000000000f8d443fffe3ed120 03 40 20 80     env4\nshort 03 40 20 80 env4\n" as &[u8];
        let (_dir, sysroot) = machine([(IPV4, TRIE.as_bytes()), (IPV6, ipv6)]);
        let found: Vec<String> = read(&sysroot).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.7", "fe80::f8d4:43ff:fe3e:d120"]);
        let (_dir, without_ipv6) = machine([(IPV4, TRIE.as_bytes())]);
        assert_eq!(read(&without_ipv6).unwrap().len(), 1);
        let (_dir, nothing) = machine([]);
        assert!(read(&nothing).is_err());
    }

    proptest! {
        #[test]
        fn any_text_has_addresses_or_none(text in "(\\|-- [0-9.]{0,20}|/32 host LOCAL|\n| ){0,40}", line in "\\PC{0,60}") {
            let _ = (parse_ipv4(&text), parse_ipv6(&line));
        }
    }
}
