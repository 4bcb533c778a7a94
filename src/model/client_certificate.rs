//! `ClientCertificate`: what a client proved with the certificate of its TLS connection.

use std::net::IpAddr;

/// The parts of a client's certificate that can name it, and who vouches for them. Its signatures, its dates and its
/// revocation were checked; which names it may bear was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The common names of the subject, in order; usually one.
    pub common_names: Vec<String>,
    /// The alternative names that are DNS names, as they are written.
    pub dns_names: Vec<String>,
    /// The alternative names that are IP addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// The alternative names that are URIs, as they are written; a SPIFFE identity is one.
    pub uris: Vec<String>,
    /// The authority of the bundle that vouches for it, at the end of its chain.
    pub authority: CertificateAuthority,
    /// The SHA-256 of the certificate, in 64 small hexadecimal digits.
    pub fingerprint: String,
    /// The serial number that its issuer gave it, in small hexadecimal digits without leading zeros.
    pub serial: String,
    /// The last second in which it is valid, since 1970-01-01 UTC.
    pub not_after: i64,
}

/// An authority of the bundle of client authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateAuthority {
    /// Its name, as RFC 4514 writes one: `CN=nodes, O=example`.
    pub subject: String,
    /// The SHA-256 of its certificate, in 64 small hexadecimal digits.
    pub fingerprint: String,
}
