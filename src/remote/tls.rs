//! TLS of clients: connections to servers whose certificates the given authorities signed.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CipherSuite, ClientConfig, RootCertStore, SupportedCipherSuite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::AccessError;
use crate::config::StoreAccess;

/// The TLS configuration: the trusted authorities, and the client certificate.
#[derive(Clone)]
pub struct ClientTls(TlsConnector);

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientTls")
    }
}

impl ClientTls {
    /// The configuration, if an authority for the servers is given.
    pub fn new(access: &StoreAccess) -> Result<Option<Self>, AccessError> {
        let Some(path) = &access.authorities else {
            return Ok(None);
        };
        let invalid = |path: &Path, why: &dyn std::fmt::Display| {
            AccessError(format!("{}: {why}", path.display()))
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|why| invalid(path, &why))?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .map_err(|why| invalid(path, &why))?
            .with_root_certificates(roots);
        let config = match &access.certificate {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let pem = PrivateKeyDer::from_pem_file(key);
                let no_key = |_| AccessError(format!("{} holds no key in PEM", key.display()));
                config
                    .with_client_auth_cert(certificates(certificate)?, pem.map_err(no_key)?)
                    .map_err(|why| invalid(certificate, &why))?
            }
        };
        Ok(Some(Self(TlsConnector::from(Arc::new(config)))))
    }

    /// Encrypts a connection to a server, HOST:PORT.
    pub async fn encrypt(
        &self,
        server: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        self.0.connect(name, stream).await
    }
}

/// The ciphers in the order in which Go's clients ask for them, whom Docker's are: AES with the shorter key first.
fn provider() -> CryptoProvider {
    let mut provider = default_provider();
    let is_later = |suite: &SupportedCipherSuite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        )
    };
    provider.cipher_suites.sort_by_key(is_later);
    provider
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let no_certificate = || AccessError(format!("{} holds no certificate in PEM", path.display()));
    let found =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(no_certificate()),
    }
}
