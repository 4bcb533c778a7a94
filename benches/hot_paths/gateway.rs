//! A gateway without sockets: a keyspace on a store, with both faces.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use kubekv::face::server::{Connection, Stopping};
use kubekv::guard::Bounds;
use kubekv::model::{Caller, Key};
use kubekv::space::{Admit, Draft, Keyspace};
use kubekv::store::Store;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tower_service::Service;

/// A network as dockerd writes it.
const NETWORK: &str = include_str!("../compare/network.json");

pub(crate) struct Gateway {
    pub(crate) space: Keyspace,
    etcd: Router,
    consul: Router,
    /// The connection that requests come by.
    ends: Connection,
    _stop: watch::Sender<bool>,
}

impl Gateway {
    pub(crate) async fn open(store: Arc<dyn Store>) -> Self {
        let admit = Arc::new(Bounds::new(store.limits()));
        Self::open_with(store, admit).await
    }

    /// With a guard.
    pub(crate) async fn open_with(store: Arc<dyn Store>, admit: Arc<dyn Admit>) -> Self {
        let (space, _expiry) = Keyspace::open(store, admit, &mut Registry::default())
            .await
            .unwrap();
        let (stop, stopping) = watch::channel(false);
        let stopping = Stopping::new(stopping);
        let fairness = kubekv::fairness::Fairness::default();
        let etcd = etcd::router(Etcd {
            fairness: fairness.clone(),
            space: space.clone(),
            stopping: stopping.clone(),
            advertise: Vec::new(),
        });
        let consul = consul::router(Consul {
            fairness: fairness.clone(),
            space: space.clone(),
            stopping,
            node: "bench".to_owned(),
            datacenter: "dc1".to_owned(),
        });
        let end = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        Self {
            space,
            etcd,
            consul,
            ends: Connection::plaintext(end, end),
            _stop: stop,
        }
    }

    /// The same for requests that come by this connection.
    pub(crate) fn reached_by(self, ends: Connection) -> Self {
        Self { ends, ..self }
    }

    /// Writes so many networks.
    pub(crate) async fn fill(&self, networks: usize) {
        for number in 0..networks {
            let key = format!("docker/network/v1.0/network/{number:064x}");
            self.put(&key, NETWORK).await;
        }
    }

    /// Writes a key without a face.
    pub(crate) async fn put(&self, key: &str, value: &'static str) {
        let key = Key::user(key);
        let decide = |draft: &mut Draft<'_>| {
            let mut record = draft.successor(&key);
            record.value = value.into();
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        };
        self.space.commit(&Caller::System, decide).await.unwrap();
    }

    /// Sends one request to the face of its path and reads the answer; returns the length of the body.
    pub(crate) async fn send(
        &self,
        method: Method,
        uri: &str,
        gzip: bool,
        body: &'static str,
    ) -> usize {
        let mut request = Request::builder().method(method).uri(uri);
        if gzip {
            request = request.header(header::ACCEPT_ENCODING, "gzip");
        }
        let mut face = if uri.starts_with("/v2/") {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            self.etcd.clone()
        } else {
            self.consul.clone()
        };
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(self.ends.clone());
        let answer = face.call(request).await.unwrap();
        assert!(answer.status().is_success(), "{uri}");
        answer.into_body().collect().await.unwrap().to_bytes().len()
    }
}
