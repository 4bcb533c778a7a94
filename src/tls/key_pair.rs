//! Key pair: a face's certificate with its chain, and the key that matches it.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use webpki::EndEntityCert;

use super::error::TlsError;
use super::fields;
use super::files::{CertificateFiles, FileContents};

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct KeyPair {
    pub(super) certified: Arc<CertifiedKey>,
    /// The last second in which the certificate is valid, since 1970-01-01 UTC.
    pub(super) not_after: i64,
}

impl KeyPair {
    /// Parses both files; refuses a key that is not the certificate's, as in the middle of their replacement.
    pub(super) fn parse(
        files: &CertificateFiles,
        contents: &FileContents,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let of_certificate = |why: &str| TlsError::of_file(&files.certificate, &why);
        let of_key = |why: &str| TlsError::of_file(&files.key, &why);
        let chain = CertificateDer::pem_slice_iter(&contents.certificate);
        let chain = chain.collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| of_certificate("it holds no certificate in PEM"))?;
        let own = chain
            .first()
            .ok_or_else(|| of_certificate("it holds no certificate in PEM"))?;
        let not_after = fields::not_after(own)
            .ok_or_else(|| of_certificate("its first certificate cannot be read"))?;
        // The parser's own message might repeat a line of the file.
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| of_key("it holds no key in PEM"))?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            if error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
                let certificate = files.certificate.display();
                of_key(&format!(
                    "it is not the key of the certificate in {certificate}"
                ))
            } else {
                of_key("its key, or the certificate, is of a kind that is not supported")
            }
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            not_after,
        })
    }

    /// Whether a client that connects to a host of this name or address accepts the certificate.
    pub(super) fn covers(&self, host: &str) -> bool {
        // `*.DOMAIN` stands for all names in a domain.
        let host = match host.strip_prefix("*.") {
            Some(domain) => format!("any.{domain}"),
            None => host.trim_matches(['[', ']']).to_owned(),
        };
        let Ok(name) = ServerName::try_from(host.as_str()) else {
            return false;
        };
        let own = self.certified.end_entity_cert();
        own.is_ok_and(|own| {
            EndEntityCert::try_from(own)
                .is_ok_and(|own| own.verify_is_valid_for_subject_name(&name).is_ok())
        })
    }
}
