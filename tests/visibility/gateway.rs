//! Both faces over one keyspace in memory, called in the process by principals of the test's choice.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use kubekv::face::server::{Connection, Security, Stopping};
use kubekv::space::Keyspace;
use kubekv::store::MemoryStore;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tower_service::Service;

use super::guard::{Hiding, Prefixes, certificate_of};

pub(crate) const ADMIN: &str = "admin";
/// Sees all keys but those hidden by the prefixes given to `Gateway::start`.
pub(crate) const NODE: &str = "node";

pub(crate) struct Gateway {
    pub(crate) guard: Arc<Hiding>,
    pub(crate) space: Keyspace,
    consul: Router,
    etcd: Router,
    _stop: watch::Sender<bool>,
}

/// An answer, read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn number(&self, name: &str) -> u64 {
        let header = self.headers.iter().find(|(own, _)| own == name);
        header.unwrap().1.parse().unwrap()
    }

    /// The index of a read, in Consul's header.
    pub(crate) fn index(&self) -> u64 {
        self.number("x-consul-index")
    }

    /// The index of the store, in etcd's header.
    pub(crate) fn etcd_index(&self) -> u64 {
        self.number("x-etcd-index")
    }
}

impl Gateway {
    pub(crate) async fn start(hidden: Prefixes) -> Self {
        let guard = Arc::new(Hiding::default());
        guard.show(NODE, hidden);
        let admit = Arc::<Hiding>::clone(&guard);
        let store = Arc::new(MemoryStore::new());
        let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
        let space: Keyspace = opened.unwrap().0;
        let (stop, stopping) = watch::channel(false);
        let stopping = Stopping::new(stopping);
        Self {
            guard,
            space: space.clone(),
            consul: consul::router(Consul {
                space: space.clone(),
                stopping: stopping.clone(),
                node: "host".to_owned(),
                datacenter: "dc1".to_owned(),
                fairness: kubekv::fairness::Fairness::default(),
            }),
            etcd: etcd::router(Etcd {
                space,
                stopping,
                advertise: Vec::new(),
                fairness: kubekv::fairness::Fairness::default(),
            }),
            _stop: stop,
        }
    }

    /// Sends a request to Consul's face; `what` is the method and the path after `/v1/`.
    pub(crate) async fn consul(&self, who: &str, what: &str, body: &str) -> Answer {
        let (method, path) = what.split_once(' ').unwrap();
        let uri = format!("/v1/{path}");
        read(send(&self.consul, who, method, &uri, body).await).await
    }

    /// Sends a request to etcd's face; `what` is the method and the path after `/v2/keys/`.
    pub(crate) async fn etcd(&self, who: &str, what: &str, form: &str) -> Answer {
        read(self.etcd_response(who, what, form).await).await
    }

    /// The same, with an unread body.
    pub(crate) async fn etcd_response(&self, who: &str, what: &str, form: &str) -> Response<Body> {
        let (method, path) = what.split_once(' ').unwrap();
        send(&self.etcd, who, method, &format!("/v2/keys/{path}"), form).await
    }

    /// Writes as the admin, through Consul's face.
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
        answer.json()["ID"].as_str().unwrap().to_owned()
    }
}

async fn send(face: &Router, who: &str, method: &str, uri: &str, body: &str) -> Response<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap();
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    request.extensions_mut().insert(Connection {
        security: Security::Tls {
            client: certificate_of(who),
        },
        ..Connection::plaintext(nowhere, nowhere)
    });
    face.clone().call(request).await.unwrap()
}

pub(crate) async fn read(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let headers = parts.headers.iter();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    Answer {
        status: parts.status.as_u16(),
        headers: headers
            .filter(|(name, _)| *name != "x-etcd-cluster-id")
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
    }
}

/// Whether a request stays unanswered when all other tasks are idle. Time must be paused.
pub(crate) async fn is_parked<T>(answer: &mut (impl Future<Output = T> + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_secs(30), answer)
        .await
        .is_err()
}

/// The answer to a parked request. Time must be paused.
pub(crate) async fn answered<T>(answer: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
    answer.expect("the request is still parked")
}
