//! TLS in memory: which keys make a session, and what each side says when they do not.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};
use wire::channel::{Channel, ChannelError};
use wire::heartbeat::{Heartbeats, Side};
use wire::key::{PrivateKey, PublicKey};
use wire::tls::{
    KeyRefused, TlsError, Trust, console_config, console_connection, partition_config, partition_connection,
};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32]).unwrap()
}

fn pinned(keys: &[&PrivateKey]) -> Trust {
    Trust::Pinned(keys.iter().map(|key| key.public()).collect::<BTreeSet<PublicKey>>())
}

fn ends(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> (Channel, Channel) {
    (Channel::new(partition_connection(client).unwrap()), Channel::new(console_connection(server).unwrap()))
}

/// Carries bytes both ways until none are left; the first failure of each side.
fn converse(partition: &mut Channel, console: &mut Channel) -> (Option<ChannelError>, Option<ChannelError>) {
    let (mut partition_failure, mut console_failure) = (None, None);
    loop {
        let carried =
            carry(partition, console, &mut console_failure) + carry(console, partition, &mut partition_failure);
        if carried == 0 {
            return (partition_failure, console_failure);
        }
    }
}

fn carry(from: &mut Channel, to: &mut Channel, failure: &mut Option<ChannelError>) -> usize {
    let bytes = from.output().to_vec();
    from.written(bytes.len());
    let mut input = bytes.as_slice();
    while failure.is_none() {
        match to.next_message(&mut input) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => *failure = Some(error),
        }
    }
    bytes.len()
}

fn tls(failure: Option<ChannelError>) -> TlsError {
    let Some(ChannelError::Tls(error)) = failure else { panic!("{failure:?}") };
    error
}

#[test]
fn two_sides_that_know_each_other_have_a_session_and_the_same_heartbeat_keys() {
    let (lpar, hmc) = (key(1), key(2));
    let client = partition_config(&lpar, pinned(&[&hmc])).unwrap();
    let (mut partition, mut console) = ends(client, console_config(&hmc, pinned(&[&key(9), &lpar])).unwrap());
    assert_eq!(console.peer().unwrap(), None, "not yet");
    let failures = converse(&mut partition, &mut console);
    assert!(matches!(failures, (None, None)), "{failures:?}");
    assert_eq!(partition.peer().unwrap(), Some(hmc.public()));
    assert_eq!(console.peer().unwrap(), Some(lpar.public()));

    partition.send(b"\0\0\0\x02{}").unwrap();
    let bytes = partition.output().to_vec();
    assert!(!bytes.windows(2).any(|window| window == b"{}"), "it is encrypted");
    assert_eq!(console.next_message(&mut bytes.as_slice()).unwrap(), Some(b"{}".to_vec()));

    let mut beats = Heartbeats::new(&partition.heartbeat_secret().unwrap(), Side::Partition, 3).unwrap();
    let mut other = Heartbeats::new(&console.heartbeat_secret().unwrap(), Side::Console, 3).unwrap();
    assert!(other.open(&beats.seal().unwrap()).is_ok());
    assert!(beats.open(&other.seal().unwrap()).is_ok());
}

#[test]
fn a_partition_with_an_unknown_key_is_refused_and_learns_why() {
    let (lpar, hmc, stranger) = (key(1), key(2), key(3));
    let client = partition_config(&stranger, pinned(&[&hmc])).unwrap();
    let (mut partition, mut console) = ends(client, console_config(&hmc, pinned(&[&lpar])).unwrap());
    let (at_partition, at_console) = converse(&mut partition, &mut console);
    assert!(matches!(tls(at_partition), TlsError::OurKeyRefused));
    let refused = tls(at_console);
    let TlsError::Refused(KeyRefused::Untrusted(shown)) = refused else { panic!("{refused:?}") };
    assert_eq!(shown, stranger.public());
    assert!(console.heartbeat_secret().is_err());
}

#[test]
fn a_console_with_an_unknown_key_is_refused_and_learns_why() {
    let (lpar, hmc, stranger) = (key(1), key(2), key(3));
    let client = partition_config(&lpar, pinned(&[&hmc])).unwrap();
    let (mut partition, mut console) = ends(client, console_config(&stranger, pinned(&[&lpar])).unwrap());
    let (at_partition, at_console) = converse(&mut partition, &mut console);
    let refused = tls(at_partition);
    assert!(matches!(refused, TlsError::Refused(KeyRefused::Untrusted(shown)) if shown == stranger.public()));
    assert!(matches!(tls(at_console), TlsError::OurKeyRefused));
    assert_eq!(console.peer().unwrap(), None);
}

#[test]
fn nobody_is_trusted_where_nobody_is_pinned_and_anybody_where_first_use_is_chosen() {
    let (lpar, hmc) = (key(1), key(2));
    let client = partition_config(&lpar, pinned(&[])).unwrap();
    let (mut partition, mut console) = ends(client, console_config(&hmc, pinned(&[&lpar])).unwrap());
    assert!(matches!(tls(converse(&mut partition, &mut console).0), TlsError::Refused(_)));

    let client = partition_config(&lpar, Trust::FirstUse).unwrap();
    let (mut partition, mut console) = ends(client, console_config(&hmc, Trust::FirstUse).unwrap());
    assert!(matches!(converse(&mut partition, &mut console), (None, None)));
    assert_eq!(partition.peer().unwrap(), Some(hmc.public()), "the key to be pinned");
}

#[test]
fn a_client_without_a_key_or_without_our_protocol_is_refused() {
    let (lpar, hmc) = (key(1), key(2));
    let good = partition_config(&lpar, pinned(&[&hmc])).unwrap();

    let mut other_protocol = (*good).clone();
    other_protocol.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (mut partition, mut console) = ends(other_protocol.into(), console_config(&hmc, pinned(&[&lpar])).unwrap());
    let (at_partition, at_console) = converse(&mut partition, &mut console);
    assert!(matches!(tls(at_partition), TlsError::OtherProtocol(_)));
    assert!(matches!(tls(at_console), TlsError::OtherProtocol(_)));

    let mut no_protocol = (*good).clone();
    no_protocol.alpn_protocols.clear();
    let (mut partition, mut console) = ends(no_protocol.into(), console_config(&hmc, pinned(&[&lpar])).unwrap());
    assert!(matches!(converse(&mut partition, &mut console), (None, None)), "TLS leaves that to us");
    assert!(matches!(console.peer(), Err(ChannelError::Tls(TlsError::OtherProtocol(_)))));

    let mut keyless = (*good).clone();
    keyless.client_auth_cert_resolver = Arc::new(Keyless);
    let (mut partition, mut console) = ends(keyless.into(), console_config(&hmc, pinned(&[&lpar])).unwrap());
    let (at_partition, at_console) = converse(&mut partition, &mut console);
    assert!(matches!(tls(at_partition), TlsError::OurKeyRefused));
    assert!(matches!(tls(at_console), TlsError::NoKey));
}

/// Says that it has raw keys and has none.
#[derive(Debug)]
struct Keyless;

impl rustls::client::ResolvesClientCert for Keyless {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn who_shows_the_right_key_without_holding_it_is_refused() {
    let (lpar, hmc, thief) = (key(1), key(2), key(3));
    let mut client = (*partition_config(&thief, pinned(&[&hmc])).unwrap()).clone();
    client.client_auth_cert_resolver = Arc::new(Stolen { shown: lpar.public(), held: thief });
    let (mut partition, mut console) = ends(client.into(), console_config(&hmc, pinned(&[&lpar])).unwrap());
    assert!(matches!(tls(converse(&mut partition, &mut console).1), TlsError::Failed(_)));
}

/// Shows one key and signs with another.
#[derive(Debug)]
struct Stolen {
    shown: PublicKey,
    held: PrivateKey,
}

impl rustls::client::ResolvesClientCert for Stolen {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        let spki =
            [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &self.shown.as_bytes()[..]];
        let held = rustls::pki_types::PrivatePkcs8KeyDer::from(self.held.as_pkcs8());
        let key = rustls::crypto::ring::sign::any_eddsa_type(&held).unwrap();
        Some(Arc::new(rustls::sign::CertifiedKey::new(vec![spki.concat().into()], key)))
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn bytes_that_are_no_tls_end_it() {
    let (lpar, hmc) = (key(1), key(2));
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], &[0; 100], b"\0\0\0\x02{}"] {
        let config = console_config(&hmc, pinned(&[&lpar])).unwrap();
        let mut console = Channel::new(console_connection(config).unwrap());
        let failure = console.next_message(&mut &garbage[..]).err();
        assert!(matches!(tls(failure), TlsError::OtherProtocol(_)));
    }
}

#[test]
fn a_peer_that_does_not_read_cannot_make_the_output_grow_without_end() {
    let (lpar, hmc) = (key(1), key(2));
    let client = partition_config(&lpar, pinned(&[&hmc])).unwrap();
    let (mut partition, mut console) = ends(client, console_config(&hmc, pinned(&[&lpar])).unwrap());
    converse(&mut partition, &mut console);
    let frame = wire::frame::encode(&vec![b' '; wire::frame::MAX_BYTES]).unwrap();
    let refused = (0..10).map(|_| console.send(&frame)).find_map(Result::err);
    assert!(matches!(refused, Some(ChannelError::PeerDoesNotRead(_))));
    assert!(console.output().len() <= wire::channel::MAX_UNSENT_BYTES + 64 * 1024, "records have some bytes more");
}
