//! TLS state: what one reading of a face's files makes; a change of the files makes another.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use super::authorities::{ClientAuthorities, VerifiedClient};
use super::error::TlsError;
use super::failure::CertificateRefusal;
use super::files::{CertificateFiles, FileContents};
use super::key_pair::KeyPair;
use super::tickets;
use super::verifier::Verifier;
use crate::model::time;

/// Tickets sent after a handshake: a client that wants another gets one with each connection.
const TICKETS: usize = 1;

/// A certificate, the authorities of clients, and keys for tickets.
#[derive(Debug)]
pub(super) struct TlsState {
    pub(super) config: Arc<ServerConfig>,
    pub(super) pair: KeyPair,
    pub(super) authorities: Option<Arc<ClientAuthorities>>,
    /// Of what the files held.
    pub(super) digest: [u8; 32],
}

impl TlsState {
    /// Makes one, for clients that speak one of these protocols (ALPN), or any where there is none.
    pub(super) fn new(
        files: &CertificateFiles,
        contents: &FileContents,
        protocols: &[&[u8]],
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let pair = KeyPair::parse(files, contents, &provider)?;
        let algorithms = provider.signature_verification_algorithms;
        let clients = files.clients.as_ref().zip(contents.clients.as_ref());
        let authorities =
            clients.map(|(files, held)| ClientAuthorities::parse(files, held, algorithms));
        let authorities = authorities.transpose()?.map(Arc::new);
        let config = config(&pair, authorities.as_ref(), &provider, protocols);
        let config = config.map_err(|error| TlsError::of_file(&files.certificate, &error))?;
        Ok(Self {
            config: Arc::new(config),
            pair,
            authorities,
            digest: contents.digest(),
        })
    }

    /// What a client proved by this chain, as far as this state knows now; `None` for an empty one.
    pub(super) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
    ) -> Result<Option<VerifiedClient>, CertificateRefusal> {
        let Some(authorities) = &self.authorities else {
            return Ok(None);
        };
        if chain.is_empty() {
            return Ok(None);
        }
        let verified = authorities.verify(chain, now());
        verified
            .map(Some)
            .map_err(|error| CertificateRefusal::of(&error))
    }
}

/// The wall clock, as certificates count.
pub(super) fn now() -> UnixTime {
    let ms = u64::try_from(time::unix_ms()).unwrap_or_default();
    UnixTime::since_unix_epoch(std::time::Duration::from_millis(ms))
}

fn config(
    pair: &KeyPair,
    authorities: Option<&Arc<ClientAuthorities>>,
    provider: &Arc<CryptoProvider>,
    protocols: &[&[u8]],
) -> Result<ServerConfig, rustls::Error> {
    let verifier: Arc<dyn ClientCertVerifier> = match authorities {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(authorities) => Arc::new(Verifier {
            authorities: Arc::clone(authorities),
            provider: Arc::clone(provider),
        }),
    };
    let resolver = SingleCertAndKey::from(Arc::clone(&pair.certified));
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    // Nothing is kept for clients that are gone: what resumes a session is in its ticket. There is no early data (0-RTT),
    // which anybody could send again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = tickets::tickets()?;
    config.send_tls13_tickets = TICKETS;
    config.max_early_data_size = 0;
    Ok(config)
}
