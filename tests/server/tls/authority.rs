//! Certificates for tests, made in memory.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: CertificateDer<'static>,
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

/// What is asked of an authority.
pub(crate) struct Wanted {
    pub(crate) name: &'static str,
    pub(crate) names: Vec<SanType>,
    pub(crate) usage: Vec<ExtendedKeyUsagePurpose>,
    pub(crate) serial: u64,
    /// In seconds since 1970.
    pub(crate) not_before: Option<u64>,
    pub(crate) not_after: Option<u64>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self {
            issuer,
            certificate,
        }
    }

    pub(crate) fn issue(&self, wanted: Wanted) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        if !wanted.name.is_empty() {
            let name = (DnType::CommonName, wanted.name);
            params.distinguished_name.push(name.0, name.1);
        }
        params.subject_alt_names = wanted.names;
        params.extended_key_usages = wanted.usage;
        params.serial_number = Some(SerialNumber::from(wanted.serial));
        if let Some(seconds) = wanted.not_after {
            params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        }
        if let Some(seconds) = wanted.not_before {
            params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }

    /// A certificate for 127.0.0.1.
    pub(crate) fn server(&self) -> Issued {
        self.issue(Wanted {
            name: "server",
            names: vec![SanType::IpAddress([127, 0, 0, 1].into())],
            usage: vec![ExtendedKeyUsagePurpose::ServerAuth],
            serial: 1,
            not_before: None,
            not_after: None,
        })
    }

    /// A client's certificate.
    pub(crate) fn client(&self, name: &'static str, serial: u64) -> Issued {
        self.issue(Wanted {
            name,
            names: Vec::new(),
            usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
            serial,
            not_before: None,
            not_after: None,
        })
    }

    /// A list of revoked certificates, in DER; overdue since 2021.
    pub(crate) fn revoked(&self, serials: &[u64]) -> Vec<u8> {
        let then = date_time_ymd(2020, 1, 1);
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: then,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: then,
            next_update: date_time_ymd(2021, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }
}

impl Issued {
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    pub(crate) fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
