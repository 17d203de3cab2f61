//! TLS 1.3 with raw public keys (RFC 7250): a peer is its Ed25519 key, and both sides say beforehand which keys they take.
//!
//! No certificates, no names, no dates: so there is nothing to expire on the day a partition must be moved, and no clock is
//! asked. No resumption: every session proves both keys.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ClientConnection, Resumption};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring as provider, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage, ServerConnection};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, Connection, DigitallySignedStruct, DistinguishedName, Error,
    OtherError, PeerIncompatible, ServerConfig, SignatureScheme,
};
use thiserror::Error;

use crate::key::{PrivateKey, PublicKey};

/// The name of the protocol in TLS (ALPN): a peer that wants something else is told so before a byte of it is read.
pub const PROTOCOL_NAME: &[u8] = b"lparkit-session";

/// TLS wants a name for the server. It is neither sent nor compared.
const NO_NAME: &str = "console.invalid";

/// Whom to believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// These keys and no others.
    Pinned(BTreeSet<PublicKey>),
    /// Any key, once: whoever chooses this keeps the key that was shown and pins it from then on.
    FirstUse,
}

impl Trust {
    /// Whether a key is believed.
    pub(crate) fn judge(&self, key: PublicKey) -> Result<(), KeyRefused> {
        match self {
            Self::Pinned(keys) if !keys.contains(&key) => Err(KeyRefused::Untrusted(key)),
            Self::Pinned(_) | Self::FirstUse => Ok(()),
        }
    }
}

/// A peer that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefused {
    /// It is not one of the pinned keys.
    #[error("{0} is not a trusted key")]
    Untrusted(PublicKey),
    /// It is no Ed25519 key.
    #[error("the peer showed no Ed25519 key")]
    NotEd25519,
}

/// Why there is no session.
#[derive(Debug, Error)]
pub enum TlsError {
    /// This side does not take the peer's key.
    #[error("the peer is refused")]
    Refused(#[source] KeyRefused),
    /// The peer did not show a key.
    #[error("the peer showed no key")]
    NoKey,
    /// The peer does not take this side's key.
    #[error("the peer refuses our key")]
    OurKeyRefused,
    /// The peer wants another protocol, or an older TLS, or certificates.
    #[error("the peer does not speak this protocol")]
    OtherProtocol(#[source] Error),
    /// Anything else.
    #[error("TLS failed")]
    Failed(#[source] Error),
}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        match &error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
                match cause.downcast_ref::<KeyRefused>() {
                    Some(refused) => Self::Refused(*refused),
                    None => Self::Failed(error),
                }
            }
            Error::NoCertificatesPresented => Self::NoKey,
            // A server that wants a key and gets none says `certificate_required`; one that knows another, the other two.
            Error::AlertReceived(
                AlertDescription::CertificateUnknown
                | AlertDescription::AccessDenied
                | AlertDescription::CertificateRequired,
            ) => Self::OurKeyRefused,
            Error::NoApplicationProtocol
            | Error::PeerIncompatible(_)
            | Error::AlertReceived(AlertDescription::NoApplicationProtocol | AlertDescription::ProtocolVersion)
            | Error::InvalidMessage(_) => Self::OtherProtocol(error),
            _ => Self::Failed(error),
        }
    }
}

/// The partition's side of new sessions.
pub fn partition_config(own: &PrivateKey, consoles: Trust) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_details(Arc::new(suites()), Arc::new(NoClock));
    let mut config = builder
        .with_protocol_versions(&[&TLS13])?
        .dangerous() // rustls's word for everything but certificates
        .with_custom_certificate_verifier(Arc::new(Pins::new(consoles)))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(certified(own)?)));
    config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The console's side of new sessions.
pub fn console_config(own: &PrivateKey, partitions: Trust) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_details(Arc::new(suites()), Arc::new(NoClock));
    let mut config = builder
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(Pins::new(partitions)))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified(own)?)));
    config.alpn_protocols = vec![PROTOCOL_NAME.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// A partition's connection that has not begun.
pub fn partition_connection(config: Arc<ClientConfig>) -> Result<Connection, TlsError> {
    let name = ServerName::try_from(NO_NAME).map_err(|_| Error::General(format!("{NO_NAME} is no name")))?;
    Ok(ClientConnection::new(config, name)?.into())
}

/// A console's connection that has not begun.
pub fn console_connection(config: Arc<ServerConfig>) -> Result<Connection, TlsError> {
    Ok(ServerConnection::new(config)?.into())
}

/// The peer of a connection whose handshake is over: its key, which it has proved to hold, if it also speaks this protocol.
pub(crate) fn peer(connection: &Connection) -> Result<PublicKey, TlsError> {
    if connection.alpn_protocol() != Some(PROTOCOL_NAME) {
        return Err(TlsError::OtherProtocol(Error::NoApplicationProtocol));
    }
    let spki = connection.peer_certificates().and_then(<[_]>::first).ok_or(TlsError::NoKey)?;
    PublicKey::from_spki(spki).ok_or(TlsError::Refused(KeyRefused::NotEd25519))
}

/// One key exchange, two ciphers, one kind of signature. ChaCha20 first: ring has no assembler for Power, and in portable code
/// it is the faster one.
fn suites() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
        ],
        kx_groups: vec![provider::kx_group::X25519],
        ..provider::default_provider()
    }
}

fn certified(own: &PrivateKey) -> Result<Arc<CertifiedKey>, TlsError> {
    let key = provider::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(own.as_pkcs8()))?;
    Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(own.public().to_spki())], key)))
}

/// Raw keys have no dates; rustls asks for the time of day and passes it on.
#[derive(Debug)]
struct NoClock;

impl TimeProvider for NoClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::ZERO))
    }
}

/// Takes the keys that are trusted.
struct Pins {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pins {
    fn new(trust: Trust) -> Self {
        Self { trust, algorithms: provider::default_provider().signature_verification_algorithms }
    }

    fn judge(&self, spki: &CertificateDer<'_>) -> Result<(), Error> {
        let key = PublicKey::from_spki(spki).ok_or(KeyRefused::NotEd25519);
        let judged = key.and_then(|key| self.trust.judge(key));
        judged.map_err(|why| Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why)))))
    }

    fn verify(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(
            message,
            &SubjectPublicKeyInfoDer::from(spki.as_ref()),
            signed,
            &self.algorithms,
        )
    }
}

fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(PeerIncompatible::Tls12NotOffered.into())
}

impl fmt::Debug for Pins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pins of {:?}", self.trust)
    }
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _key: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, key, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
