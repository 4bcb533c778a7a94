//! TLS of the commands that ask a running gateway: the authorities they trust, and the certificate they show.

use std::path::PathBuf;

use clap::Args;
use kubekv::config::StoreAccess;
use kubekv::remote::{AccessError, http_tls};
use ureq::tls::TlsConfig;

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
        let access = StoreAccess {
            authorities: self.authorities.clone(),
            certificate: self.certificate.clone().zip(self.key.clone()),
            user: None,
        };
        let unusable = |error: AccessError| CommandError::new(exit::USAGE, error.0);
        Ok(http_tls(&access).map_err(unusable)?.unwrap_or_default())
    }
}
