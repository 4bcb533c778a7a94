//! All faces over one keyspace in memory whose guard has a policy; each client shows the certificate of its name.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use kubekv::face::server::{
    Arrival, Connection, ConnectionPermits, LeadershipCheck, Protocol, Security, Server,
    ServerContext, ServerMetrics, Serving, Stopping,
};
use kubekv::face::zookeeper::{DockerAnswers, ZooKeeper, ZooKeeperProtocol};
use kubekv::fairness::Fairness;
use kubekv::guard::credentials::CredentialTable;
use kubekv::guard::policy::Policy;
use kubekv::guard::token_review::TokenReviewer;
use kubekv::guard::{self, PolicyInForce, PolicyMode};
use kubekv::model::{Caller, CertificateAuthority, ClientCertificate, DirMark, Key};
use kubekv::space::{Keyspace, Lookup};
use kubekv::store::{MemoryStore, Store};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use support::policy_text::PolicyText;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_service::Service;

use super::zookeeper_client::Client;

/// Who may do everything.
pub(crate) const ADMIN: &str = "admin";
/// Whom the rules of a test are about.
pub(crate) const ME: &str = "me";
/// Who shows a certificate of an authority that vouches for nobody.
pub(crate) const STRANGER: &str = "stranger";

/// The beginning of every policy here.
fn head() -> PolicyText {
    PolicyText::default()
        .identity("CN=people", "cn", "{name}", "{name}")
        .identity("credentials", "token", "{name}", "{name}")
        .identity("credentials", "user", "{name}", "{name}")
        .role("admins", ADMIN, "admin")
}

/// A policy with these rules besides the admin's.
pub(crate) fn policy(rules: &str) -> Policy {
    let text = head().with(rules).to_string();
    Policy::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A rule about [`ME`].
pub(crate) fn rule(name: &str, body: &str) -> String {
    format!("\n[[rule]]\nname = \"{name}\"\nidentities = [\"{ME}\"]\n{body}\n")
}

/// The certificate of a client of this name; none of a nameless one.
pub(crate) fn certificate(name: &str) -> Option<Arc<ClientCertificate>> {
    let authority = if name == STRANGER {
        "CN=others"
    } else {
        "CN=people"
    };
    (!name.is_empty()).then(|| {
        Arc::new(ClientCertificate {
            common_names: vec![name.to_owned()],
            authority: CertificateAuthority {
                subject: authority.to_owned(),
                fingerprint: "0".repeat(64),
            },
            fingerprint: format!("{name:0>64}"),
            ..ClientCertificate::default()
        })
    })
}

fn connection(name: &str) -> Connection {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    Connection {
        security: Security::Tls {
            client: certificate(name),
        },
        ..Connection::plaintext(nowhere, nowhere)
    }
}

pub(crate) struct Gateway {
    pub(crate) policy: Arc<PolicyInForce>,
    registry: Registry,
    pub(crate) space: Keyspace,
    consul: Router,
    etcd: Router,
    zookeeper: Arc<ZooKeeperProtocol>,
    stop: watch::Sender<bool>,
    /// The credentials that it began with.
    pub(crate) credential_text: String,
}

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn index(&self) -> u64 {
        self.headers["x-consul-index"].parse().unwrap()
    }
}

impl Gateway {
    pub(crate) async fn start(rules: &str) -> Self {
        Self::start_in(PolicyMode::Enforce, rules).await
    }

    pub(crate) async fn start_in(mode: PolicyMode, rules: &str) -> Self {
        Self::over(Arc::new(MemoryStore::new()), mode, rules).await
    }

    /// The same over another store.
    pub(crate) async fn over(store: Arc<dyn Store>, mode: PolicyMode, rules: &str) -> Self {
        let mut registry = Registry::with_prefix("kubekv");
        let policy = PolicyInForce::new(policy(rules), mode, None, &mut registry);
        let bounds = guard::for_store(store.limits(), u64::MAX, None);
        let admit = guard::by_policy(&bounds, Some(&policy));
        let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
        let space: Keyspace = opened.unwrap().0;
        let (stop, stopping) = watch::channel(false);
        let stopping = Stopping::new(stopping);
        let zookeeper = ZooKeeper {
            space: space.clone(),
            fairness: Fairness::default(),
            super_digest: None,
            words: "*".parse().unwrap(),
            docker: DockerAnswers::Never,
        };
        Self {
            policy,
            registry,
            space: space.clone(),
            consul: consul::router(Consul {
                space: space.clone(),
                stopping: stopping.clone(),
                node: "host".to_owned(),
                datacenter: "dc1".to_owned(),
                fairness: Fairness::default(),
            }),
            etcd: etcd::router(Etcd {
                space,
                stopping: stopping.clone(),
                advertise: Vec::new(),
                fairness: Fairness::default(),
            }),
            zookeeper: Arc::new(ZooKeeperProtocol::new(zookeeper, stopping)),
            stop,
            credential_text: String::new(),
        }
    }

    /// Has these credentials from now on.
    pub(crate) fn begin_credentials(&mut self, text: &str) {
        let table = CredentialTable::parse(text).unwrap();
        let begun = self.policy.begin_credentials(table, &mut self.registry);
        begun.unwrap();
        text.clone_into(&mut self.credential_text);
    }

    /// Has tokens of `ServiceAccount`s reviewed, for the audience `kubekv`.
    pub(crate) fn begin_token_review(&mut self, reviewer: Arc<dyn TokenReviewer>) {
        let audience = "kubekv".to_owned();
        let begun = self
            .policy
            .begin_token_review(reviewer, audience, &mut self.registry);
        begun.unwrap();
    }

    /// Changes the credentials.
    pub(crate) fn credentials(&self, text: &str) {
        let table = CredentialTable::parse(text).unwrap();
        self.policy.replace_credentials(table);
    }

    /// Sends a request with these headers to Consul's face.
    pub(crate) async fn consul_with(
        &self,
        who: &str,
        headers: &[(&str, String)],
        (what, body): (&str, &str),
    ) -> Answer {
        let (method, path) = what.split_once(' ').unwrap();
        let uri = format!("/v1/{path}");
        read(send_with(&self.consul, (who, headers), (method, &uri), body).await).await
    }

    /// Sends a request with these headers to a path of etcd's face.
    pub(crate) async fn etcd_with(
        &self,
        who: &str,
        headers: &[(&str, String)],
        (what, body): (&str, &str),
    ) -> Answer {
        let line = what.split_once(' ').unwrap();
        read(send_with(&self.etcd, (who, headers), line, body).await).await
    }

    /// Changes the rules.
    pub(crate) fn rules(&self, rules: &str) {
        self.policy.replace(policy(rules));
    }

    /// The metric of this name and these labels, if it is there.
    pub(crate) fn metric(&self, name: &str) -> Option<i64> {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.map(|value| value.trim().parse().unwrap())
    }

    /// Sends a request to Consul's face; `what` is the method and the path after `/v1/`.
    pub(crate) async fn consul(&self, who: &str, what: &str, body: &str) -> Answer {
        let (method, path) = what.split_once(' ').unwrap();
        read(send(&self.consul, who, method, &format!("/v1/{path}"), body).await).await
    }

    /// Sends a request to etcd's face; `what` is the method and the path after `/v2/keys`.
    pub(crate) async fn etcd(&self, who: &str, what: &str, form: &str) -> Answer {
        read(self.etcd_response(who, what, form).await).await
    }

    /// The same, with an unread body.
    pub(crate) async fn etcd_response(&self, who: &str, what: &str, form: &str) -> Response<Body> {
        let (method, path) = what.split_once(' ').unwrap();
        send(&self.etcd, who, method, &format!("/v2/keys{path}"), form).await
    }

    /// Sends a request to any path of etcd's face.
    pub(crate) async fn etcd_path(&self, who: &str, method: &str, path: &str) -> Answer {
        read(send(&self.etcd, who, method, path, "").await).await
    }

    /// Where clients of this name speak ZooKeeper's protocol.
    pub(crate) async fn zookeeper_address(&self, who: &str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let protocol = Arc::new(Secured {
            inner: Arc::clone(&self.zookeeper),
            security: connection(who).security,
        });
        let server = Server::new(
            "test",
            ConnectionPermits::new(1_000),
            ServerMetrics::register(&mut Registry::default()),
            LeadershipCheck::default(),
        );
        let stopping = Stopping::new(self.stop.subscribe());
        tokio::spawn(server.serve(listener, protocol, stopping));
        address
    }

    /// A session of ZooKeeper's.
    pub(crate) async fn zookeeper(&self, who: &str) -> Client {
        Client::connect(self.zookeeper_address(who).await).await
    }

    /// Writes as the admin.
    pub(crate) async fn set(&self, key: &str, value: &str) {
        let answer = self.consul(ADMIN, &format!("PUT kv/{key}"), value).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "true"),
            "{key}"
        );
    }

    /// Creates a session; returns its id.
    pub(crate) async fn session(&self, who: &str) -> String {
        let answer = self.consul(who, "PUT session/create", "{}").await;
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        json["ID"].as_str().unwrap().to_owned()
    }

    /// Every key that clients can name, with the length of its value.
    pub(crate) fn everything(&self) -> Vec<(Vec<u8>, usize)> {
        let view = self.space.read(&Caller::Operator);
        let all = view.scan(&Key::user(""));
        all.map(|(key, entry)| (key.as_bytes().to_vec(), entry.value().len()))
            .collect()
    }

    /// Every client's entry with what it was last changed by, but for directories that nobody wrote.
    pub(crate) fn state(&self) -> BTreeMap<String, (Vec<u8>, u64)> {
        let view = self.space.read(&Caller::Operator);
        let written = view
            .scan(&Key::user(""))
            .filter(|(_, entry)| entry.attrs().dir != DirMark::Implied);
        written
            .map(|(key, entry)| {
                let name = String::from_utf8_lossy(key.as_bytes()).into_owned();
                (name, (entry.value().to_vec(), entry.index()))
            })
            .collect()
    }
}

/// Connections of clients with a certificate, without the TLS.
#[derive(Debug)]
struct Secured {
    inner: Arc<ZooKeeperProtocol>,
    security: Security,
}

impl Protocol for Secured {
    fn serve(
        self: Arc<Self>,
        mut arrival: Arrival,
        server: Arc<ServerContext>,
        stopping: Stopping,
    ) -> Serving {
        arrival.ends.security = self.security.clone();
        Arc::clone(&self.inner).serve(arrival, server, stopping)
    }
}

async fn send(face: &Router, who: &str, method: &str, uri: &str, body: &str) -> Response<Body> {
    send_with(face, (who, &[]), (method, uri), body).await
}

async fn send_with(
    face: &Router,
    (who, headers): (&str, &[(&str, String)]),
    (method, uri): (&str, &str),
    body: &str,
) -> Response<Body> {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let mut request = request
        .method(method)
        .uri(uri)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap();
    request.extensions_mut().insert(connection(who));
    face.clone().call(request).await.unwrap()
}

pub(crate) async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let headers = parts.headers.iter();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    // A body that is broken off has no more to say.
    let body = body.collect().await;
    let body = body.map(http_body_util::Collected::to_bytes);
    Answer {
        status: parts.status.as_u16(),
        headers: headers
            .filter(|(name, _)| *name != "x-etcd-cluster-id")
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: String::from_utf8(body.unwrap_or_default().to_vec()).unwrap(),
    }
}
