//! Credentials for etcd and the authorities that vouch for it, in files that are read again when they change.

use std::fmt;
use std::net::IpAddr;
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

    /// The first of these endpoints (HOST:PORT) that a password would be sent to in plaintext, over a network.
    pub(crate) fn exposed_endpoint<'a>(&self, endpoints: &'a [String]) -> Option<&'a str> {
        if self.is_tls() || self.user.is_none() {
            return None;
        }
        let mut endpoints = endpoints.iter().map(String::as_str);
        endpoints.find(|endpoint| !is_loopback(endpoint))
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

/// Whether an endpoint is on this machine.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_is_exposed_where_it_leaves_the_machine_in_plaintext() {
        let endpoints = [
            "127.0.0.1:1",
            "localhost:2",
            "[::1]:3",
            "10.0.0.1:4",
            "etcd:5",
        ];
        let endpoints = endpoints.map(str::to_owned);
        let mut access = Access::default();
        assert_eq!(access.exposed_endpoint(&endpoints), None, "no password");
        let password = Password::Text("secret".to_owned());
        access.user = Some(("kubekv".to_owned(), password));
        assert_eq!(access.exposed_endpoint(&endpoints), Some("10.0.0.1:4"));
        assert_eq!(access.exposed_endpoint(&endpoints[4..]), Some("etcd:5"));
        assert_eq!(access.exposed_endpoint(&endpoints[..3]), None);
        access.authorities = Some(PathBuf::from("/ca.pem"));
        assert_eq!(access.exposed_endpoint(&endpoints), None, "TLS");
    }
}
