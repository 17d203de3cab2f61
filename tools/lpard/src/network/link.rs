//! One connection to a console: TCP, TLS and heartbeats, from the call to the end.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt};
use wire::channel::{Channel, ChannelError};
use wire::heartbeat::{Exhausted, Heartbeats, Side};
use wire::key::PublicKey;
use wire::limits::HANDSHAKE_DEADLINE;
use wire::message::{EncodeError, FromPartition, encode};

use super::heartbeat_socket::HeartbeatSocket;
use crate::config::ConsoleAddress;

/// A console that is there takes a call at once; the first question may be lost, and the one after it (Linux asks again after 1 and
/// 3 s). Who has moved, or has not, calls the wrong one first.
const CONNECT_DEADLINE: Duration = Duration::from_secs(4);

/// What is read at once.
const PIECE_BYTES: usize = 16 << 10;

/// Then what came is seen to first: a console that sends without end neither fills the memory nor keeps all else waiting.
const PIECES_AT_ONCE: usize = 64;

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The network says no.
    #[error("call")]
    Call(#[source] io::Error),
    /// Neither a connection nor keys in time.
    #[error("nobody answered within {0:?}")]
    NoAnswer(Duration),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// The console closed it.
    #[error("the console closed the connection")]
    Closed,
    /// What came is no session.
    #[error("no session")]
    Channel(#[from] ChannelError),
    /// What is to be sent cannot be.
    #[error("send")]
    Encode(#[from] EncodeError),
    /// Heartbeats are used up.
    #[error("send a heartbeat")]
    Exhausted(#[from] Exhausted),
}

/// What a look at the connection's sockets brought.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The console has proved its key, just now.
    pub(super) proved: Option<PublicKey>,
    /// Messages, in order.
    pub(super) messages: Vec<Vec<u8>>,
    /// The connection is over; what came before still counts.
    pub(super) over: Option<LinkError>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    address: ConsoleAddress,
    to: SocketAddr,
    stream: TcpStream,
    connected: bool,
    channel: Channel,
    peer: Option<PublicKey>,
    connect_until: Duration,
    handshake_until: Duration,
    heartbeats: Option<Heartbeats>,
}

impl Link {
    /// Calls; comes back at once.
    pub(super) fn call(now: Duration, address: ConsoleAddress, channel: Channel) -> Result<Self, LinkError> {
        let to = socket_address(&address).map_err(LinkError::Call)?;
        let stream = begin_to_connect(to).map_err(LinkError::Call)?;
        let (connect_until, handshake_until) = (now + CONNECT_DEADLINE, now + HANDSHAKE_DEADLINE);
        let (connected, peer, heartbeats) = (false, None, None);
        Ok(Self { address, to, stream, connected, channel, peer, connect_until, handshake_until, heartbeats })
    }

    pub(super) fn address(&self) -> &ConsoleAddress {
        &self.address
    }

    /// Until when the console has to have taken the call, and then to have proved its key; none when it has.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let until = if self.connected { self.handshake_until } else { self.connect_until };
        self.peer.is_none().then_some(until)
    }

    /// What to wait for.
    pub(super) fn socket(&self) -> PollFd<'_> {
        let wants_to_send = !self.connected || !self.channel.output().is_empty();
        let flags = if wants_to_send { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        PollFd::new(self.stream.as_fd(), flags)
    }

    /// Looks what came, and sends what waits.
    pub(super) fn look(&mut self, now: Duration) -> Heard {
        let mut heard = Heard::default();
        heard.over = self.look_into(now, &mut heard).err();
        heard
    }

    fn look_into(&mut self, now: Duration, heard: &mut Heard) -> Result<(), LinkError> {
        if !self.connected && !self.is_connected()? {
            return if now >= self.connect_until { Err(LinkError::NoAnswer(CONNECT_DEADLINE)) } else { Ok(()) };
        }
        self.connected = true;
        let read = self.read(heard);
        // What explains a failure to the peer is in the output.
        let flushed = self.flush();
        read.and(flushed)?;
        if self.peer.is_none() && now >= self.handshake_until {
            return Err(LinkError::NoAnswer(HANDSHAKE_DEADLINE));
        }
        Ok(())
    }

    /// A socket that is being connected has no peer yet.
    fn is_connected(&self) -> Result<bool, LinkError> {
        if let Some(error) = self.stream.take_error().map_err(LinkError::Call)? {
            return Err(LinkError::Call(error));
        }
        match self.stream.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(LinkError::Call(error)),
        }
    }

    fn read(&mut self, heard: &mut Heard) -> Result<(), LinkError> {
        let mut piece = [0; PIECE_BYTES];
        for _ in 0..PIECES_AT_ONCE {
            let length = match self.stream.read(&mut piece) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(LinkError::Broken(error)),
            };
            let mut input = &piece[..length];
            while let Some(message) = self.channel.next_message(&mut input)? {
                heard.messages.push(message);
            }
            self.look_for_peer(heard)?;
        }
        Ok(())
    }

    fn look_for_peer(&mut self, heard: &mut Heard) -> Result<(), LinkError> {
        if self.peer.is_none() {
            self.peer = self.channel.peer()?;
            heard.proved = self.peer;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LinkError> {
        while !self.channel.output().is_empty() {
            match self.stream.write(self.channel.output()) {
                Ok(written) => self.channel.written(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LinkError::Broken(error)),
            }
        }
        Ok(())
    }

    /// Sends a message, or as much of it as the network takes now.
    pub(super) fn send(&mut self, message: &FromPartition) -> Result<(), LinkError> {
        self.channel.send(&encode(message)?)?;
        self.flush()
    }

    /// The console's messages may be longer from now on, and heartbeats begin.
    pub(super) fn welcomed(&mut self, partition: u32) -> Result<(), LinkError> {
        self.channel.greeting_accepted();
        self.heartbeats = Some(Heartbeats::new(&self.channel.heartbeat_secret()?, Side::Partition, partition)?);
        Ok(())
    }

    /// Whether there is a session.
    pub(super) fn is_welcomed(&self) -> bool {
        self.heartbeats.is_some()
    }

    /// Sends a heartbeat. A network that does not take it is noticed by the silence that follows.
    pub(super) fn beat(&mut self, socket: &HeartbeatSocket) -> Result<(), LinkError> {
        if let Some(heartbeats) = &mut self.heartbeats {
            socket.send(&heartbeats.seal()?, self.to);
        }
        Ok(())
    }

    /// Whether a datagram is a heartbeat of this session's console. What is none is passed over in silence: anybody can
    /// send a datagram.
    pub(super) fn is_beat(&mut self, datagram: &[u8]) -> bool {
        self.heartbeats.as_mut().is_some_and(|heartbeats| heartbeats.open(datagram).is_ok())
    }

    /// Says that nothing more comes, as far as the network takes it now.
    pub(super) fn close(mut self) {
        self.channel.close();
        let _ = self.flush();
    }
}

/// The interface's number is looked up at every call: after a migration it may be another one.
fn socket_address(address: &ConsoleAddress) -> io::Result<SocketAddr> {
    let IpAddr::V6(ip) = address.ip else { return Ok(SocketAddr::new(address.ip, address.port)) };
    let scope = match &address.interface {
        Some(interface) => if_nametoindex(interface.as_str())?,
        None => 0,
    };
    Ok(SocketAddrV6::new(ip, address.port, 0, scope).into())
}

fn begin_to_connect(to: SocketAddr) -> io::Result<TcpStream> {
    let family = if to.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    setsockopt(&socket, sockopt::TcpNoDelay, &true)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}
