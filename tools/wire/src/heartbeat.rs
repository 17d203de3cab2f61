//! Heartbeats: datagrams of 52 bytes that only the two ends of one TLS session can make and that count once.
//!
//! ```text
//!  0  "lpHB"
//!  4  1                 version of this form
//!  5  1 | 2             from the partition | from the console
//!  6  0 0
//!  8  partition         its number, u32
//! 12  session           8 bytes that name the session
//! 20  sequence          u64, from 1
//! 28  heard             u64: the greatest sequence that the sender has heard of the other side; sealed
//! 36  tag               16 bytes of ChaCha20-Poly1305 over all before it
//! ```
//!
//! Numbers are big endian. Each direction has its own key, so the sequence is a nonce, and a datagram that is thrown back
//! does not open.

mod window;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use thiserror::Error;

use window::Window;

/// Bytes of a heartbeat.
pub const DATAGRAM_BYTES: usize = 52;

const MAGIC: &[u8; 4] = b"lpHB";
const FORM: u8 = 1;
const HEADER_BYTES: usize = 28;
const TAG_AT: usize = 36;
const KEY_BYTES: usize = 32;
const NAME_BYTES: usize = 8;

/// Names a session in its heartbeats. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName([u8; NAME_BYTES]);

/// Which end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The partition.
    Partition,
    /// The console.
    Console,
}

impl Side {
    fn code(self) -> u8 {
        match self {
            Self::Partition => 1,
            Self::Console => 2,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Partition => Self::Console,
            Self::Console => Self::Partition,
        }
    }
}

/// What both ends of a TLS session know and nobody else: two keys and the session's name.
pub struct Secret([u8; Self::BYTES]);

impl Secret {
    /// Bytes of it.
    pub const BYTES: usize = 2 * KEY_BYTES + NAME_BYTES;

    /// From what TLS exports.
    pub fn new(exported: [u8; Self::BYTES]) -> Self {
        Self(exported)
    }

    fn key_of(&self, sender: Side) -> &[u8] {
        let (partition, console) = self.0[..2 * KEY_BYTES].split_at(KEY_BYTES);
        match sender {
            Side::Partition => partition,
            Side::Console => console,
        }
    }

    fn name(&self) -> SessionName {
        let mut name = [0; NAME_BYTES];
        name.copy_from_slice(&self.0[2 * KEY_BYTES..]);
        SessionName(name)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secret of {:?}", self.name())
    }
}

/// A heartbeat of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Its number.
    pub sequence: u64,
    /// The greatest number that the peer has heard from here: when it stands still, the way there is broken.
    pub heard: u64,
}

/// Why a datagram is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejected {
    /// Another length, another beginning or another form.
    #[error("no heartbeat")]
    NoHeartbeat,
    /// Made by an end like this one.
    #[error("a heartbeat in the wrong direction")]
    Direction,
    /// Of another partition.
    #[error("a heartbeat of partition {0}")]
    OtherPartition(u32),
    /// Of another session.
    #[error("a heartbeat of another session")]
    OtherSession,
    /// It came before, or is older than can be told.
    #[error("heartbeat {0} once more, or much too late")]
    Replayed(u64),
    /// Not made by the peer.
    #[error("a forged heartbeat")]
    Forged,
}

/// Why no heartbeat can be made: numbers are used up (in a session of many million years), or ring refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no further heartbeat can be sealed in this session")]
pub struct Exhausted;

/// The heartbeats of one end of one session.
#[derive(Debug)]
pub struct Heartbeats {
    side: Side,
    partition: u32,
    session: SessionName,
    sealing: LessSafeKey,
    opening: LessSafeKey,
    last_sent: u64,
    window: Window,
}

impl Heartbeats {
    /// For one end of the session that the secret is of.
    pub fn new(secret: &Secret, side: Side, partition: u32) -> Result<Self, Exhausted> {
        let key = |sender| {
            let key = UnboundKey::new(&CHACHA20_POLY1305, secret.key_of(sender)).map_err(|_| Exhausted)?;
            Ok(LessSafeKey::new(key))
        };
        let (sealing, opening) = (key(side)?, key(side.other())?);
        Ok(Self { side, partition, session: secret.name(), sealing, opening, last_sent: 0, window: Window::default() })
    }

    /// The session's name, by which a console that has many finds the right one.
    pub fn session(&self) -> SessionName {
        self.session
    }

    /// The next heartbeat.
    pub fn seal(&mut self) -> Result<[u8; DATAGRAM_BYTES], Exhausted> {
        let sequence = self.last_sent.checked_add(1).ok_or(Exhausted)?;
        self.last_sent = sequence;
        let header = self.header(self.side, sequence);
        let mut datagram = [0; DATAGRAM_BYTES];
        datagram[..HEADER_BYTES].copy_from_slice(&header);
        datagram[HEADER_BYTES..TAG_AT].copy_from_slice(&self.window.newest().to_be_bytes());
        let sealed = &mut datagram[HEADER_BYTES..TAG_AT];
        let tag = self.sealing.seal_in_place_separate_tag(nonce(sequence), Aad::from(&header), sealed);
        datagram[TAG_AT..].copy_from_slice(tag.map_err(|_| Exhausted)?.as_ref());
        Ok(datagram)
    }

    /// The heartbeat in a datagram; it counts as heard then.
    pub fn open(&mut self, datagram: &[u8]) -> Result<Beat, Rejected> {
        let datagram: &[u8; DATAGRAM_BYTES] = datagram.try_into().map_err(|_| Rejected::NoHeartbeat)?;
        let sequence = self.check_header(datagram)?;
        if !self.window.is_new(sequence) {
            return Err(Rejected::Replayed(sequence));
        }
        let mut heard: [u8; 8] = field(datagram, HEADER_BYTES);
        let tag = Tag::from(field(datagram, TAG_AT));
        let aad = Aad::from(&datagram[..HEADER_BYTES]);
        let opened = self.opening.open_in_place_separate_tag(nonce(sequence), aad, tag, &mut heard, 0..);
        opened.map_err(|_| Rejected::Forged)?;
        self.window.note(sequence);
        Ok(Beat { sequence, heard: u64::from_be_bytes(heard) })
    }

    fn check_header(&self, datagram: &[u8; DATAGRAM_BYTES]) -> Result<u64, Rejected> {
        let sequence = u64::from_be_bytes(field(datagram, 20));
        if datagram[..5] != [MAGIC, &[FORM][..]].concat() || datagram[6..8] != [0, 0] || sequence == 0 {
            return Err(Rejected::NoHeartbeat);
        }
        if datagram[5] != self.side.other().code() {
            return Err(Rejected::Direction);
        }
        let partition = u32::from_be_bytes(field(datagram, 8));
        if partition != self.partition {
            return Err(Rejected::OtherPartition(partition));
        }
        if session_of(datagram) != Some(self.session) {
            return Err(Rejected::OtherSession);
        }
        Ok(sequence)
    }

    fn header(&self, sender: Side, sequence: u64) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(MAGIC);
        header[4] = FORM;
        header[5] = sender.code();
        header[8..12].copy_from_slice(&self.partition.to_be_bytes());
        header[12..20].copy_from_slice(&self.session.0);
        header[20..].copy_from_slice(&sequence.to_be_bytes());
        header
    }
}

/// The session that a datagram says it is of, if it may be a heartbeat.
pub fn session_of(datagram: &[u8]) -> Option<SessionName> {
    let datagram: &[u8; DATAGRAM_BYTES] = datagram.try_into().ok()?;
    datagram.starts_with(MAGIC).then(|| SessionName(field(datagram, 12)))
}

fn field<const N: usize>(datagram: &[u8; DATAGRAM_BYTES], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&datagram[at..at + N]);
    bytes
}

/// Unique under a key, because the sequence is.
fn nonce(sequence: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&sequence.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests;
