//! TLS of the commands that ask a running gateway: the authorities they trust, and the certificate they show.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::crypto::ring::default_provider;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::cli::exit::{self, CommandError};

/// The files for TLS; with `--tls-ca` a gateway is reached over TLS.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct TlsArguments {
    /// The authorities of the gateway's certificate, in PEM: the gateway is asked over TLS
    #[arg(
        long = "tls-ca",
        id = "tls_ca",
        value_name = "FILE",
        env = "KUBEKV_CLIENT_CA"
    )]
    authorities: Option<PathBuf>,
    /// The certificate to show, in PEM
    #[arg(long = "tls-cert", id = "tls_cert", value_name = "FILE", env = "KUBEKV_CLIENT_CERT", requires_all = ["tls_ca", "tls_key"])]
    certificate: Option<PathBuf>,
    /// The key of --tls-cert, in PEM
    #[arg(
        long = "tls-key",
        id = "tls_key",
        value_name = "FILE",
        env = "KUBEKV_CLIENT_KEY",
        requires = "tls_cert"
    )]
    key: Option<PathBuf>,
}

impl TlsArguments {
    /// The scheme of the gateway's URLs.
    pub(super) fn scheme(&self) -> &'static str {
        if self.authorities.is_some() {
            "https"
        } else {
            "http"
        }
    }

    /// The configuration of an HTTP client.
    pub(super) fn config(&self) -> Result<TlsConfig, CommandError> {
        let Some(authorities) = &self.authorities else {
            return Ok(TlsConfig::default());
        };
        let config = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(certificates(authorities)?)));
        let Some((certificate, key)) = self.certificate.as_ref().zip(self.key.as_ref()) else {
            return Ok(config.build());
        };
        let pem = PrivateKey::from_pem(&read(key)?);
        let pem = pem.map_err(|_| unusable(key, "it holds no key in PEM"))?;
        let own = ClientCert::new_with_certs(&certificates(certificate)?, pem);
        Ok(config.client_cert(Some(own)).build())
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, CommandError> {
    let pem = read(path)?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(unusable(path, "it holds no certificate in PEM"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|error| unusable(path, &error.to_string()))
}

fn unusable(path: &Path, why: &str) -> CommandError {
    CommandError::new(exit::USAGE, format!("{}: {why}", path.display()))
}
