//! The target: the servers under load, with TLS, credentials and the addresses that connections come from.

mod bind;
mod connect;
mod protocol;
mod turn;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

pub use bind::{BindRange, InvalidRange};
pub use protocol::TargetProtocol;

use crate::config::{BenchUrl, SourceAccess, SourceUrl, StoreAccess};
use crate::remote::{AccessError, ClientTls, read_password};

/// The servers under load.
#[derive(Clone, Debug)]
pub struct LoadTarget {
    /// The protocol.
    pub protocol: TargetProtocol,
    /// The servers: interchangeable, connections are spread over them and move on when one fails.
    pub servers: Vec<TargetServer>,
    /// The node that holds all keys (ZooKeeper), or the namespace (Kubernetes): empty, or with a leading slash.
    pub chroot: String,
    /// The secrets.
    pub credentials: TargetCredentials,
    /// Whether HTTP clients ask for compressed answers, as Go's do.
    pub accepts_gzip: bool,
    /// The source addresses of connections; the kernel chooses where there are none.
    pub bind: Option<BindRange>,
    /// One for each certificate that clients show, in turn; none where nothing is encrypted.
    tls: Vec<ClientTls>,
}

/// A server under load.
#[derive(Clone, Debug)]
pub struct TargetServer {
    /// HOST:PORT as given.
    pub name: String,
    /// Its address.
    pub address: SocketAddr,
}

/// The secrets of a client.
#[derive(Clone, Default)]
pub struct TargetCredentials {
    /// Consul's token.
    pub token: Option<String>,
    /// User and password.
    pub user: Option<(String, String)>,
    /// The files of TLS, for clients that read them on their own.
    pub files: SourceAccess,
}

impl std::fmt::Debug for TargetCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TargetCredentials")
    }
}

/// Why a target cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A file of its credentials cannot be read.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// A name does not resolve.
    #[error("cannot resolve {0}: {1}")]
    Name(String, String),
    /// A server is on another machine.
    #[error(
        "{0} ({1}) is not on this machine: a load test can stop a server for all its clients; give --allow-remote if \
         that is what you want"
    )]
    Remote(String, IpAddr),
    /// A kind of URL that is not a server.
    #[error("not a server")]
    NotAServer,
}

impl LoadTarget {
    /// Resolves the servers and reads the credentials. Addresses other than loopback are refused unless `allow_remote`.
    pub async fn resolve(
        url: &SourceUrl,
        access: &SourceAccess,
        bind: Option<BindRange>,
        allow_remote: bool,
    ) -> Result<Self, TargetError> {
        let (protocol, names, chroot) = match url {
            SourceUrl::Consul(one) => (TargetProtocol::Consul, vec![one.clone()], String::new()),
            SourceUrl::Etcd2(all) => (TargetProtocol::Etcd2, all.clone(), String::new()),
            SourceUrl::Etcd3(all) => (TargetProtocol::Etcd3, all.clone(), String::new()),
            SourceUrl::ZooKeeper(all, chroot) => {
                (TargetProtocol::ZooKeeper, all.clone(), chroot.clone())
            }
            SourceUrl::Store(_) => return Err(TargetError::NotAServer),
        };
        Self::of(protocol, names, chroot, access, bind, allow_remote).await
    }

    /// The same of any server that can be put under load.
    pub async fn resolve_any(
        url: &BenchUrl,
        access: &SourceAccess,
        bind: Option<BindRange>,
        allow_remote: bool,
    ) -> Result<Self, TargetError> {
        match url {
            BenchUrl::Source(url) => Self::resolve(url, access, bind, allow_remote).await,
            BenchUrl::ApiServer(server, namespace) => {
                let (protocol, chroot) = (TargetProtocol::Kubernetes, format!("/{namespace}"));
                let names = vec![server.clone()];
                Self::of(protocol, names, chroot, access, bind, allow_remote).await
            }
        }
    }

    async fn of(
        protocol: TargetProtocol,
        names: Vec<String>,
        chroot: String,
        access: &SourceAccess,
        bind: Option<BindRange>,
        allow_remote: bool,
    ) -> Result<Self, TargetError> {
        let mut servers = Vec::new();
        for name in names {
            let address = resolve(&name).await?;
            if !allow_remote && !address.ip().to_canonical().is_loopback() {
                return Err(TargetError::Remote(name, address.ip()));
            }
            servers.push(TargetServer { name, address });
        }
        let token = access.token.as_ref().map(read_password).transpose()?;
        let user = match &access.access.user {
            Some((name, password)) => Some((name.clone(), read_password(password)?)),
            None => None,
        };
        Ok(Self {
            protocol,
            servers,
            chroot,
            credentials: TargetCredentials {
                token,
                user,
                files: access.clone(),
            },
            accepts_gzip: true,
            bind,
            tls: ClientTls::new(&access.access)?.into_iter().collect(),
        })
    }

    /// The same whose clients show the certificates of a directory one after another: each `NAME.crt` with its `NAME.key`.
    ///
    /// # Errors
    ///
    /// Where there are none or one cannot be used, or the authorities of the servers are not given.
    pub fn showing_certificates(self, directory: &Path) -> Result<Self, TargetError> {
        let files = &self.credentials.files.access;
        let unusable = |why: &str| AccessError(format!("{}: {why}", directory.display()));
        if files.authorities.is_none() {
            return Err(unusable("certificates are shown over TLS: give --tls-ca").into());
        }
        if files.certificate.is_some() {
            return Err(unusable("either several certificates or --tls-cert").into());
        }
        let read = directory
            .read_dir()
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let read = read.map_err(|error| unusable(&error.to_string()))?;
        let mut found: Vec<_> = read.into_iter().map(|file| file.path()).collect();
        found.retain(|path| path.extension().is_some_and(|ends| ends == "crt"));
        found.sort_unstable();
        let mut all = Vec::with_capacity(found.len());
        for certificate in found {
            let key = certificate.with_extension("key");
            let access = StoreAccess {
                certificate: Some((certificate, key)),
                ..files.clone()
            };
            all.extend(ClientTls::new(&access)?);
        }
        if all.is_empty() {
            return Err(unusable("no certificates (NAME.crt with NAME.key)").into());
        }
        Ok(Self { tls: all, ..self })
    }

    /// Whether connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        !self.tls.is_empty()
    }

    /// How the connection of a number is encrypted, if it is.
    fn tls(&self, number: u64) -> Option<&ClientTls> {
        let count = u64::try_from(self.tls.len()).ok()?;
        let place = usize::try_from(number.checked_rem(count)?).ok()?;
        self.tls.get(place)
    }

    /// The target as text, without secrets.
    pub fn name(&self) -> String {
        let servers: Vec<_> = self
            .servers
            .iter()
            .map(|server| server.name.as_str())
            .collect();
        let (protocol, servers) = (self.protocol.scheme(), servers.join(","));
        format!("{protocol}://{servers}{}", self.chroot)
    }
}

async fn resolve(name: &str) -> Result<SocketAddr, TargetError> {
    let failed = |why: String| TargetError::Name(name.to_owned(), why);
    let mut found = tokio::net::lookup_host(name)
        .await
        .map_err(|error| failed(error.to_string()))?;
    found
        .next()
        .ok_or_else(|| failed("it has no address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(text: &str, allow_remote: bool) -> Result<LoadTarget, TargetError> {
        let url = SourceUrl::Consul(text.to_owned());
        LoadTarget::resolve(&url, &SourceAccess::default(), None, allow_remote).await
    }

    #[tokio::test]
    async fn another_machine_is_refused_unless_allowed() {
        for loopback in ["127.0.0.1:8500", "127.9.9.9:1", "[::1]:8500"] {
            assert!(of(loopback, false).await.is_ok(), "{loopback}");
        }
        for remote in ["10.0.0.1:8500", "[2001:db8::1]:8500", "[::ffff:10.0.0.1]:1"] {
            let refused = of(remote, false).await.unwrap_err();
            assert!(refused.to_string().contains("--allow-remote"), "{refused}");
            assert!(of(remote, true).await.is_ok());
        }
        assert!(of("0.0.0.0:8500", false).await.is_err());
    }

    #[tokio::test]
    async fn a_target_prints_without_secrets() {
        let mut target = of("127.0.0.1:8500", false).await.unwrap();
        target.credentials.token = Some("hidden".to_owned());
        assert_eq!(target.name(), "consul://127.0.0.1:8500");
        assert!(!format!("{target:?}").contains("hidden"));
    }
}
