//! Authorities of clients: whose certificates are accepted, and which of them are revoked.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use rustls::{CertificateError, DistinguishedName, OtherError};
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use super::error::TlsError;
use super::fields;
use super::files::{ClientContents, ClientFiles};
use super::revocation::RevocationLists;
use crate::model::{CertificateAuthority, ClientCertificate};

/// How many certificates are remembered as verified.
const REMEMBERED: usize = 4_096;

/// The first byte of a list in DER; one in PEM begins with text.
const SEQUENCE: u8 = 0x30;

/// The authorities of one reading of the files.
#[derive(Debug)]
pub(super) struct ClientAuthorities {
    /// Those that are valid longest first, so that a renewed one goes before its predecessor.
    authorities: Vec<Authority>,
    anchors: Vec<TrustAnchor<'static>>,
    /// Their names, which clients get.
    pub(super) names: Vec<DistinguishedName>,
    revoked: RevocationLists,
    /// When the first list of revoked certificates is due again, since 1970-01-01 UTC.
    pub(super) lists_due: Option<i64>,
    /// Whether a client without a certificate is refused.
    pub(super) required: bool,
    algorithms: WebPkiSupportedAlgorithms,
    /// What was verified, by the hash of the chain: clients that reconnect show the same.
    verified: Mutex<HashMap<[u8; 32], VerifiedClient>>,
}

#[derive(Debug)]
struct Authority {
    anchor: TrustAnchor<'static>,
    name: CertificateAuthority,
    /// By which its signatures are verified.
    key: Vec<u8>,
    not_after: i64,
}

/// A client whose certificate is valid.
#[derive(Clone, Debug)]
pub(super) struct VerifiedClient {
    pub(super) certificate: Arc<ClientCertificate>,
    /// The last second in which every certificate of its chain is valid, since 1970-01-01 UTC.
    pub(super) until: i64,
}

impl ClientAuthorities {
    /// Parses what the files hold. A bundle without an authority is refused, and so is a list that cannot be read.
    pub(super) fn parse(
        files: &ClientFiles,
        contents: &ClientContents,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Result<Self, TlsError> {
        let mut authorities = parse_authorities(files, contents)?;
        authorities.sort_by_key(|authority| std::cmp::Reverse(authority.not_after));
        let (revoked, lists_due) = parse_lists(files, contents, &authorities, &algorithms)?;
        let subject = |authority: &Authority| {
            DistinguishedName::in_sequence(authority.anchor.subject.as_ref())
        };
        Ok(Self {
            names: authorities.iter().map(subject).collect(),
            anchors: authorities.iter().map(|one| one.anchor.clone()).collect(),
            authorities,
            revoked,
            lists_due,
            required: contents.required,
            algorithms,
            verified: Mutex::default(),
        })
    }

    /// Verifies a client's chain, its own certificate first: signatures, dates, its use for clients, and revocation of
    /// each certificate of the chain. A list that is overdue still revokes what it names.
    pub(super) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<VerifiedClient, CertificateError> {
        let key = hash(chain);
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let known = self.verified.lock().get(&key).cloned();
        if let Some(known) = known.filter(|known| seconds <= known.until) {
            return Ok(known);
        }
        let verified = self.verify_anew(chain, now, seconds)?;
        let mut remembered = self.verified.lock();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, verified.clone());
        Ok(verified)
    }

    fn verify_anew(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
        seconds: i64,
    ) -> Result<VerifiedClient, CertificateError> {
        let (own, between) = chain.split_first().ok_or(CertificateError::BadEncoding)?;
        let parsed = EndEntityCert::try_from(own).map_err(refusal)?;
        let (anchors, verifying) = (self.anchors.as_slice(), (&self.algorithms, now));
        let path = self.revoked.verify(&parsed, (anchors, between), verifying);
        let path = path.map_err(refusal)?;
        let anchor = path.anchor();
        let authority = self.authorities.iter().find(|one| one.anchor == *anchor);
        let authority = authority.ok_or(CertificateError::UnknownIssuer)?;
        let between = path.intermediate_certificates().map(webpki::Cert::der);
        let dates = between.map(|one| fields::not_after(&one));
        let certificate =
            fields::client(own, &authority.name).ok_or(CertificateError::BadEncoding)?;
        let mut until = certificate.not_after.min(authority.not_after);
        for date in dates {
            until = until.min(date.ok_or(CertificateError::BadEncoding)?);
        }
        // The path says nothing of the dates of the authority itself.
        if until < seconds {
            return Err(CertificateError::Expired);
        }
        Ok(VerifiedClient {
            certificate: Arc::new(certificate),
            until,
        })
    }
}

fn parse_authorities(
    files: &ClientFiles,
    contents: &ClientContents,
) -> Result<Vec<Authority>, TlsError> {
    let fail = |why: &str| TlsError::of_file(&files.authorities, &why);
    let certificates = CertificateDer::pem_slice_iter(&contents.authorities);
    let certificates = certificates.collect::<Result<Vec<_>, _>>();
    let certificates =
        certificates.map_err(|_| fail("it holds something that is no certificate in PEM"))?;
    if certificates.is_empty() {
        return Err(fail("it holds no certificate in PEM"));
    }
    certificates
        .iter()
        .map(|certificate| {
            let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?;
            Some(Authority {
                anchor: anchor.to_owned(),
                name: fields::authority(certificate)?,
                key: fields::public_key(certificate)?,
                not_after: fields::not_after(certificate)?,
            })
        })
        .collect::<Option<_>>()
        .ok_or_else(|| fail("a certificate in it cannot be read"))
}

/// The lists of revoked certificates, and when the first of them is due to be replaced.
fn parse_lists(
    files: &ClientFiles,
    contents: &ClientContents,
    authorities: &[Authority],
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(RevocationLists, Option<i64>), TlsError> {
    let key = |one: &Authority| (one.anchor.subject.as_ref().to_vec(), one.key.clone());
    let keys: Vec<_> = authorities.iter().map(key).collect();
    let (mut revoked, mut first_due) = (RevocationLists::default(), None);
    for (path, bytes) in files.revoked.iter().zip(&contents.revoked) {
        let lists = lists(bytes);
        let lists = lists.ok_or_else(|| {
            TlsError::of_file(path, &"it holds no list of revoked certificates (CRL)")
        })?;
        for list in lists {
            revoked.add(&list, &keys, algorithms).map_err(|error| {
                TlsError::of_file(path, &format_args!("a list (CRL) cannot be used: {error}"))
            })?;
            let due = fields::next_update(&list);
            first_due = first_due.into_iter().chain(due).min();
        }
    }
    Ok((revoked, first_due))
}

/// The lists in a file, in PEM or DER; `None` where there is none.
fn lists(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    if bytes.first() == Some(&SEQUENCE) {
        return Some(vec![bytes.to_vec()]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(bytes);
    let lists = lists.map(|list| list.map(|list| list.to_vec()));
    let lists = lists.collect::<Result<Vec<_>, _>>().ok()?;
    (!lists.is_empty()).then_some(lists)
}

fn hash(chain: &[CertificateDer<'_>]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for certificate in chain {
        digest.update(Sha256::digest(certificate));
    }
    digest.finalize().into()
}

/// What TLS sends the client, and what the metric counts.
fn refusal(error: webpki::Error) -> CertificateError {
    use webpki::Error as E;
    if matches!(error, E::CertExpired { .. } | E::InvalidCertValidity) {
        CertificateError::Expired
    } else if matches!(error, E::CertNotValidYet { .. }) {
        CertificateError::NotValidYet
    } else if matches!(error, E::CertRevoked) {
        CertificateError::Revoked
    } else if matches!(error, E::UnknownIssuer) {
        CertificateError::UnknownIssuer
    } else if matches!(error, E::InvalidSignatureForPublicKey) {
        CertificateError::BadSignature
    } else if matches!(error, E::RequiredEkuNotFoundContext(_)) {
        CertificateError::InvalidPurpose
    } else if matches!(error, E::BadDer | E::BadDerTime | E::TrailingData(_)) {
        CertificateError::BadEncoding
    } else {
        CertificateError::Other(OtherError(Arc::new(error)))
    }
}
