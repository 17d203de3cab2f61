//! Telling the neighbours on the management network that the partition is here now: unsolicited neighbour advertisements.
//!
//! After a migration the adapter has the same address behind another switch. Whoever remembers it sends to the old place
//! until its entry runs out; a switch learns the new place from any frame. The advertisement (RFC 4861, section 7.2.6) is sent
//! through a raw ICMPv6 socket of the root part, which has the right to open one; taking the address away and adding it again
//! would do the same, and would for a moment take the address away from the session that is about to be made.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd as _;

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto, setsockopt, socket, sockopt,
};
use platform::adapter::{Adapter, management_candidates};

/// All nodes on the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Replace what you remember.
const OVERRIDE: u8 = 0x20;
const OPTION_TARGET_LINK_LAYER: u8 = 2;
/// Receivers drop what could have come through a router.
const HOP_LIMIT: i32 = 255;

/// An advertisement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advertisement {
    pub(crate) interface: String,
    pub(crate) packet: Vec<u8>,
}

/// What is to be sent: one for each link-local address of the adapter that is named (`console.adapter`), else of the one that most
/// probably leads to the console.
pub(crate) fn advertisements(adapters: &[Adapter], named: Option<&str>) -> Vec<Advertisement> {
    let has_name = |adapter: &&Adapter| named.is_some() && adapter.interface_name() == named;
    let likely = || management_candidates(adapters).first().map(|candidate| candidate.adapter);
    let Some(adapter) = adapters.iter().find(has_name).or_else(likely) else { return Vec::new() };
    let (Some(interface), Some(mac)) = (&adapter.interface, adapter.mac) else { return Vec::new() };
    let addresses = interface.ipv6.iter().filter(|ipv6| ipv6.link_local);
    addresses
        .map(|ipv6| Advertisement { interface: interface.name.clone(), packet: packet(ipv6.address, mac.bytes()) })
        .collect()
}

/// The checksum is left to the kernel, which fills it in for every raw ICMPv6 socket.
fn packet(target: Ipv6Addr, mac: [u8; 6]) -> Vec<u8> {
    let mut packet = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    packet.extend_from_slice(&target.octets());
    packet.extend_from_slice(&[OPTION_TARGET_LINK_LAYER, 1]);
    packet.extend_from_slice(&mac);
    packet
}

/// Sends it.
pub(crate) fn send(advertisement: &Advertisement) -> io::Result<()> {
    let index = if_nametoindex(advertisement.interface.as_str())?;
    let to = SockaddrIn6::from(SocketAddrV6::new(ALL_NODES, 0, 0, index));
    let socket = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6)?;
    setsockopt(&socket, sockopt::Ipv6MulticastHops, &HOP_LIMIT)?;
    sendto(socket.as_raw_fd(), &advertisement.packet, &to, MsgFlags::MSG_DONTWAIT)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use platform::adapter::{AddressState, Interface, Ipv6, Mac};

    use super::*;

    fn adapter(slot: u16, name: &str) -> Adapter {
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, slot);
        let ipv6 = vec![Ipv6 { address, prefix_bits: 64, link_local: true, state: AddressState::Valid }];
        let (state, carrier, mtu_bytes) = (Some("up".into()), Some(true), Some(1500));
        let interface = Interface { name: name.into(), state, carrier, mtu_bytes, ipv6, has_ipv4_route: false };
        Adapter {
            unit_address: 0x3000_0000 | u32::from(slot),
            slot,
            location_code: None,
            drc_index: None,
            mac: Mac::from_property(&[2, 0, 0, 0, 0, 1]),
            interface: Some(interface),
        }
    }

    #[test]
    fn the_adapter_that_is_named_is_the_one_whose_addresses_are_told() {
        let adapters = [adapter(2, "env2"), adapter(4, "env4")];
        let told = |named| -> Vec<String> {
            advertisements(&adapters, named).into_iter().map(|advertisement| advertisement.interface).collect()
        };
        assert_eq!(told(None), ["env2"], "the most likely one");
        assert_eq!(told(Some("env4")), ["env4"]);
        assert_eq!(told(Some("bond0")), ["env2"], "one that is no adapter of the hypervisor has none of its addresses");
    }

    #[test]
    fn an_advertisement_has_the_address_and_the_hardware_address() {
        let packet = packet("fe80::4c:50ff:fe01:3".parse().unwrap(), [2, 0x4c, 0x50, 1, 0, 3]);
        let expected = [
            &[136, 0, 0, 0, 0x20, 0, 0, 0][..],
            &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x4c, 0x50, 0xff, 0xfe, 1, 0, 3],
            &[2, 1, 2, 0x4c, 0x50, 1, 0, 3],
        ]
        .concat();
        assert_eq!(packet, expected);
    }
}
