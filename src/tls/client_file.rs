//! Certificate of a client in a file, verified as in a handshake.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::authorities::ClientAuthorities;
use super::error::TlsError;
use super::files::{ClientFiles, read};
use super::state::now;
use crate::model::ClientCertificate;

impl ClientFiles {
    /// What a client would prove with the certificate in a file, which is in PEM, followed by those between it and its
    /// authority. Fails where a handshake would, and where a file cannot be read.
    pub fn verify(&self, certificate: &Path) -> Result<Arc<ClientCertificate>, TlsError> {
        let fail = |why: &str| TlsError::of_file(certificate, &why);
        let bytes = read(certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let chain = chain.map_err(|_| fail("it holds something that is no certificate in PEM"))?;
        if chain.is_empty() {
            return Err(fail("it holds no certificate in PEM"));
        }
        let algorithms = default_provider().signature_verification_algorithms;
        let authorities = ClientAuthorities::parse(self, &self.read()?, algorithms)?;
        let verified = authorities
            .verify(&chain, now())
            .map_err(|error| fail(&format!("no client can show it: {error}")))?;
        Ok(verified.certificate)
    }
}
