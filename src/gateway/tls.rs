//! TLS of a gateway: that of each face and the admin port, and whether their certificates carry the gateway's names.

use std::collections::HashMap;

use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

use super::error::Error;
use super::faces;
use crate::config::{Config, TlsOptions};
use crate::model::FaceName;
use crate::tls::{CertificateFiles, ClientFiles, HandshakeBounds, ServerTls, TlsMetrics};

/// The TLS of what clients connect to; those that speak plaintext are missing.
#[derive(Clone, Debug)]
pub(super) struct GatewayTls {
    faces: HashMap<FaceName, ServerTls>,
    pub(super) admin: Option<ServerTls>,
}

impl GatewayTls {
    /// Reads the files of the configuration. Within a runtime.
    pub(super) fn load(config: &Config, registry: &mut Registry) -> Result<Self, Error> {
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        let bounds = HandshakeBounds::new(workers, TlsMetrics::register(registry));
        let load = |name, options: Option<&TlsOptions>, protocols| {
            let files = options.map(files);
            let load = |files| ServerTls::load(name, files, protocols, bounds.clone());
            let loaded = files.map(load).transpose();
            loaded.map_err(|error| Error::Fatal(format!("{name}: TLS: {error}")))
        };
        let mut secured = HashMap::new();
        for face in faces::all() {
            let options = (face.tls)(&config.tls);
            if let Some(tls) = load(face.name.as_str(), options, face.protocols)? {
                secured.insert(face.name, tls);
            }
        }
        let own = Self {
            faces: secured,
            admin: load("admin", config.tls.admin.as_ref(), faces::HTTP_PROTOCOLS)?,
        };
        own.log_missing_names(config);
        Ok(own)
    }

    /// The TLS of a face.
    pub(super) fn of(&self, face: FaceName) -> Option<ServerTls> {
        self.faces.get(&face).cloned()
    }

    /// Follows the files of all of them, until this is dropped.
    pub(super) fn follow_files(&self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for tls in self.faces.values().chain(&self.admin) {
            tasks.spawn(tls.clone().follow_files());
        }
        tasks
    }

    /// Logs which of the gateway's names a certificate does not carry. A standby relays TLS unread to the leader, so a client
    /// of one gateway meets the certificate of another: each has to carry the names of all.
    fn log_missing_names(&self, config: &Config) {
        let hosts = faces::own_names(config);
        for (face, tls) in &self.faces {
            let face = face.as_str();
            let missing = tls.missing_names(&hosts).join(", ");
            if !missing.is_empty() {
                tracing::warn!(
                    face,
                    missing,
                    "TLS: the certificate does not carry names by which this gateway is reached: clients that use them refuse it"
                );
            }
        }
        let plain = |url: &&String| url.starts_with("http://");
        if self.faces.contains_key(&FaceName::Etcd2)
            && let Some(url) = config.etcd_advertise.iter().find(plain)
        {
            tracing::warn!(
                url,
                "--etcd-advertise sends clients of etcd's API to a URL without TLS, which that face speaks"
            );
        }
    }
}

fn files(options: &TlsOptions) -> CertificateFiles {
    let TlsOptions {
        certificate,
        key,
        clients,
    } = options.clone();
    CertificateFiles {
        certificate,
        key,
        clients: clients.map(|clients| ClientFiles {
            authorities: clients.authorities,
            revoked: clients.revoked,
            required: clients.required,
        }),
    }
}
