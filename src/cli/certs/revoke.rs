//! `kubekv certs revoke`: the authority's list of revoked certificates, `ca.crl`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};
use x509_parser::parse_x509_crl;
use x509_parser::pem::parse_x509_pem;

use super::advice;
use super::authority::{Authority, failed};
use super::files::{CertificateDirectory, replace_public};
use super::lifetime::{self, since_1970};
use crate::cli::exit::{CommandError, IO};

/// The file's name.
const LIST: &str = "ca.crl";

/// The options of `kubekv certs revoke`.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Certificates of this authority, in PEM; with none, the list is renewed as it is
    certificates: Vec<PathBuf>,
    /// The directory of the authority's files
    #[arg(long)]
    dir: PathBuf,
    /// How many days the list is current: renew it before
    #[arg(long, default_value_t = 30, value_parser = lifetime::parser())]
    days: u32,
}

/// Serial numbers and when each was revoked, in seconds since 1970.
#[derive(Debug, Default)]
struct RevokedSerials {
    serials: BTreeMap<Vec<u8>, u64>,
    /// The number of the list that they are from: each list has a higher one.
    number: u64,
}

impl Revoke {
    pub(super) fn write(self) -> Result<String, CommandError> {
        let Self {
            certificates,
            dir,
            days,
        } = self;
        let directory = CertificateDirectory::new(&dir, true)?;
        let authority = Authority::read(&directory)?;
        let list = directory.path(LIST);
        let mut revoked = RevokedSerials::read(&directory, &list, &authority)?;
        for path in certificates {
            let path = std::path::absolute(path)?;
            let serial = serial(&directory, &path, &authority)?;
            // The day of the first time stays.
            revoked.serials.entry(serial).or_insert_with(lifetime::now);
        }
        let lifetime = lifetime::from_now(days).within(authority.until);
        let signed = revoked
            .params(lifetime)
            .signed_by(&authority.issuer)
            .and_then(|signed| signed.pem())
            .map_err(|error| failed(&error))?;
        replace_public(&list, &signed)?;
        let count = revoked.serials.len();
        Ok(advice::of_list(&list, count, lifetime.until))
    }
}

impl RevokedSerials {
    /// What the list has; nothing where there is none yet.
    fn read(
        directory: &CertificateDirectory,
        path: &Path,
        authority: &Authority,
    ) -> Result<Self, CommandError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        // One that cannot be read is not replaced: what it revoked would be valid again.
        let wrong = |what: String| wrong(path, &what);
        let text = directory
            .read(path)
            .map_err(|error| CommandError::new(IO, error))?;
        let (_, pem) = parse_x509_pem(text.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let (_, list) = parse_x509_crl(&pem.contents).map_err(|error| wrong(error.to_string()))?;
        if list.issuer().as_raw() != authority.subject {
            return Err(wrong("the list of another authority".to_owned()));
        }
        let entries = list.iter_revoked_certificates().map(|entry| {
            let at = u64::try_from(entry.revocation_date.timestamp()).unwrap_or(0);
            (entry.raw_serial().to_vec(), at)
        });
        let number = list.crl_number().and_then(|number| number.try_into().ok());
        Ok(Self {
            serials: entries.collect(),
            number: number.unwrap_or(0),
        })
    }

    fn params(&self, lifetime: lifetime::CertificateLifetime) -> CertificateRevocationListParams {
        let epoch = date_time_ymd(1970, 1, 1);
        let revoked = self.serials.iter().map(|(serial, at)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: epoch + since_1970(*at),
            reason_code: None,
            invalidity_date: None,
        });
        CertificateRevocationListParams {
            this_update: epoch + since_1970(lifetime.from),
            next_update: epoch + since_1970(lifetime.until),
            crl_number: SerialNumber::from(self.number.saturating_add(1)),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
    }
}

/// The serial number of a certificate of this authority.
fn serial(
    directory: &CertificateDirectory,
    path: &Path,
    authority: &Authority,
) -> Result<Vec<u8>, CommandError> {
    let text = directory
        .read(path)
        .map_err(|error| CommandError::new(IO, error))?;
    let (_, pem) =
        parse_x509_pem(text.as_bytes()).map_err(|error| wrong(path, &error.to_string()))?;
    let certificate = pem
        .parse_x509()
        .map_err(|error| wrong(path, &error.to_string()))?;
    if certificate.issuer().as_raw() != authority.subject {
        return Err(wrong(path, "signed by another authority"));
    }
    Ok(certificate.raw_serial().to_vec())
}

fn wrong(path: &Path, what: &str) -> CommandError {
    CommandError::new(IO, format!("{}: {what}", path.display()))
}
