//! One TCP connection: its socket, its channel, and whose it is.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use wire::admission::Stranger;
use wire::channel::Channel;

use super::STRANGERS_BYTES;

/// What is taken from a socket at once: a TLS record.
const CHUNK_BYTES: usize = 16 << 10;
/// A peer that was told goodbye gets that long to read it.
const LINGER: Duration = Duration::from_secs(2);

/// What a socket gave.
pub(super) enum Received {
    Bytes(Vec<u8>),
    Nothing,
    End,
}

/// Names a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionId(pub(super) u64);

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) peer: IpAddr,
    pub(super) channel: Channel,
    /// The partition, once its key was seen.
    pub(super) lpar: Option<String>,
    /// As long as that is not known.
    pub(super) stranger: Option<Stranger>,
    taken_bytes: usize,
    closes_at: Option<Duration>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: IpAddr, channel: Channel, stranger: Stranger) -> Self {
        Self { stream, peer, channel, lpar: None, stranger: Some(stranger), taken_bytes: 0, closes_at: None }
    }

    pub(super) fn receive(&mut self) -> io::Result<Received> {
        let mut bytes = vec![0; CHUNK_BYTES];
        match self.stream.read(&mut bytes) {
            Ok(0) => Ok(Received::End),
            Ok(count) => {
                bytes.truncate(count);
                self.taken_bytes = self.taken_bytes.saturating_add(count);
                Ok(Received::Bytes(bytes))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(Received::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// A stranger sent more than it takes to prove a key.
    pub(super) fn is_too_much(&self) -> bool {
        self.stranger.is_some() && self.taken_bytes > STRANGERS_BYTES
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.has_output() {
            match self.stream.write(self.channel.output()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.channel.written(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn has_output(&self) -> bool {
        !self.channel.output().is_empty()
    }

    /// Nothing more is taken from the peer; it is closed when all is sent, or soon.
    pub(super) fn close(&mut self, now: Duration) {
        if self.closes_at.is_none() {
            self.channel.close();
            self.closes_at = Some(now + LINGER);
        }
    }

    pub(super) fn closes_at(&self) -> Option<Duration> {
        self.closes_at
    }

    /// It was closed, and all is sent or the time is up.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.closes_at.is_some_and(|at| !self.has_output() || at <= now)
    }
}
