//! Digests: which algorithms RPM uses, and computing them while bytes stream by.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha384, Sha512};
use sha3::{Sha3_256, Sha3_512};

use self::sha256::Sha256;
use crate::error::Error;

pub mod sha256;

/// Algorithms that RPM numbers in FILEDIGESTALGO and PAYLOADSHA256ALGO (numbers from RFC 9580, as rpm takes them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Algorithm {
    /// FILEDIGESTS without FILEDIGESTALGO.
    #[default]
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3_256,
    Sha3_512,
}

impl Algorithm {
    /// The algorithm with RPM's number, if it is one that we can compute.
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Md5,
            2 => Self::Sha1,
            8 => Self::Sha256,
            9 => Self::Sha384,
            10 => Self::Sha512,
            11 => Self::Sha224,
            12 => Self::Sha3_256,
            14 => Self::Sha3_512,
            _ => return None,
        })
    }

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha224 => "SHA224",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
            Self::Sha3_256 => "SHA3-256",
            Self::Sha3_512 => "SHA3-512",
        }
    }
}

/// A digest under way.
#[derive(Debug, Clone)]
pub enum Hasher {
    /// See [`Algorithm`], here and below.
    Md5(Md5),
    /// SHA-1.
    Sha1(Sha1),
    /// SHA-224.
    Sha224(Sha224),
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-384.
    Sha384(Sha384),
    /// SHA-512.
    Sha512(Sha512),
    /// SHA3-256.
    Sha3_256(Sha3_256),
    /// SHA3-512.
    Sha3_512(Sha3_512),
}

macro_rules! each {
    ($self:expr, $hasher:ident => $action:expr) => {
        match $self {
            Hasher::Md5($hasher) => $action,
            Hasher::Sha1($hasher) => $action,
            Hasher::Sha224($hasher) => $action,
            Hasher::Sha256($hasher) => $action,
            Hasher::Sha384($hasher) => $action,
            Hasher::Sha512($hasher) => $action,
            Hasher::Sha3_256($hasher) => $action,
            Hasher::Sha3_512($hasher) => $action,
        }
    };
}

impl Hasher {
    /// Starts a digest.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha224 => Self::Sha224(Sha224::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
            Algorithm::Sha3_256 => Self::Sha3_256(Sha3_256::new()),
            Algorithm::Sha3_512 => Self::Sha3_512(Sha3_512::new()),
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        each!(self, hasher => Digest::update(hasher, bytes));
    }

    /// The digest in lower-case hex.
    pub fn finish(self) -> String {
        each!(self, hasher => hex(&hasher.finalize()))
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A digest that must come out as announced.
#[derive(Debug, Clone)]
pub struct Check {
    algorithm: Algorithm,
    expected: String,
    hasher: Hasher,
}

impl Check {
    /// Expects `expected` (hex, any case).
    pub fn new(algorithm: Algorithm, expected: &str) -> Self {
        Self { algorithm, expected: expected.to_ascii_lowercase(), hasher: Hasher::new(algorithm) }
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Compares; `what` names the digested thing in the error: `payload`, `file usr/bin/x`.
    pub fn finish(self, what: &str) -> Result<(), Error> {
        let found = self.hasher.finish();
        if found == self.expected {
            return Ok(());
        }
        Err(Error::Digest { digest: self.algorithm.name(), what: what.to_owned(), expected: self.expected, found })
    }
}

/// Passes bytes through and adds them to its checks.
#[derive(Debug)]
pub struct CheckedReader<R> {
    inner: R,
    checks: Checks,
    bytes: u64,
}

impl<R: Read> CheckedReader<R> {
    /// Each check comes with the name of what it covers.
    pub fn new(inner: R, checks: Vec<(Check, &'static str)>) -> Self {
        Self { inner, checks: Checks::Here(checks), bytes: 0 }
    }

    /// Bytes that have passed.
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// Compares all digests and hands back the inner reader. Call it at the end of the stream.
    pub fn finish(self) -> Result<R, Error> {
        for (check, what) in self.checks.complete()? {
            check.finish(what)?;
        }
        Ok(self.inner)
    }
}

impl<R: Read> Read for CheckedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        self.checks.update(&buffer[..count], self.bytes);
        Ok(count)
    }
}

/// Checks of one stream: computed here, or for a long stream by a thread beside the one that decodes and compresses.
#[derive(Debug)]
enum Checks {
    Here(Vec<(Check, &'static str)>),
    Beside(Beside),
}

#[derive(Debug)]
struct Beside {
    /// Bytes on their way to the thread, sent when there are enough.
    batch: Vec<u8>,
    batches: SyncSender<Vec<u8>>,
    thread: JoinHandle<Vec<(Check, &'static str)>>,
}

/// Bytes after which a stream gets a thread for its digests: below, starting one costs more than it saves.
const LONG_STREAM_BYTES: u64 = 1 << 20;
/// Bytes of a batch, and how many may wait: 1 MiB in all.
const BATCH_BYTES: usize = 256 << 10;
const WAITING_BATCHES: usize = 3;

impl Checks {
    fn update(&mut self, bytes: &[u8], total: u64) {
        match self {
            Self::Here(checks) => {
                for (check, _) in checks.iter_mut() {
                    check.update(bytes);
                }
                if total > LONG_STREAM_BYTES && !checks.is_empty() {
                    *self = Self::Beside(Beside::start(std::mem::take(checks)));
                }
            }
            Self::Beside(beside) => beside.update(bytes),
        }
    }

    /// All checks, with every byte taken in.
    fn complete(self) -> Result<Vec<(Check, &'static str)>, Error> {
        match self {
            Self::Here(checks) => Ok(checks),
            Self::Beside(beside) => beside.complete(),
        }
    }
}

impl Beside {
    fn start(mut checks: Vec<(Check, &'static str)>) -> Self {
        let (batches, incoming) = sync_channel::<Vec<u8>>(WAITING_BATCHES);
        let thread = std::thread::spawn(move || {
            for batch in incoming {
                for (check, _) in &mut checks {
                    check.update(&batch);
                }
            }
            checks
        });
        Self { batch: Vec::with_capacity(BATCH_BYTES), batches, thread }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.batch.extend_from_slice(bytes);
        if self.batch.len() >= BATCH_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_BYTES));
        // The thread ends only with the channel. Had it died, joining it in `complete` says so.
        let _ = self.batches.send(batch);
    }

    fn complete(mut self) -> Result<Vec<(Check, &'static str)>, Error> {
        self.send();
        drop(self.batches);
        self.thread.join().map_err(|_| Error::malformed("payload", "its digests could not be computed"))
    }
}

/// Digests that the headers announce for what follows them.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// What was verified of the headers themselves, by name: `header SHA256`.
    pub headers: Vec<&'static str>,
    /// Of the compressed payload (PAYLOADSHA256, PAYLOADSHA512, PAYLOADSHA3_256).
    pub payload: Vec<(Algorithm, String)>,
    /// Of the uncompressed archive (the same, `…ALT`).
    pub archive: Vec<(Algorithm, String)>,
    /// Bytes of header and compressed payload together (SIGSIZE, LONGSIGSIZE).
    pub header_and_payload_bytes: Option<u64>,
    /// Algorithm of FILEDIGESTS.
    pub files: Algorithm,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_algorithm_gives_its_published_digest_of_abc() {
        // First bytes of the examples in RFC 1321 and FIPS 180-4, 202.
        for (number, start) in [
            (1, "900150983cd24fb0"),
            (2, "a9993e364706816a"),
            (8, "ba7816bf8f01cfea"),
            (9, "cb00753f45a35e8b"),
            (10, "ddaf35a193617aba"),
            (11, "23097d223405d822"),
            (12, "3a985da74fe225b2"),
            (14, "b751850b1a57168a"),
        ] {
            let mut hasher = Hasher::new(Algorithm::from_number(number).unwrap());
            hasher.update(b"abc");
            assert!(hasher.finish().starts_with(start), "algorithm {number}");
        }
    }

    #[test]
    fn a_check_accepts_upper_case_and_refuses_a_wrong_digest() {
        let mut good = Check::new(Algorithm::Md5, "900150983CD24FB0D6963F7D28E17F72");
        good.update(b"abc");
        good.finish("x").unwrap();
        let bad = Check::new(Algorithm::Md5, "900150983CD24FB0D6963F7D28E17F72");
        assert!(matches!(bad.finish("x"), Err(Error::Digest { digest: "MD5", .. })));
    }

    #[test]
    fn a_long_stream_gets_the_same_digest_as_a_short_one() {
        let bytes: Vec<u8> = (0..3 << 20).map(|number: u32| (number % 251) as u8).collect();
        let mut whole = Hasher::new(Algorithm::Sha1);
        whole.update(&bytes);
        let expected = whole.finish();
        for (expected, is_right) in [(expected.as_str(), true), ("00", false)] {
            let checks = vec![(Check::new(Algorithm::Sha1, expected), "x")];
            let mut reader = CheckedReader::new(bytes.as_slice(), checks);
            io::copy(&mut reader, &mut io::sink()).unwrap();
            assert_eq!(reader.bytes_read(), bytes.len() as u64);
            assert_eq!(reader.finish().is_ok(), is_right);
        }
    }
}
