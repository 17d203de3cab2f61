//! The sockets of a console, on its port of the MGMTSWITCH alone: TCP and UDP 657 at its link-local address, and UDP 657 at the
//! group where partitions ask for it.
//!
//! Two consoles of one lab share its network namespace; each socket is bound to an address with its link, so that neither
//! hears what is meant for the other.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6, TcpListener, UdpSocket};

use wire::discovery::{GROUP, PORT};

/// What a console listens on.
#[derive(Debug)]
pub struct Sockets {
    /// Sessions begin here.
    pub(in crate::console) listener: TcpListener,
    /// Heartbeats and answers.
    pub(in crate::console) datagrams: UdpSocket,
    /// Questions.
    pub(in crate::console) questions: UdpSocket,
    /// The console's address.
    pub(in crate::console) address: Ipv6Addr,
    /// Its link's number.
    pub(in crate::console) link: u32,
}

impl Sockets {
    /// Listens at `address` on the interface `bridge`.
    pub fn open(bridge: &str, address: Ipv6Addr) -> io::Result<Self> {
        let link = nix::net::if_::if_nametoindex(bridge)?;
        let at = |address| SocketAddrV6::new(address, PORT, 0, link);
        let listener = TcpListener::bind(at(address))?;
        let datagrams = UdpSocket::bind(at(address))?;
        let questions = UdpSocket::bind(at(GROUP))?;
        questions.join_multicast_v6(&GROUP, link)?;
        listener.set_nonblocking(true)?;
        datagrams.set_nonblocking(true)?;
        questions.set_nonblocking(true)?;
        Ok(Self { listener, datagrams, questions, address, link })
    }
}
