//! `RevocationLists`: which certificates of clients are revoked.
//!
//! Every list counts. An authority may have several, and authorities of the same name have lists of their own: while one replaces
//! another, both are there.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    Cert, CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder,
    UnknownStatusPolicy, VerifiedPath,
};

use super::fields;

/// The lists of revoked certificates of one reading of the files.
#[derive(Debug, Default)]
pub(super) struct RevocationLists {
    lists: Vec<RevocationList>,
    /// Two of them have one issuer. `webpki` looks at the first list of an issuer, whatever others there are.
    share_issuers: bool,
}

#[derive(Debug)]
struct RevocationList {
    list: CertRevocationList<'static>,
    /// Of several authorities of its issuer's name, one has signed it. It says nothing of what the others have signed.
    is_of_namesake: bool,
}

/// By what a chain is verified: algorithms, and the time.
type Verifying<'a> = (&'a WebPkiSupportedAlgorithms, UnixTime);

impl RevocationLists {
    /// Adds a list in DER. `keys` are the names and the keys of the authorities.
    pub(super) fn add(
        &mut self,
        der: &[u8],
        keys: &[(Vec<u8>, Vec<u8>)],
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let list: CertRevocationList<'static> = OwnedCertRevocationList::from_der(der)?.into();
        let issuer = list.issuer();
        self.share_issuers |= self.lists.iter().any(|other| other.list.issuer() == issuer);
        let namesakes: Vec<_> = keys.iter().filter(|(name, _)| name == issuer).collect();
        let mut namesakes_keys = namesakes.iter().map(|(_, key)| key);
        let is_of_namesake = namesakes.len() > 1
            && namesakes_keys.any(|key| fields::is_signed_by(der, key, algorithms));
        self.lists.push(RevocationList {
            list,
            is_of_namesake,
        });
        Ok(())
    }

    /// The path from a client's certificate to one of the authorities, if no certificate of it is revoked.
    pub(super) fn verify<'p>(
        &self,
        own: &'p EndEntityCert<'_>,
        chain: (&'p [TrustAnchor<'_>], &'p [CertificateDer<'p>]),
        verifying: Verifying<'_>,
    ) -> Result<VerifiedPath<'p>, Error> {
        let all: Vec<_> = self.lists.iter().map(|one| &one.list).collect();
        let found = match path(own, chain, verifying, &all) {
            Ok(found) if !self.share_issuers => return Ok(found),
            Ok(found) => found,
            Err(error) if self.lists.is_empty() => return Err(error),
            // The list that refused it may be a namesake's.
            Err(_) => path(own, chain, verifying, &[])?,
        };
        self.check_each(own, &found, verifying)?;
        Ok(found)
    }

    /// Checks a path by each list of its issuers.
    fn check_each(
        &self,
        own: &EndEntityCert<'_>,
        found: &VerifiedPath<'_>,
        verifying: Verifying<'_>,
    ) -> Result<(), Error> {
        let between: Vec<_> = found.intermediate_certificates().map(Cert::der).collect();
        let chain = ([found.anchor().clone()], between);
        let issuers = found.intermediate_certificates().map(Cert::issuer);
        for issuer in issuers.chain([own.issuer()]) {
            let mut fits = false;
            let mut misfit = None;
            for one in self.lists.iter().filter(|one| one.list.issuer() == issuer) {
                let chain = (chain.0.as_slice(), chain.1.as_slice());
                match path(own, chain, verifying, &[&one.list]) {
                    Ok(_path) => fits = true,
                    Err(error) if !is_of_another_key(&error) => return Err(error),
                    Err(_namesakes) if one.is_of_namesake => {}
                    Err(error) => misfit = Some(error),
                }
            }
            // Whose list it is nobody can tell: it may be the issuer's own, changed on its way here.
            if let Some(error) = misfit.filter(|_| !fits) {
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Whether a list is refused because it is not signed by the key of the certificate's issuer.
fn is_of_another_key(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCrlSignatureForPublicKey
            | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
    )
}

/// The path from a client's certificate to one of the authorities, by these lists.
fn path<'p>(
    own: &'p EndEntityCert<'_>,
    (anchors, between): (&'p [TrustAnchor<'_>], &'p [CertificateDer<'p>]),
    (algorithms, now): Verifying<'_>,
    lists: &[&CertRevocationList<'_>],
) -> Result<VerifiedPath<'p>, Error> {
    own.verify_for_usage(
        algorithms.all,
        anchors,
        between,
        now,
        KeyUsage::client_auth(),
        options(lists),
        None,
    )
}

/// An authority without a list revokes nothing. An overdue list is believed as before: it is better that a certificate
/// revoked since is accepted than that nobody is, because a list was not delivered. Metric and log say that it is overdue.
fn options<'a>(lists: &'a [&'a CertRevocationList<'a>]) -> Option<RevocationOptions<'a>> {
    let options = RevocationOptionsBuilder::new(lists).ok()?;
    Some(
        options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Allow)
            .with_expiration_policy(ExpirationPolicy::Ignore)
            .build(),
    )
}
