//! Credentials for etcd and the authorities that vouch for it, in files that are read again when they change.

use std::fmt;
use std::path::{Path, PathBuf};

use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::store::StoreError;

/// Credentials of the gateway, and the authorities that vouch for etcd.
#[derive(Clone, Default)]
pub struct Access {
    /// Authorities that may vouch for etcd, in PEM; the system's where only `certificate` is given.
    pub authorities: Option<PathBuf>,
    /// The gateway's certificate and its key, in PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The gateway's user name and its password.
    pub user: Option<(String, Password)>,
}

/// A password, or the file that has it.
#[derive(Clone)]
pub enum Password {
    /// In a file, as its first line.
    File(PathBuf),
    /// The password itself.
    Text(String),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("authorities", &self.authorities)
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The contents of the TLS files.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    authorities: Option<Vec<u8>>,
    certificate: Option<(Vec<u8>, Vec<u8>)>,
}

fn read(path: &Path) -> Result<Vec<u8>, StoreError> {
    std::fs::read(path)
        .map_err(|error| StoreError(format!("etcd: cannot read {}: {error}", path.display())))
}

impl Access {
    /// Whether connections are encrypted.
    pub(crate) fn is_tls(&self) -> bool {
        self.authorities.is_some() || self.certificate.is_some()
    }

    /// Reads the TLS files.
    pub(crate) fn tls_files(&self) -> Result<TlsFiles, StoreError> {
        Ok(TlsFiles {
            authorities: self.authorities.as_deref().map(read).transpose()?,
            certificate: match &self.certificate {
                Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
                None => None,
            },
        })
    }

    /// The user name, and the password as its file has it now.
    pub(crate) fn credentials(&self) -> Result<Option<(String, String)>, StoreError> {
        let Some((user, password)) = &self.user else {
            return Ok(None);
        };
        let password = match password {
            Password::Text(text) => text.clone(),
            Password::File(path) => {
                let text = String::from_utf8_lossy(&read(path)?).into_owned();
                text.lines().next().unwrap_or_default().to_owned()
            }
        };
        Ok(Some((user.clone(), password)))
    }
}

impl TlsFiles {
    pub(crate) fn config(&self) -> ClientTlsConfig {
        let mut config = ClientTlsConfig::new();
        config = match &self.authorities {
            Some(pem) => config.ca_certificate(Certificate::from_pem(pem)),
            None => config.with_native_roots(),
        };
        if let Some((certificate, key)) = &self.certificate {
            config = config.identity(Identity::from_pem(certificate, key));
        }
        config
    }
}
