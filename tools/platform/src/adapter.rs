//! Network adapters, and which of them leads to the management console.
//!
//! A virtual Ethernet adapter is a device of the VIO bus, `vdevice/l-lan@30000004`: its unit address ends in the number of
//! its virtual slot, its location code names slot and port (`U8247.22L.2125D0A-V2-C3-T1`). The hypervisor does not tell the
//! partition which virtual switch an adapter is on, so the one on the management switch is found by what it is not: it has
//! link-local addresses only.

use std::fmt;
use std::net::Ipv6Addr;

use serde::Serialize;
use sysroot::Sysroot;

use crate::devicetree::Node;
use crate::error::{Error, Result};

const VIO_DEVICES: &str = "sys/bus/vio/devices";
const NETDEVS: &str = "sys/class/net";
const IPV6_ADDRESSES: &str = "proc/net/if_inet6";
const IPV4_ROUTES: &str = "proc/net/route";

/// `/proc/net/if_inet6`: the scope of fe80:: addresses (Linux, include/net/ipv6.h, IPV6_ADDR_LINKLOCAL).
const SCOPE_LINK: u8 = 0x20;

/// `/proc/net/if_inet6`: an address that is being checked, and one that another machine has (linux/if_addr.h, IFA_F_*).
const FLAG_TENTATIVE: u8 = 0x40;
const FLAG_DUPLICATE: u8 = 0x08;

/// A virtual Ethernet adapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adapter {
    /// As the bus names it: 0x30000004.
    pub unit_address: u32,
    /// The virtual slot, as systemd's interface names have it: the last 16 bits of the unit address.
    pub slot: u16,
    /// `U8247.22L.2125D0A-V2-C3-T1`.
    pub location_code: Option<String>,
    /// The DRC index of its slot.
    pub drc_index: Option<u32>,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// What the kernel's driver made of it; none while the driver is not loaded.
    pub interface: Option<Interface>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `env4`.
    pub name: String,
    /// `up`, `down`, `unknown` (RFC 2863).
    pub state: Option<String>,
    /// Whether there is a link. None while the interface is down.
    pub carrier: Option<bool>,
    /// Bytes.
    pub mtu_bytes: Option<u32>,
    /// With the length of the prefix.
    pub ipv6: Vec<Ipv6>,
    /// Whether an IPv4 route goes through it.
    pub has_ipv4_route: bool,
}

/// An IPv6 address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ipv6 {
    /// The address.
    pub address: Ipv6Addr,
    /// The length of its prefix in bits.
    pub prefix_bits: u8,
    /// Whether it is valid on the link only.
    pub link_local: bool,
    /// Whether it can be used.
    pub state: AddressState,
}

/// Whether an address can be used (duplicate address detection, RFC 4862).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressState {
    /// Yes.
    Valid,
    /// Not yet: the kernel still asks whether another machine has it.
    Tentative,
    /// No: another machine has it.
    Duplicate,
}

impl AddressState {
    fn from_flags(flags: u8) -> Self {
        match flags {
            flags if flags & FLAG_DUPLICATE != 0 => Self::Duplicate,
            flags if flags & FLAG_TENTATIVE != 0 => Self::Tentative,
            _ => Self::Valid,
        }
    }
}

/// A hardware address; shown as `fa:d4:43:3e:d1:20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac([u8; 6]);

impl Mac {
    /// From the property `local-mac-address`: 6 bytes, or 8 of which the first two are padding (old firmware, QEMU).
    pub fn from_property(bytes: &[u8]) -> Option<Self> {
        let bytes = if let [0, 0, rest @ ..] = bytes { if rest.len() == 6 { rest } else { bytes } } else { bytes };
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes, in the order in which they are sent.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// The link-local address that the kernel makes of it (RFC 4291, appendix A).
    pub fn link_local(self) -> Ipv6Addr {
        let mac = self.0;
        let half = |high, low| u16::from_be_bytes([high, low]);
        let (first, second) = (half(mac[0] ^ 2, mac[1]), half(mac[2], 0xff));
        Ipv6Addr::new(0xfe80, 0, 0, 0, first, second, half(0xfe, mac[3]), half(mac[4], mac[5]))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.map(|byte| format!("{byte:02x}"));
        f.write_str(&bytes.join(":"))
    }
}

impl Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the virtual Ethernet adapters, in the order of their slots.
pub fn read(sysroot: &Sysroot) -> Result<Vec<Adapter>> {
    let addresses = read_ipv6(sysroot)?;
    let routed = sysroot.read_text_if_present(IPV4_ROUTES)?.unwrap_or_default();
    let mut found = Vec::new();
    for device in sysroot.list_if_present(VIO_DEVICES)? {
        let Ok(unit_address) = u32::from_str_radix(&device, 16) else { continue };
        let directory = format!("{VIO_DEVICES}/{device}");
        let node = Node::through(sysroot, format!("{directory}/of_node"));
        if node.text("device_type")?.as_deref() != Some("network") {
            continue;
        }
        let name = sysroot.list_if_present(format!("{directory}/net"))?.into_iter().next();
        found.push(Adapter {
            unit_address,
            slot: (unit_address & 0xffff) as u16,
            location_code: node.text("ibm,loc-code")?,
            drc_index: node.cell("ibm,my-drc-index")?,
            mac: node.property("local-mac-address")?.and_then(|property| Mac::from_property(property.bytes())),
            interface: name.map(|name| interface(sysroot, name, &addresses, &routed)).transpose()?,
        });
    }
    found.sort_by_key(|adapter| adapter.unit_address);
    Ok(found)
}

fn interface(sysroot: &Sysroot, name: String, addresses: &[(String, Ipv6)], routed: &str) -> Result<Interface> {
    let attribute = |attribute: &str| -> Result<Option<String>> {
        let text = sysroot.read_text_if_present(format!("{NETDEVS}/{name}/{attribute}"))?;
        Ok(text.map(|text| text.trim_end().to_owned()))
    };
    Ok(Interface {
        state: attribute("operstate")?,
        // The kernel answers EINVAL while the interface is down.
        carrier: attribute("carrier").unwrap_or_default().map(|text| text == "1"),
        mtu_bytes: attribute("mtu")?.and_then(|text| text.parse().ok()),
        ipv6: addresses.iter().filter(|(on, _)| *on == name).map(|(_, address)| *address).collect(),
        has_ipv4_route: has_ipv4_route(routed, &name),
        name,
    })
}

fn read_ipv6(sysroot: &Sysroot) -> Result<Vec<(String, Ipv6)>> {
    let text = sysroot.read_text_if_present(IPV6_ADDRESSES)?.unwrap_or_default();
    let parse = |line| parse_ipv6(line).ok_or_else(|| Error::malformed(IPV6_ADDRESSES, format!("{line:?}")));
    text.lines().map(parse).collect()
}

/// `fe800000000000000242acfffe110002 02 40 20 80     env4`: address, index, prefix, scope, flags, interface; hex but the last.
fn parse_ipv6(line: &str) -> Option<(String, Ipv6)> {
    let mut fields = line.split_ascii_whitespace();
    let address = Ipv6Addr::from(u128::from_str_radix(fields.next()?, 16).ok()?);
    let prefix_bits = u8::from_str_radix(fields.nth(1)?, 16).ok()?;
    let scope = u8::from_str_radix(fields.next()?, 16).ok()?;
    let state = AddressState::from_flags(u8::from_str_radix(fields.next()?, 16).ok()?);
    let name = fields.next()?.to_owned();
    Some((name, Ipv6 { address, prefix_bits, link_local: scope == SCOPE_LINK, state }))
}

/// The first column of `/proc/net/route` is the interface.
fn has_ipv4_route(routes: &str, interface: &str) -> bool {
    routes.lines().skip(1).any(|line| line.split_ascii_whitespace().next() == Some(interface))
}

impl Adapter {
    /// What the kernel calls its interface, where it has one.
    pub fn interface_name(&self) -> Option<&str> {
        self.interface.as_ref().map(|interface| interface.name.as_str())
    }
}

/// Why an adapter is rather not the one to the management console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Objection {
    /// The kernel has no interface for it.
    NoInterface,
    /// It has no link.
    NoCarrier,
    /// It carries IPv4 traffic.
    HasIpv4Route,
    /// It has an IPv6 address that is valid beyond the link.
    HasGlobalIpv6,
    /// It has no link-local address yet.
    NoLinkLocal,
}

impl Objection {
    /// Whether it is that others than consoles are on its link.
    pub fn is_traffic(self) -> bool {
        matches!(self, Self::HasIpv4Route | Self::HasGlobalIpv6)
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoInterface => "the kernel has no interface for it",
            Self::NoCarrier => "it has no link",
            Self::HasIpv4Route => "it carries IPv4 traffic",
            Self::HasGlobalIpv6 => "it has an IPv6 address that is valid beyond the link",
            Self::NoLinkLocal => "it has no link-local address",
        })
    }
}

/// An adapter that may lead to the management console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate<'a> {
    /// The adapter.
    pub adapter: &'a Adapter,
    /// What speaks against it; nothing for one that looks as it should.
    pub against: Vec<Objection>,
}

/// All adapters, the most likely one first; those without an interface, which nothing can be sent through, last. Whether the first
/// really is the one only its neighbour can tell.
pub fn management_candidates(adapters: &[Adapter]) -> Vec<Candidate<'_>> {
    let mut found: Vec<_> =
        adapters.iter().map(|adapter| Candidate { adapter, against: objections(adapter) }).collect();
    found.sort_by_key(|candidate| (candidate.adapter.interface.is_none(), candidate.against.len()));
    found
}

impl Candidate<'_> {
    /// Whether it carries other traffic than a management network has: others than consoles are on its link.
    pub fn carries_traffic(&self) -> bool {
        self.against.iter().any(|objection| objection.is_traffic())
    }
}

/// The interface of the management network: the one that the administrator named, else the most likely one.
pub fn management_interface<'a>(named: Option<&'a str>, adapters: &'a [Adapter]) -> Option<&'a str> {
    let likely = || management_candidates(adapters).first()?.adapter.interface_name();
    named.or_else(likely)
}

fn objections(adapter: &Adapter) -> Vec<Objection> {
    let Some(interface) = &adapter.interface else { return vec![Objection::NoInterface] };
    let (local, global): (Vec<&Ipv6>, Vec<&Ipv6>) = interface.ipv6.iter().partition(|address| address.link_local);
    let all = [
        (interface.carrier != Some(true), Objection::NoCarrier),
        (interface.has_ipv4_route, Objection::HasIpv4Route),
        (!global.is_empty(), Objection::HasGlobalIpv6),
        (local.is_empty(), Objection::NoLinkLocal),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, objection)| objection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hardware_addresses_have_padding_or_not() {
        let mac = Mac::from_property(&[0xfa, 0xd4, 0x43, 0x3e, 0xd1, 0x20]).unwrap();
        assert_eq!(mac.to_string(), "fa:d4:43:3e:d1:20");
        assert_eq!(Mac::from_property(&[0, 0, 0xfa, 0xd4, 0x43, 0x3e, 0xd1, 0x20]), Some(mac));
        assert_eq!(Mac::from_property(&[0, 0, 0, 0, 0, 1]).unwrap().to_string(), "00:00:00:00:00:01");
        assert_eq!(Mac::from_property(&[1, 2, 3]), None);
    }

    /// The vectors of nova-powervm's tests (nova_powervm/tests/virt/powervm/test_media.py).
    #[test]
    fn link_local_addresses_are_made_of_hardware_addresses() {
        let vectors = [
            ([0xfa, 0xd4, 0x43, 0x3e, 0xd1, 0x20], "fe80::f8d4:43ff:fe3e:d120"),
            ([0; 6], "fe80::200:ff:fe00:0"),
            ([0xff; 6], "fe80::fdff:ffff:feff:ffff"),
        ];
        for (mac, address) in vectors {
            assert_eq!(Mac(mac).link_local().to_string(), address);
        }
    }

    #[test]
    fn lines_of_if_inet6_are_addresses() {
        let (name, found) = parse_ipv6("fe80000000000000f8d443fffe3ed120 03 40 20 80     env4").unwrap();
        assert_eq!((name.as_str(), found.prefix_bits, found.link_local), ("env4", 64, true));
        assert_eq!(found.address.to_string(), "fe80::f8d4:43ff:fe3e:d120");
        assert_eq!(parse_ipv6("fe80 03 40"), None);
    }

    #[test]
    fn an_address_that_another_machine_has_is_no_address() {
        let state =
            |flags| parse_ipv6(&format!("fe80000000000000f8d443fffe3ed120 03 40 20 {flags} env4")).unwrap().1.state;
        assert_eq!(state("80"), AddressState::Valid);
        assert_eq!(state("c0"), AddressState::Tentative);
        assert_eq!(state("c8"), AddressState::Duplicate);
    }

    fn adapter(slot: u16, interface: Option<Interface>) -> Adapter {
        let unit_address = 0x3000_0000 | u32::from(slot);
        Adapter { unit_address, slot, location_code: None, drc_index: None, mac: None, interface }
    }

    fn interface(addresses: &[&str], has_ipv4_route: bool) -> Interface {
        let ipv6 = addresses.iter().map(|text| {
            let address: Ipv6Addr = text.parse().unwrap();
            Ipv6 { address, prefix_bits: 64, link_local: text.starts_with("fe80"), state: AddressState::Valid }
        });
        let (state, mtu_bytes) = (Some("up".into()), Some(1500));
        Interface { name: "env".into(), state, carrier: Some(true), mtu_bytes, ipv6: ipv6.collect(), has_ipv4_route }
    }

    #[test]
    fn the_adapter_with_nothing_but_a_link_local_address_comes_first() {
        let adapters = [
            adapter(2, Some(interface(&["fe80::1", "2001:db8::1"], true))),
            adapter(3, None),
            adapter(4, Some(interface(&["fe80::2"], false))),
            adapter(5, Some(interface(&["fe80::3"], true))),
        ];
        let found = management_candidates(&adapters);
        let order: Vec<_> = found.iter().map(|candidate| candidate.adapter.slot).collect();
        assert_eq!(order, [4, 5, 2, 3]);
        assert!(found[0].against.is_empty());
        assert_eq!(found[2].against, [Objection::HasIpv4Route, Objection::HasGlobalIpv6]);
        assert_eq!(management_interface(None, &adapters), Some("env"));
        assert_eq!(management_interface(Some("bond0"), &adapters), Some("bond0"), "who is named need not be likely");
        assert_eq!(management_interface(None, &adapters[1..2]), None);
    }

    proptest! {
        #[test]
        fn any_line_is_an_address_or_none(line in "[0-9a-f ]{0,60}env[0-9]") {
            let _ = parse_ipv6(&line);
        }
    }
}
