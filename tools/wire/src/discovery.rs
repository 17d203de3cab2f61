//! Finding a console on a link where nobody told its address: the partition asks all, a console answers with a signature.
//!
//! ```text
//! question, 176 bytes                        answer, 156 bytes
//!  0  "lpDQ"                                  0  "lpDA"
//!  4  1        version of this form           4  1
//!  5  0 0 0                                   5  0
//!  8  nonce    32 random bytes                6  port       TCP, u16
//! 40  zeros                                   8  nonce      the question's, 32 bytes
//!                                            40  address    IPv6, 16 bytes; IPv4 is mapped
//!                                            56  key        Ed25519, 32 bytes
//!                                            88  0 0 0 0
//!                                            92  signature  64 bytes
//! ```
//!
//! The zeros make a question longer than its answer: nobody can use a console to send more than he sent himself. What is signed
//! is `SIGNED_FOR` and bytes 0 to 91 of the answer, so no old answer, and none from elsewhere, fits a new question.

use std::net::{IpAddr, Ipv6Addr};

use thiserror::Error;

use crate::key::{PrivateKey, PublicKey, SIGNATURE_BYTES};
use crate::tls::{KeyRefused, Trust};

/// Where questions go, on the management adapter: link-local, not assigned by anybody ("LPAR" in its last bytes).
pub const GROUP: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x4c50, 0x4152);

/// The port of the session, of heartbeats and of questions.
pub const PORT: u16 = 657;

/// Bytes of a question.
pub const QUESTION_BYTES: usize = 176;
/// Bytes of an answer.
pub const ANSWER_BYTES: usize = 156;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 32;

/// Stands before what is signed, so that the signature says nothing in any other place.
const SIGNED_FOR: &[u8] = b"lparkit console discovery, version 1\0";

const QUESTION_START: [u8; 8] = *b"lpDQ\x01\0\0\0";
const ANSWER_START: [u8; 6] = *b"lpDA\x01\0";
const SIGNED_BYTES: usize = ANSWER_BYTES - SIGNATURE_BYTES;

/// Why a datagram is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejected {
    /// Another length, another beginning or another form.
    #[error("no answer to a question for consoles")]
    NoAnswer,
    /// To another question.
    #[error("an answer to another question")]
    OtherQuestion,
    /// From a console that is not trusted.
    #[error("an answer that cannot be believed")]
    Untrusted(#[source] KeyRefused),
    /// The signature is not that of the key in it.
    #[error("a forged answer that claims to be of {0}")]
    Forged(PublicKey),
    /// An address that nobody can be called at.
    #[error("an answer with the address {0}, which is none of a console")]
    Address(IpAddr),
}

/// A console that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its key.
    pub key: PublicKey,
    /// Where to call it.
    pub address: IpAddr,
    /// Its TCP port.
    pub port: u16,
}

/// A question that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    nonce: [u8; NONCE_BYTES],
}

impl Question {
    /// A new one, from randomness that nobody else has.
    pub fn new(nonce: [u8; NONCE_BYTES]) -> Self {
        Self { nonce }
    }

    /// The question in a datagram.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let (start, rest) = datagram.split_first_chunk::<8>()?;
        let (nonce, zeros) = rest.split_first_chunk::<NONCE_BYTES>()?;
        let whole = *start == QUESTION_START && datagram.len() == QUESTION_BYTES && zeros.iter().all(|byte| *byte == 0);
        whole.then_some(Self { nonce: *nonce })
    }

    /// Its datagram.
    pub fn datagram(&self) -> [u8; QUESTION_BYTES] {
        let mut datagram = [0; QUESTION_BYTES];
        datagram[..8].copy_from_slice(&QUESTION_START);
        datagram[8..8 + NONCE_BYTES].copy_from_slice(&self.nonce);
        datagram
    }

    /// A console's answer to it.
    pub fn answer(&self, own: &PrivateKey, address: IpAddr, port: u16) -> [u8; ANSWER_BYTES] {
        let mut datagram = [0; ANSWER_BYTES];
        datagram[..6].copy_from_slice(&ANSWER_START);
        datagram[6..8].copy_from_slice(&port.to_be_bytes());
        datagram[8..40].copy_from_slice(&self.nonce);
        datagram[40..56].copy_from_slice(&in_ipv6(address).octets());
        datagram[56..88].copy_from_slice(own.public().as_bytes());
        let signature = own.sign(&signed(&datagram));
        datagram[SIGNED_BYTES..].copy_from_slice(&signature);
        datagram
    }

    /// The console in a datagram, if it answers this question and is trusted.
    pub fn accept(&self, datagram: &[u8], trust: &Trust) -> Result<Found, Rejected> {
        let datagram: &[u8; ANSWER_BYTES] = datagram.try_into().map_err(|_| Rejected::NoAnswer)?;
        if datagram[..6] != ANSWER_START || datagram[88..SIGNED_BYTES] != [0; 4] {
            return Err(Rejected::NoAnswer);
        }
        if datagram[8..40] != self.nonce {
            return Err(Rejected::OtherQuestion);
        }
        let key = PublicKey::from_bytes(field(datagram, 56));
        trust.judge(key).map_err(Rejected::Untrusted)?;
        if !key.has_signed(&signed(datagram), &datagram[SIGNED_BYTES..]) {
            return Err(Rejected::Forged(key));
        }
        let address = Ipv6Addr::from(field::<16>(datagram, 40)).to_canonical();
        let port = u16::from_be_bytes(field(datagram, 6));
        if address.is_unspecified() || address.is_multicast() || port == 0 {
            return Err(Rejected::Address(address));
        }
        Ok(Found { key, address, port })
    }
}

fn in_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn signed(datagram: &[u8; ANSWER_BYTES]) -> Vec<u8> {
    [SIGNED_FOR, &datagram[..SIGNED_BYTES]].concat()
}

fn field<const N: usize>(datagram: &[u8; ANSWER_BYTES], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&datagram[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from_seed(&[seed; 32]).unwrap()
    }

    fn pinned(seed: u8) -> Trust {
        Trust::Pinned([key(seed).public()].into())
    }

    const CONSOLE: &str = "fe80::4c:50ff:fe00:0";

    #[test]
    fn a_trusted_console_is_found() {
        let question = Question::new([7; 32]);
        let heard = Question::parse(&question.datagram()).unwrap();
        for address in [CONSOLE, "192.0.2.1"] {
            let address = address.parse().unwrap();
            let answer = heard.answer(&key(1), address, PORT);
            let found = Found { key: key(1).public(), address, port: PORT };
            assert_eq!(question.accept(&answer, &pinned(1)), Ok(found));
            assert_eq!(question.accept(&answer, &Trust::FirstUse), Ok(found));
        }
        const { assert!(ANSWER_BYTES < QUESTION_BYTES, "no amplification") };
    }

    #[test]
    fn an_answer_to_an_older_question_or_of_a_stranger_is_passed_over() {
        let (old, new) = (Question::new([7; 32]), Question::new([8; 32]));
        let answer = old.answer(&key(1), CONSOLE.parse().unwrap(), PORT);
        assert_eq!(new.accept(&answer, &pinned(1)), Err(Rejected::OtherQuestion));
        let stranger = Rejected::Untrusted(KeyRefused::Untrusted(key(1).public()));
        assert_eq!(old.accept(&answer, &pinned(2)), Err(stranger));
        // A stranger who puts the console's key into his answer.
        let mut forged = old.answer(&key(2), CONSOLE.parse().unwrap(), PORT);
        forged[56..88].copy_from_slice(key(1).public().as_bytes());
        assert_eq!(old.accept(&forged, &pinned(1)), Err(Rejected::Forged(key(1).public())));
    }

    #[test]
    fn nobody_is_called_at_an_address_that_is_none() {
        let question = Question::new([7; 32]);
        for (address, port) in [("::", PORT), ("0.0.0.0", PORT), ("ff02::1", PORT), ("224.0.0.1", PORT), (CONSOLE, 0)] {
            let address = address.parse().unwrap();
            let answer = question.answer(&key(1), address, port);
            assert_eq!(question.accept(&answer, &pinned(1)), Err(Rejected::Address(address)));
        }
    }

    proptest! {
        #[test]
        fn a_garbled_answer_is_none(bit in 0_usize..ANSWER_BYTES * 8, cut in 0_usize..ANSWER_BYTES) {
            let question = Question::new([7; 32]);
            let mut answer = question.answer(&key(1), CONSOLE.parse().unwrap(), PORT);
            prop_assert_eq!(question.accept(&answer[..cut], &pinned(1)), Err(Rejected::NoAnswer));
            answer[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(question.accept(&answer, &pinned(1)).is_err());
        }

        #[test]
        fn a_garbled_question_is_none_or_another(bit in 0_usize..QUESTION_BYTES * 8, cut in 0_usize..QUESTION_BYTES) {
            let question = Question::new([7; 32]);
            let mut datagram = question.datagram();
            prop_assert_eq!(Question::parse(&datagram[..cut]), None);
            datagram[bit / 8] ^= 1 << (bit % 8);
            let in_nonce = (8..40).contains(&(bit / 8));
            prop_assert_eq!(Question::parse(&datagram).is_some(), in_nonce);
            prop_assert_ne!(Question::parse(&datagram), Some(question));
        }
    }
}
