//! TLS of HTTP clients: the authorities they trust, and the certificate they show.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::AccessError;
use super::secret::read_file;
use crate::config::StoreAccess;

/// The configuration of an HTTP client, if an authority for the servers is given.
pub fn http_tls(access: &StoreAccess) -> Result<Option<TlsConfig>, AccessError> {
    let Some(authorities) = &access.authorities else {
        return Ok(None);
    };
    let config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(certificates(authorities)?)));
    let Some((certificate, key)) = &access.certificate else {
        return Ok(Some(config.build()));
    };
    let no_key = |_| AccessError(format!("{} holds no key in PEM", key.display()));
    let pem = PrivateKey::from_pem(&read_file(key)?).map_err(no_key)?;
    let own = ClientCert::new_with_certs(&certificates(certificate)?, pem);
    Ok(Some(config.client_cert(Some(own)).build()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, AccessError> {
    let pem = read_file(path)?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let why = format!("{} holds no certificate in PEM", path.display());
        return Err(AccessError(why));
    }
    Ok(found)
}
