//! A gateway of the test's own, and a Consul client for it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use kubekv::face::consul::{Consul, router};
use kubekv::face::server::{Connection, Stopping};
use kubekv::fairness::Fairness;
use kubekv::guard::Bounds;
use kubekv::model::{Caller, Key, Lease, LeaseEnd, LeaseId, LeaseProtocol, Principal};
use kubekv::space::{Draft, Keyspace};
use kubekv::store::{MemoryStore, Store};
use prometheus_client::registry::Registry;
use support::faces;
use support::http_client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_service::Service;

use support::http_client::Answer;
use support::metrics::registered;

/// The name of the gateway's node: that of the real Consul beside it.
pub use support::consul::NODE;

/// The Consul face over a keyspace in memory, on a port of its own.
pub struct Gateway {
    pub address: SocketAddr,
    pub stop: watch::Sender<bool>,
    pub fairness: Fairness,
    router: axum::Router,
    space: Keyspace,
    registry: Registry,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::start_with(Fairness::default()).await
    }

    pub async fn start_with(fairness: Fairness) -> Self {
        Self::over(Arc::new(MemoryStore::new()), fairness).await
    }

    /// The same over this store.
    pub async fn over(store: Arc<dyn Store>, fairness: Fairness) -> Self {
        let admit = Arc::new(Bounds::new(store.limits()));
        let mut registry = Registry::default();
        let (space, _expiry) = Keyspace::open(store, admit, &mut registry).await.unwrap();
        let face = |stopping: Stopping| {
            router(Consul {
                space: space.clone(),
                stopping,
                node: NODE.to_owned(),
                datacenter: "dc1".to_owned(),
                fairness: fairness.clone(),
            })
        };
        let mut own = axum::Router::new();
        let (address, stop) = faces::start(|stopping| {
            own = face(stopping);
            own.clone()
        })
        .await;
        Self {
            address,
            stop,
            fairness,
            router: own,
            space,
            registry,
        }
    }

    /// Sends one request over a connection of its own.
    pub async fn ask(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        http_client::request(self.address, method, uri, headers, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", &format!("/v1/{path}"), &[], b"").await
    }

    pub async fn put(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.ask("PUT", &format!("/v1/{path}"), &[], body.as_ref())
            .await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", &format!("/v1/{path}"), &[], b"").await
    }

    /// Writes a key, which must be answered `true`; returns the entry's index.
    pub async fn set(&self, path: &str, body: impl AsRef<[u8]>) -> u64 {
        let answer = self.put(&format!("kv/{path}"), body).await;
        assert_eq!((answer.status, answer.text()), (200, "true"), "PUT {path}");
        let (key, _) = path.split_once('?').unwrap_or((path, ""));
        self.get(&format!("kv/{key}")).await.index()
    }

    /// Creates a session; returns its id.
    pub async fn session(&self, body: &str) -> String {
        let answer = self.put("session/create", body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.json()["ID"].as_str().unwrap().to_owned()
    }

    /// Calls the face without a connection in between, so that time can be paused.
    pub async fn call(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        self.call_from([127, 0, 0, 1], method, path, body).await
    }

    /// The same from a client of this address.
    pub async fn call_from(
        &self,
        client: [u8; 4],
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = self.response(client, method, path, body).await;
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// The response to a client of this address, whose body is not taken yet.
    pub async fn response(
        &self,
        client: [u8; 4],
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> http::Response<Body> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .body(Body::from(body.into()))
            .unwrap();
        let ends = Connection::plaintext((client, 40000).into(), self.address);
        request.extensions_mut().insert(ends);
        self.router.clone().call(request).await.unwrap()
    }

    /// Writes without a connection in between, for large numbers of writes.
    pub async fn space_put(&self, key: &str, value: &[u8]) {
        let answer = self.call("PUT", &format!("kv/{key}"), value.to_vec()).await;
        assert_eq!(answer.text(), "true");
    }

    /// A session of ZooKeeper's with an entry that ends with it, as if another face had made them.
    pub async fn zookeeper_session(&self, key: &str) -> LeaseId {
        let lease = Lease {
            id: LeaseId::random(),
            term_ms: Some(10_000),
            on_end: LeaseEnd::Release,
            lock_delay_ms: 0,
            // Even if it were labelled as a session of Consul is.
            labels: [("node".to_owned(), NODE.to_owned())].into(),
            owner: Principal::Anonymous,
            protocol: LeaseProtocol::ZooKeeper,
        };
        let key = Key::user(key);
        let make = |draft: &mut Draft<'_>| {
            draft.put_lease(&lease);
            let mut record = draft.successor(&key);
            record.attrs.bound = Some(lease.id);
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        };
        self.space.commit(&Caller::System, make).await.unwrap();
        lease.id
    }

    /// Sends a blocking query, and returns when it is parked.
    pub async fn park(&self, path: &str) -> JoinHandle<Answer> {
        let before = self.watches();
        let (address, uri) = (self.address, format!("/v1/{path}"));
        let parked =
            tokio::spawn(async move { http_client::request(address, "GET", &uri, &[], b"").await });
        self.until(|watches| watches > before || parked.is_finished())
            .await;
        assert!(!parked.is_finished(), "answered at once: {path}");
        parked
    }

    /// Waits until enough polls are parked.
    pub async fn until(&self, enough: impl Fn(u64) -> bool) {
        for _ in 0..2_000 {
            if enough(self.watches()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{} polls are parked", self.watches());
    }

    /// Makes equal writes beneath these directories renewals.
    pub fn renew_under(&self, directories: &[&str]) {
        let directories: Vec<_> = directories.iter().map(ToString::to_string).collect();
        self.space.renew_under(&directories);
    }

    /// The value of a metric.
    pub fn metric(&self, name: &str) -> u64 {
        registered(&self.registry, name)
    }

    /// Closes the keyspace's store.
    pub async fn close(&self) {
        self.space.close().await;
    }

    /// The number of parked polls.
    pub fn watches(&self) -> u64 {
        self.space.refresh_metrics();
        registered(&self.registry, "space_watches")
    }
}
