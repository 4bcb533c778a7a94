//! TLS files: where a face's certificate, its key and the authorities of its clients are, and what they hold.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::TlsError;

/// The longest file that is read, in bytes: a revocation list of some hundred thousand certificates.
const LONGEST: u64 = 16 << 20;

/// The files of one face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// Whose certificates clients may show; `None` where none is asked for.
    pub clients: Option<ClientFiles>,
}

/// The files by which clients are recognized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The authorities, in PEM.
    pub authorities: PathBuf,
    /// Lists of revoked certificates, in PEM or DER.
    pub revoked: Vec<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// What the files of a face hold.
pub(super) struct FileContents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) clients: Option<ClientContents>,
}

/// What the files for clients hold.
pub(super) struct ClientContents {
    pub(super) authorities: Vec<u8>,
    pub(super) revoked: Vec<Vec<u8>>,
    pub(super) required: bool,
}

impl fmt::Debug for FileContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One of them is a key.
        f.write_str("FileContents")
    }
}

impl CertificateFiles {
    /// Reads every file.
    pub(super) fn read(&self) -> Result<FileContents, TlsError> {
        let clients = match &self.clients {
            None => None,
            Some(clients) => Some(clients.read()?),
        };
        Ok(FileContents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            clients,
        })
    }
}

impl ClientFiles {
    /// Reads every file.
    pub(super) fn read(&self) -> Result<ClientContents, TlsError> {
        let revoked = self.revoked.iter().map(|path| read(path));
        Ok(ClientContents {
            authorities: read(&self.authorities)?,
            revoked: revoked.collect::<Result<_, _>>()?,
            required: self.required,
        })
    }
}

impl FileContents {
    /// Equal where all files hold the same.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| digest.update(Sha256::digest(bytes));
        add(&self.certificate);
        add(&self.key);
        if let Some(clients) = &self.clients {
            add(&clients.authorities);
            for list in &clients.revoked {
                add(list);
            }
        }
        digest.finalize().into()
    }
}

/// Reads a file of bounded length.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let fail = |why: &dyn fmt::Display| TlsError::of_file(path, why);
    let file = File::open(path).map_err(|error| fail(&error))?;
    let mut bytes = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
    read.map_err(|error| fail(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(fail(&format_args!("longer than {LONGEST} bytes")));
    }
    Ok(bytes)
}
