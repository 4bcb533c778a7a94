//! `Authority`: a certificate authority, its key, and what it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;

use super::files::CertificateDirectory;
use super::lifetime::{CertificateLifetime, since_1970};
use super::pair::Pair;
use crate::cli::exit::{CommandError, IO};

/// The name of its files, without their ending.
pub(super) const STEM: &str = "ca";

/// An authority whose files were read.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) issuer: Issuer<'static, KeyPair>,
    /// Its name as its certificate has it, in DER: that of the issuer in what it signed.
    pub(super) subject: Vec<u8>,
    /// The end of its certificate, in seconds since 1970.
    pub(super) until: u64,
}

impl Authority {
    /// Makes a new one; returns its fingerprint, too: the SHA-256 of its certificate in hexadecimal digits, by which a policy
    /// can name it.
    pub(super) fn generate(
        name: &str,
        lifetime: CertificateLifetime,
    ) -> Result<(Pair, String), CommandError> {
        let mut params = params(name, lifetime);
        // It signs clients and servers, and no other authority.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
        let digest = Sha256::digest(certificate.der());
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}"));
        let pair = Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            until: lifetime.until,
        };
        Ok((pair, fingerprint.collect()))
    }

    /// Reads the authority of a directory.
    pub(super) fn read(directory: &CertificateDirectory) -> Result<Self, CommandError> {
        let certificate = directory.path(&format!("{STEM}.crt"));
        let shown = certificate.display().to_string();
        let text = directory.read(&certificate).map_err(|error| {
            let hint = "kubekv certs ca --dir DIR makes an authority";
            CommandError::new(IO, format!("{error}; {hint}"))
        })?;
        let key_path = directory.path(&format!("{STEM}.key"));
        let key = directory
            .read(&key_path)
            .map_err(|error| CommandError::new(IO, error))?;
        let wrong = |path: &str, what: &str| CommandError::new(IO, format!("{path}: {what}"));
        let key = KeyPair::from_pem(&key)
            .map_err(|error| wrong(&key_path.display().to_string(), &error.to_string()))?;
        let (_, pem) =
            parse_x509_pem(text.as_bytes()).map_err(|error| wrong(&shown, &error.to_string()))?;
        let parsed = pem
            .parse_x509()
            .map_err(|error| wrong(&shown, &error.to_string()))?;
        if !parsed.is_ca() {
            return Err(wrong(&shown, "not the certificate of an authority"));
        }
        // What another key signs, nobody who trusts this certificate accepts.
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(wrong(&shown, "ca.key is the key of another certificate"));
        }
        let (subject, until) = (parsed.subject().as_raw().to_vec(), end(&parsed));
        let issuer = Issuer::from_ca_cert_pem(&text, key).map_err(|error| failed(&error))?;
        Ok(Self {
            issuer,
            subject,
            until,
        })
    }

    /// Signs a certificate for a new key.
    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        until: u64,
    ) -> Result<Pair, CommandError> {
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|error| failed(&error))?;
        Ok(Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            until,
        })
    }
}

/// A certificate with this common name, and no other names.
pub(super) fn params(name: &str, lifetime: CertificateLifetime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_1970(lifetime.from);
    params.not_after = epoch + since_1970(lifetime.until);
    params.use_authority_key_identifier_extension = true;
    params
}

pub(super) fn failed(error: &rcgen::Error) -> CommandError {
    CommandError::new(IO, format!("cannot make the certificate: {error}"))
}

fn end(certificate: &X509Certificate<'_>) -> u64 {
    u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0)
}
