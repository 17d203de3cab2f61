//! A session's bytes: TLS records from and to the socket on one side, messages on the other.
//!
//! It holds at most one message and one TLS record of what came in, and of what goes out no more than
//! [`MAX_UNSENT_BYTES`]: a peer that does not read cannot make it grow.

use std::io::{BufRead as _, Write as _};

use rustls::Connection;
use thiserror::Error;

use crate::frame::{Decoder, FrameError, MAX_BYTES};
use crate::heartbeat::Secret;
use crate::key::PublicKey;
use crate::tls::{self, TlsError};

/// What may wait to be written to the socket: some messages of the longest kind.
pub const MAX_UNSENT_BYTES: usize = 4 * MAX_BYTES;

/// Names the heartbeats' secret among what could be exported from a TLS session (RFC 8446, section 7.5).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-lparkit-heartbeat";

/// Why a session's bytes cannot go on.
#[derive(Debug, Error)]
pub enum ChannelError {
    /// TLS failed. What explains it to the peer is in the output.
    #[error("the encrypted session failed")]
    Tls(#[source] TlsError),
    /// The peer sent what is no frame.
    #[error("the peer sent no frame")]
    Frame(#[source] FrameError),
    /// More than [`MAX_UNSENT_BYTES`] wait.
    #[error("the peer does not read: {0} bytes wait to be sent")]
    PeerDoesNotRead(usize),
}

impl From<rustls::Error> for ChannelError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error.into())
    }
}

/// One session's bytes.
#[derive(Debug)]
pub struct Channel {
    tls: Connection,
    frames: Decoder,
    output: Vec<u8>,
}

impl Channel {
    /// For a connection that has not begun. The partition's has output at once.
    pub fn new(mut tls: Connection) -> Self {
        // What waits is counted here, not by rustls.
        tls.set_buffer_limit(None);
        let mut channel = Self { tls, frames: Decoder::default(), output: Vec::new() };
        channel.collect_output();
        channel
    }

    /// Takes what came from the socket off the front of `input`; gives the next message that is whole. `None` when all of
    /// `input` is taken: call it until then.
    pub fn next_message(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, ChannelError> {
        loop {
            if let Some(message) = self.take_message()? {
                return Ok(Some(message));
            }
            // After the peer's close_notify TLS reads no more.
            if input.is_empty() || matches!(self.tls.read_tls(input), Ok(0)) {
                *input = &[];
                return Ok(None);
            }
            let result = self.tls.process_new_packets();
            self.collect_output();
            result?;
        }
    }

    fn take_message(&mut self) -> Result<Option<Vec<u8>>, ChannelError> {
        let mut reader = self.tls.reader();
        loop {
            let mut plain: &[u8] = match reader.fill_buf() {
                Ok([]) | Err(_) => return Ok(None),
                Ok(plain) => plain,
            };
            let length = plain.len();
            let message = self.frames.take(&mut plain).map_err(ChannelError::Frame)?;
            let taken = length - plain.len();
            reader.consume(taken);
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    /// Encrypts a frame.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), ChannelError> {
        let unsent = self.output.len() + frame.len();
        if unsent > MAX_UNSENT_BYTES {
            return Err(ChannelError::PeerDoesNotRead(unsent));
        }
        let written = self.tls.writer().write_all(frame);
        self.collect_output();
        written.map_err(|error| rustls::Error::General(error.to_string()).into())
    }

    /// Tells the peer that nothing more will come.
    pub fn close(&mut self) {
        self.tls.send_close_notify();
        self.collect_output();
    }

    /// What waits to be written to the socket.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// So many bytes of the output are written.
    pub fn written(&mut self, bytes: usize) {
        self.output.drain(..bytes.min(self.output.len()));
    }

    /// The peer's key once the handshake is over.
    pub fn peer(&self) -> Result<Option<PublicKey>, ChannelError> {
        if self.tls.is_handshaking() {
            return Ok(None);
        }
        tls::peer(&self.tls).map(Some).map_err(ChannelError::Tls)
    }

    /// The peer's greeting was accepted: its messages may be longer from now on.
    pub fn greeting_accepted(&mut self) {
        self.frames.greeting_accepted();
    }

    /// What the session's heartbeats are sealed with; after the handshake.
    pub fn heartbeat_secret(&self) -> Result<Secret, ChannelError> {
        let exported = self.tls.export_keying_material([0; Secret::BYTES], EXPORTER_LABEL, None)?;
        Ok(Secret::new(exported))
    }

    fn collect_output(&mut self) {
        while self.tls.wants_write() {
            // Writing into a vector cannot fail.
            if self.tls.write_tls(&mut self.output).is_err() {
                break;
            }
        }
    }
}
