//! Which way the kernel sends packets: its tables of routes, IPv4 and IPv6.
//!
//! Shapes: Linux, net/ipv4/fib_trie.c (`fib_route_seq_show`) and net/ipv6/route.c (`rt6_info_route`). Only the table `main` is in
//! the first; rules of other tables are seen in neither.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sysroot::Sysroot;

const IPV4: &str = "proc/net/route";
const IPV6: &str = "proc/net/ipv6_route";

/// `RTF_UP` and `RTF_REJECT` (Linux, uapi/linux/route.h).
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Packets to these go there.
    pub destination: IpAddr,
    /// How many bits of it count.
    pub prefix_bits: u8,
    /// Through which interface.
    pub interface: String,
    /// Of several to the same place the one with the least is used.
    pub metric: u32,
}

/// All routes that are up and lead out of this machine. A kernel without IPv6 has no table of it.
pub fn read(sysroot: &Sysroot) -> sysroot::Result<Vec<Route>> {
    let ipv4 = sysroot.read_text(IPV4)?;
    let ipv6 = sysroot.read_text_if_present(IPV6)?.unwrap_or_default();
    let routes = ipv4.lines().filter_map(parse_ipv4).chain(ipv6.lines().filter_map(parse_ipv6));
    Ok(routes.filter(|route| route.interface != "lo").collect())
}

/// The interfaces that packets to an address can go through: those of all routes with the longest prefix, the one that is used
/// first.
pub fn ways(routes: &[Route], to: IpAddr) -> Vec<&str> {
    let mut fitting: Vec<&Route> = routes.iter().filter(|route| route.fits(to)).collect();
    let longest = fitting.iter().map(|route| route.prefix_bits).max();
    fitting.retain(|route| Some(route.prefix_bits) == longest);
    fitting.sort_by_key(|route| route.metric);
    let mut ways: Vec<&str> = Vec::new();
    for route in fitting {
        if !ways.contains(&route.interface.as_str()) {
            ways.push(&route.interface);
        }
    }
    ways
}

impl Route {
    fn fits(&self, to: IpAddr) -> bool {
        match (self.destination, to) {
            (IpAddr::V4(net), IpAddr::V4(to)) => {
                same_prefix(net.to_bits().into(), to.to_bits().into(), 32, self.prefix_bits)
            }
            (IpAddr::V6(net), IpAddr::V6(to)) => same_prefix(net.to_bits(), to.to_bits(), 128, self.prefix_bits),
            _ => false,
        }
    }
}

/// Whether the first `prefix` of the `width` low bits are the same.
fn same_prefix(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let rest = width.saturating_sub(prefix.into());
    (a ^ b).checked_shr(rest).unwrap_or(0) == 0
}

/// `eth0  0000000A 00000000 0001 0 0 100 000000FF …`: interface, destination, gateway, flags, …, metric, mask. Addresses are numbers
/// of the machine that wrote them, which is the one that reads them.
fn parse_ipv4(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    let address = |at: usize| Some(Ipv4Addr::from(number(at)?.to_ne_bytes()));
    let is_used = number(3)? & (UP | REJECT) == UP;
    is_used.then_some(Route {
        destination: address(1)?.into(),
        prefix_bits: u8::try_from(address(7)?.to_bits().leading_ones()).ok()?,
        interface: (*fields.first()?).to_owned(),
        metric: fields.get(6)?.parse().ok()?,
    })
}

/// `fe80…0 40 0…0 00 0…0 00000100 00000001 00000000 00000001 env4`: destination and its prefix, source and its, gateway, metric, uses,
/// …, flags, interface.
fn parse_ipv6(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    let destination = fields.first().filter(|text| text.len() == 32)?;
    let is_used = number(8)? & (UP | REJECT) == UP;
    is_used.then_some(Route {
        destination: Ipv6Addr::from_bits(u128::from_str_radix(destination, 16).ok()?).into(),
        prefix_bits: u8::try_from(number(1)?).ok().filter(|bits| *bits <= 128)?,
        interface: (*fields.get(9)?).to_owned(),
        metric: number(5)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IPV4_TABLE: &str = "\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100000A	0003	0	0	100	00000000	0	0	0
eth0	0000000A	00000000	0001	0	0	100	00FFFFFF	0	0	0
eth1	0000000A	00000000	0001	0	0	200	00FFFFFF	0	0	0
eth2	0001A8C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth3	0002A8C0	00000000	0201	0	0	0	00FFFFFF	0	0	0
";
    const IPV6_TABLE: &str = "\
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    env4
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001    env2
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000001 00000000 00000001    env2
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
";

    fn routes() -> Vec<Route> {
        IPV4_TABLE.lines().filter_map(parse_ipv4).chain(IPV6_TABLE.lines().filter_map(parse_ipv6)).collect()
    }

    #[test]
    #[cfg(target_endian = "little")] // the table is one of such a machine
    fn the_longest_prefix_counts_and_each_way_is_named_once() {
        for (to, expected) in [
            ("10.0.0.7", &["eth0", "eth1"][..]),
            ("192.168.1.9", &["eth2"]),
            ("192.168.2.9", &["eth0"]),
            ("172.16.0.1", &["eth0"]),
        ] {
            assert_eq!(ways(&routes(), to.parse().unwrap()), expected, "{to}");
        }
    }

    #[test]
    fn ipv6_has_a_table_of_its_own_and_what_is_refused_is_no_way() {
        for (to, expected) in [("fe80::1", &["env4", "env2"][..]), ("2001:db8::1", &["env2"]), ("2001:db9::1", &[])] {
            assert_eq!(ways(&routes(), to.parse().unwrap()), expected, "{to}");
        }
    }

    #[test]
    fn a_machine_without_ipv6_has_routes_and_one_without_any_table_has_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let sysroot = Sysroot::at(directory.path()).unwrap();
        assert!(read(&sysroot).is_err());
        std::fs::create_dir_all(directory.path().join("proc/net")).unwrap();
        std::fs::write(directory.path().join(IPV4), IPV4_TABLE).unwrap();
        assert_eq!(read(&sysroot).unwrap().len(), 4);
    }

    proptest! {
        #[test]
        fn any_line_is_a_route_or_none(line in "[0-9a-fg ]{0,200}( [0-9a-f]{1,33}){0,12}") {
            let _ = (parse_ipv4(&line), parse_ipv6(&line));
        }

        #[test]
        fn every_prefix_fits_its_own_address(bits in any::<u128>(), prefix_bits in 0_u8..=128) {
            let destination = IpAddr::V6(Ipv6Addr::from_bits(bits));
            let routes = [Route { destination, prefix_bits, interface: "a".into(), metric: 0 }];
            prop_assert_eq!(ways(&routes, destination), ["a"]);
        }
    }
}
