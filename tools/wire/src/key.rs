//! Ed25519 keys: who a partition or a console is. Their text is `ed25519:BASE64`, their file is PKCS#8, as openssl makes it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::digest;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

const KEY_BYTES: usize = 32;
/// Bytes of randomness that a private key is made from.
pub const SEED_BYTES: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
const TEXT_PREFIX: &str = "ed25519:";

/// What stands before the key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What stands before the seed in a PKCS#8 file (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why something is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not `ed25519:` and 32 bytes in base64.
    #[error("{0:?} is no public key; one looks like ed25519:GbKIVKk6y1BxhULOTQ9SpJ8UHwg9SBmnBFpdi1lJkKI=")]
    Text(String),
    /// Not PKCS#8 of an Ed25519 key.
    #[error(
        "no private key: not an Ed25519 key in PKCS#8 (DER); `openssl genpkey -algorithm ed25519 -outform DER` makes one"
    )]
    Pkcs8,
}

/// What a peer is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    /// A key from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What people compare by eye: `SHA256:` and the hash of the 32 bytes in base64, in the way of OpenSSH.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(digest::digest(&digest::SHA256, &self.0)))
    }

    /// Whether the holder of the private key signed this.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    /// The form that TLS carries.
    pub(crate) fn to_spki(self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }

    /// From the form that TLS carries; no other kind of key.
    pub(crate) fn from_spki(spki: &[u8]) -> Option<Self> {
        spki.strip_prefix(&SPKI_PREFIX)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{TEXT_PREFIX}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.strip_prefix(TEXT_PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
        let key = bytes.and_then(|bytes| bytes.try_into().ok());
        key.map(Self).ok_or_else(|| KeyError::Text(text.to_owned()))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What a peer proves who it is with. Its `Debug` shows the public half only.
pub struct PrivateKey {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
}

impl PrivateKey {
    /// A new key from 32 bytes that nobody can guess.
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        Self::from_pkcs8([&PKCS8_PREFIX[..], seed].concat())
    }

    /// A key from the bytes of its file.
    pub fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).map_err(|_| KeyError::Pkcs8)?;
        Ok(Self { pair, pkcs8 })
    }

    /// The bytes of its file, which is to be readable by its owner only.
    pub fn as_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = [0; SIGNATURE_BYTES];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey of {}", self.public())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    /// RFC 8032, section 7.1, test 2.
    const SEED: [u8; 32] = [
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a,
        0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb,
    ];
    const PUBLIC: [u8; 32] = [
        0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98,
        0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c,
    ];

    #[test]
    fn a_seed_gives_the_key_of_the_rfc() {
        let key = PrivateKey::from_seed(&SEED).unwrap();
        assert_eq!(key.public().as_bytes(), &PUBLIC);
        assert_eq!(key.public().to_string(), "ed25519:PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=");
        assert_eq!(key.public().fingerprint(), "SHA256:OfcT0KZEJT8EUpQhufUbmwiXnQgpWVnE85kO5hf1E58");
        assert_eq!(key.sign(&[0x72])[..4], [0x92, 0xa0, 0x09, 0xa9], "its signature begins so too");
        assert_eq!(PrivateKey::from_pkcs8(key.as_pkcs8().to_vec()).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains("4c"), "a private key does not show itself: {key:?}");
    }

    #[test]
    fn what_openssl_generates_is_a_key_and_other_bytes_are_none() {
        // openssl genpkey -algorithm ed25519 -outform DER | xxd -p
        let mut file = PKCS8_PREFIX.to_vec();
        assert_eq!(PrivateKey::from_pkcs8(file.clone()).unwrap_err(), KeyError::Pkcs8, "no seed");
        file.extend_from_slice(&SEED);
        assert!(PrivateKey::from_pkcs8(file.clone()).is_ok());
        file[11] ^= 1;
        assert_eq!(PrivateKey::from_pkcs8(file).unwrap_err(), KeyError::Pkcs8, "another algorithm");
    }

    #[test]
    fn a_text_that_is_not_exactly_a_key_is_refused() {
        let right = PublicKey(PUBLIC).to_string();
        let wrong = [
            "",
            "ed25519:",
            "ed25519:AAAA",
            &right[8..],
            &right[..right.len() - 1],
            &right.replace("ed25519", "ED25519"),
            &format!(" {right}"),
            &format!("{right}\n"),
            &right.replace('=', "A="),
        ];
        for text in wrong {
            assert_eq!(text.parse::<PublicKey>(), Err(KeyError::Text(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn text_and_tls_carry_a_key_there_and_back(bytes: [u8; 32]) {
            let key = PublicKey(bytes);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            prop_assert_eq!(PublicKey::from_spki(&key.to_spki()), Some(key));
            prop_assert_eq!(PublicKey::from_spki(&key.to_spki()[1..]), None);
        }

        #[test]
        fn a_signature_is_of_one_message_by_one_key(seed: [u8; 32], message: Vec<u8>, flipped in 0_usize..512) {
            let key = PrivateKey::from_seed(&seed).unwrap();
            let mut signature = key.sign(&message);
            prop_assert!(key.public().has_signed(&message, &signature));
            prop_assert!(!key.public().has_signed(&[&message[..], b"x"].concat(), &signature));
            prop_assert!(!PublicKey(PUBLIC).has_signed(&message, &signature));
            signature[flipped / 8] ^= 1 << (flipped % 8);
            prop_assert!(!key.public().has_signed(&message, &signature));
        }
    }
}
