//! TLS of HTTP clients.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::config::SourceAccess;
use crate::remote::read_file;
use crate::transfer::Error;

/// The TLS configuration, if an authority for the servers is given.
pub(super) fn tls_config(access: &SourceAccess) -> Result<Option<TlsConfig>, Error> {
    let Some(authorities) = &access.access.authorities else {
        return Ok(None);
    };
    let config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(certificates(authorities)?)));
    let Some((certificate, key)) = &access.access.certificate else {
        return Ok(Some(config.build()));
    };
    let failed = |_| Error::Input(format!("{} holds no key in PEM", key.display()));
    let pem = PrivateKey::from_pem(&read_file(key)?).map_err(failed)?;
    let own = ClientCert::new_with_certs(&certificates(certificate)?, pem);
    Ok(Some(config.client_cert(Some(own)).build()))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let pem = read_file(path)?;
    let found: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let line = format!("{} holds no certificate in PEM", path.display());
        return Err(Error::Input(line));
    }
    Ok(found)
}
