//! The socket of the heartbeats: UDP port 657, for all sessions of this agent.
//!
//! It is opened before the rights are given up, because a port below 1024 needs one. Where the port is taken (by RSCT) or
//! not to be had, another one does: consoles that answer to where a heartbeat came from do not mind.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use wire::heartbeat::DATAGRAM_BYTES;

use crate::config::PORT;

/// A flood of datagrams keeps nothing else waiting.
const DATAGRAMS_AT_ONCE: usize = 64;

/// The socket.
#[derive(Debug)]
pub(super) struct HeartbeatSocket {
    socket: UdpSocket,
}

impl HeartbeatSocket {
    /// Opens it; both kinds of addresses go through it.
    pub(super) fn open() -> io::Result<Self> {
        let socket =
            UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT)).or_else(|_| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Sends a datagram to the console at that address, at the port that it is called at.
    pub(super) fn send(&self, datagram: &[u8], to: SocketAddr) {
        let to = match to {
            SocketAddr::V6(_) => to,
            SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into(),
        };
        // What is lost now is noticed by the silence that follows.
        let _ = self.socket.send_to(datagram, to);
    }

    /// The datagrams that came from that host. Who can send from its address is not believed for it: they have to open.
    pub(super) fn receive(&self, from: IpAddr) -> Vec<Vec<u8>> {
        let mut received = Vec::new();
        // One more byte than a heartbeat has, so that a longer datagram is seen to be longer.
        let mut datagram = [0; DATAGRAM_BYTES + 1];
        for _ in 0..DATAGRAMS_AT_ONCE {
            let Ok((length, sender)) = self.socket.recv_from(&mut datagram) else { break };
            if sender.ip().to_canonical() == from {
                received.push(datagram[..length].to_vec());
            }
        }
        received
    }
}

impl AsFd for HeartbeatSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
