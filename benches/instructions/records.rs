//! `RecordGateway`: a gateway that has some of the layers of security, asked to change a record of Docker's over etcd's API.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use http::Method;
use kubekv::face::server::{Connection, Security};
use kubekv::guard::policy::Policy;
use kubekv::guard::{
    self, AuditDestination, AuditLog, DockerGuard, DockerGuardMode, PolicyInForce, PolicyMode,
};
use kubekv::model::{Caller, CertificateAuthority, ClientCertificate};
use kubekv::store::Store;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use prometheus_client::registry::Registry;

use crate::gateway::Gateway;

/// The rules of a policy besides those of the client.
const OTHER_RULES: usize = 98;

const NODES: &str = "[[identity]]\nauthority = \"CN=nodes\"\nfield = \"ip\"\nname = \"{ip}\"\nprincipal = \"node/{ip}\"\n\
                     [[rule]]\nname = \"hosts\"\nidentities = [\"node/{ip}\"]\nrole = \"docker-node\"\n";

/// The record, as Docker 20.10 names it.
const KEY: &str = "docker/network/v1.0/endpoint_count/\
                   3f5c1d6a0b7e4920a1c8d7e6f5b4a39281706f5e4d3c2b1a0918273645546372/";

/// How many layers there are: each has those before it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(crate) enum Layers {
    None,
    Policy,
    Audit,
    Guard,
}

/// A gateway on an embedded store, for one host.
pub(crate) struct RecordGateway {
    gateway: Gateway,
    _audit: Option<Arc<AuditLog>>,
}

impl RecordGateway {
    pub(crate) async fn open(directory: &Path, layers: Layers) -> Self {
        let registry = &mut Registry::default();
        let audit = (layers >= Layers::Audit).then(|| {
            let file = AuditDestination::File(directory.join("audit.log"));
            Arc::new(AuditLog::begin(&file, false, registry).unwrap())
        });
        let policy = (layers >= Layers::Policy).then(|| {
            let policy = Policy::parse(&policy()).unwrap_or_else(|error| panic!("{error}"));
            PolicyInForce::new(policy, PolicyMode::Enforce, audit.clone(), registry)
        });
        let docker =
            (layers >= Layers::Guard).then(|| DockerGuard::new(DockerGuardMode::Enforce, registry));
        let options =
            EmbeddedOptions::new(directory.join("store"), Arc::new(|why| panic!("{why}")));
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::new(options));
        let bounds = guard::for_store(store.limits(), u64::MAX, audit.clone());
        let admit = guard::by_policy(&bounds, policy.as_ref());
        let admit = guard::with_docker(admit, docker.as_ref(), policy.as_ref());
        let gateway = Gateway::open_with(store, admit).await;
        gateway.put(KEY, "{\"Count\":0}").await;
        Self {
            gateway: gateway.reached_by(host()),
            _audit: audit,
        }
    }

    /// Changes the record so often, each time if it is as it was left.
    pub(crate) async fn change(&self, count: usize) {
        for _ in 0..count {
            let index = self.gateway.space.read(&Caller::System).revision();
            let uri = format!("/v2/keys/{KEY}?prevExist=true&prevIndex={index}");
            let body = "value=%7B%22Count%22%3A0%7D";
            self.gateway.send(Method::PUT, &uri, false, body).await;
        }
    }

    pub(crate) async fn close(self) {
        self.gateway.space.close().await;
    }
}

fn policy() -> String {
    let rule = |number: usize| {
        format!(
            "[[rule]]\nname = \"own-{number}\"\nidentities = [\"node/10.1.0.{number}\"]\nallow = [\"all\"]\n\
             beneath = [\"own/{number}\"]\n"
        )
    };
    let others: Vec<String> = (0..OTHER_RULES).map(rule).collect();
    NODES.to_owned() + &others.concat()
}

/// The connection of a host with a certificate.
fn host() -> Connection {
    let address = IpAddr::from([10, 0, 0, 1]);
    let authority = CertificateAuthority {
        subject: "CN=nodes".to_owned(),
        fingerprint: "0".repeat(64),
    };
    let certificate = ClientCertificate {
        common_names: vec!["10.0.0.1".to_owned()],
        ip_addresses: vec![address],
        authority,
        fingerprint: "1".repeat(64),
        ..ClientCertificate::default()
    };
    let (peer, own) = ((address, 40_000).into(), (Ipv4Addr::LOCALHOST, 1).into());
    Connection {
        security: Security::Tls {
            client: Some(Arc::new(certificate)),
        },
        ..Connection::plaintext(peer, own)
    }
}
