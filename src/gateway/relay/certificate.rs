//! The relay certificate of a gateway: made at its start, signed by nobody, and recognised by its hash.
//!
//! The leader's hash is in the leader record, that of every other gateway in its member record
//! ([`crate::store::shared::Member`]). So a process that may write entries is trusted, and no other.

use std::fmt::Write as _;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

use crate::gateway::faces;
use crate::model::FaceName;

/// A certificate and its key.
#[derive(Debug)]
pub(in crate::gateway) struct RelayCertificate {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl RelayCertificate {
    /// Makes a new one.
    pub(in crate::gateway) fn new() -> Result<Self, rcgen::Error> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["kubekv".to_owned()])?;
        Ok(Self {
            certificate: cert.der().clone(),
            key: signing_key.serialize_der(),
            provider: Arc::new(ring::default_provider()),
        })
    }

    /// The hash by which other gateways know it.
    pub(in crate::gateway) fn fingerprint(&self) -> String {
        fingerprint(&self.certificate)
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }

    /// TLS for the leader. The handshake accepts any certificate whose key the client has; the member record says afterwards
    /// whose it is.
    pub(super) fn server(&self) -> Result<ServerConfig, Error> {
        let verifier = PinnedVerifier::new(None, &self.provider);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_single_cert(vec![self.certificate.clone()], self.key())?;
        config.alpn_protocols = faces::all().map(|face| face.alpn.to_vec()).collect();
        // No sessions are resumed: each connection shows its certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// TLS for a connection to the gateway with this certificate, for one of its faces.
    pub(super) fn client(&self, fingerprint: &str, face: FaceName) -> Result<ClientConfig, Error> {
        let verifier = PinnedVerifier::new(Some(fingerprint), &self.provider);
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(vec![self.certificate.clone()], self.key())?;
        config.alpn_protocols = vec![faces::row(face).alpn.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// The face that a handshake names.
pub(super) fn face(alpn: Option<&[u8]>) -> Option<FaceName> {
    let named = faces::all().find(|face| Some(face.alpn) == alpn);
    named.map(|face| face.name)
}

/// The SHA-256 of a certificate, in hexadecimal digits.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(certificate) {
        // Writing to a string does not fail.
        let _never = write!(text, "{byte:02x}");
    }
    text
}

/// A verifier that accepts a certificate by its hash, whatever its signer and its name.
#[derive(Debug)]
struct PinnedVerifier {
    /// `None` accepts any: the certificate is checked after the handshake.
    fingerprint: Option<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedVerifier {
    fn new(fingerprint: Option<&str>, provider: &CryptoProvider) -> Self {
        Self {
            fingerprint: fingerprint.map(str::to_owned),
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        match &self.fingerprint {
            Some(pinned) if *pinned != fingerprint(certificate) => Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// TLS 1.2 is not offered.
    fn too_old() -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(
            rustls::PeerIncompatible::Tls12NotOfferedOrEnabled,
        ))
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::too_old()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for PinnedVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::too_old()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
