//! Fields of certificates, as far as a client is named by them.

use std::fmt::Write as _;
use std::net::IpAddr;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::model::{CertificateAuthority, ClientCertificate};

/// What a client's certificate says; `None` where a part of it that could name the client cannot be read.
pub(super) fn client(
    certificate: &CertificateDer<'_>,
    authority: &CertificateAuthority,
) -> Option<ClientCertificate> {
    let parsed = parse(certificate)?;
    let mut client = ClientCertificate {
        authority: authority.clone(),
        fingerprint: hex(Sha256::digest(certificate).as_slice()),
        serial: serial(&parsed),
        not_after: parsed.validity().not_after.timestamp(),
        ..ClientCertificate::default()
    };
    for name in parsed.subject().iter_common_name() {
        client.common_names.push(name.as_str().ok()?.to_owned());
    }
    let Some(names) = parsed.subject_alternative_name().ok()? else {
        return Some(client);
    };
    for name in &names.value.general_names {
        match name {
            GeneralName::DNSName(name) => client.dns_names.push((*name).to_owned()),
            GeneralName::URI(uri) => client.uris.push((*uri).to_owned()),
            GeneralName::IPAddress(bytes) => client.ip_addresses.push(address(bytes)?),
            // A name that cannot be read may be the one that matters.
            GeneralName::Invalid(..) => return None,
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::RegisteredID(_) => {}
        }
    }
    Some(client)
}

/// Who an authority is.
pub(super) fn authority(certificate: &CertificateDer<'_>) -> Option<CertificateAuthority> {
    Some(CertificateAuthority {
        subject: parse(certificate)?.subject().to_string(),
        fingerprint: hex(Sha256::digest(certificate).as_slice()),
    })
}

/// The last second in which a certificate is valid, since 1970-01-01 UTC.
pub(super) fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    Some(parse(certificate)?.validity().not_after.timestamp())
}

/// When the list that follows a list of revoked certificates is due, since 1970-01-01 UTC; `None` where it does not say.
pub(super) fn next_update(list: &[u8]) -> Option<i64> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    list.next_update().map(|due| due.timestamp())
}

/// The key of a certificate's bearer, as signatures are verified by it.
pub(super) fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = parse(certificate)?;
    Some(parsed.public_key().subject_public_key.data.to_vec())
}

/// Whether a list of revoked certificates was signed by the bearer of this key.
pub(super) fn is_signed_by(
    list: &[u8],
    key: &[u8],
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    let Ok((_, list)) = CertificateRevocationList::from_der(list) else {
        return false;
    };
    let (signed, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
    let mut all = algorithms.all.iter();
    all.any(|one| one.verify_signature(key, signed, signature).is_ok())
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (rest, parsed) = X509Certificate::from_der(certificate).ok()?;
    rest.is_empty().then_some(parsed)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| sixteen()).ok()
}

fn serial(certificate: &X509Certificate<'_>) -> String {
    let digits = hex(certificate.raw_serial());
    let shown = digits.trim_start_matches('0');
    if shown.is_empty() { "0" } else { shown }.to_owned()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _never = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, SanType, SerialNumber};

    use super::*;

    fn certificate(names: Vec<SanType>, serial: &[u8]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn read(certificate: &CertificateDer<'_>) -> Option<ClientCertificate> {
        client(certificate, &CertificateAuthority::default())
    }

    #[test]
    fn serial_numbers_are_shown_without_leading_zeros() {
        let shown = |serial: &[u8]| read(&certificate(Vec::new(), serial)).unwrap().serial;
        assert_eq!(shown(&[0x0a, 0xbc]), "abc");
        // A zero stands before it in DER, as it would be negative.
        assert_eq!(shown(&[0xff]), "ff");
    }

    #[test]
    fn a_name_that_cannot_be_read_spoils_the_certificate() {
        let names = ["a.example", "b.example"].map(|name| {
            let name = name.try_into().unwrap();
            SanType::DnsName(name)
        });
        let good = certificate(names.to_vec(), &[1]);
        assert_eq!(read(&good).unwrap().dns_names, ["a.example", "b.example"]);
        let at = good.windows(9).position(|part| part == b"b.example");
        let mut bad = good.to_vec();
        bad[at.unwrap()] = 0xff;
        assert_eq!(read(&bad.into()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(changes in prop::collection::vec(any::<(u16, u8)>(), 1..6)) {
            let names = vec![
                SanType::IpAddress([10, 0, 0, 1].into()),
                SanType::URI("spiffe://a/b".try_into().unwrap()),
            ];
            let mut bytes = certificate(names, &[1]).to_vec();
            for (at, byte) in changes {
                let at = usize::from(at) % bytes.len();
                bytes[at] = byte;
            }
            let _read = read(&bytes.clone().into());
            let _due = next_update(&bytes);
        }
    }
}
