//! One end of a session's bytes over a socket, blocking, for ends that do not keep to the rules.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustls::Connection;
use wire::channel::Channel;

const CHUNK_BYTES: usize = 16 << 10;
/// Between two looks at the clock.
const TURN: Duration = Duration::from_millis(50);

/// A socket with its channel.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    pub(super) channel: Channel,
    /// What came behind a message.
    rest: Vec<u8>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, tls: Connection) -> io::Result<Self> {
        stream.set_read_timeout(Some(TURN))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, channel: Channel::new(tls), rest: Vec::new() })
    }

    /// Until TLS's handshake is over.
    pub(super) fn shake_hands(&mut self, end: Instant) -> io::Result<()> {
        loop {
            self.flush()?;
            if self.channel.peer().map_err(io::Error::other)?.is_some() {
                return Ok(());
            }
            self.turn(end)?;
        }
    }

    /// The next message; an error when the peer hangs up or says nothing until `end`.
    pub(super) fn next_message(&mut self, end: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(message) = self.turn(end)? {
                return Ok(message);
            }
        }
    }

    /// Sends bytes as they are, encrypted.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.channel.send(bytes).map_err(io::Error::other)?;
        self.flush()
    }

    fn turn(&mut self, end: Instant) -> io::Result<Option<Vec<u8>>> {
        if Instant::now() >= end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // More than one message may have come at once.
        if let Some(message) = self.take_message()? {
            return Ok(Some(message));
        }
        let mut bytes = [0; CHUNK_BYTES];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.rest.extend_from_slice(&bytes[..count]),
            Err(error) if is_early(&error) => {}
            Err(error) => return Err(error),
        }
        self.take_message()
    }

    fn take_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut input = self.rest.as_slice();
        let message = self.channel.next_message(&mut input).map_err(io::Error::other)?;
        self.rest = input.to_vec();
        self.flush()?;
        Ok(message)
    }

    fn flush(&mut self) -> io::Result<()> {
        let count = self.channel.output().len();
        self.stream.write_all(self.channel.output())?;
        self.channel.written(count);
        Ok(())
    }
}

/// Whether an error only says that nothing came yet.
pub(super) fn is_early(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Whether an error says that the other side ended it, rather than that nothing came.
pub(super) fn is_hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::Other
    )
}
