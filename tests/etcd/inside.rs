//! The face without a network, so that a paused clock advances only when every task waits for it.

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use kubekv::face::etcd::{Etcd, router};
use kubekv::face::server::Stopping;
use kubekv::space::Keyspace;
use support::faces;
use tokio::sync::watch;
use tower_service::Service;

use super::client::uri;

/// A face over a keyspace, called directly.
pub(crate) struct Inside {
    pub(crate) space: Keyspace,
    face: Router,
    _stop: watch::Sender<bool>,
}

impl Inside {
    pub(crate) async fn new() -> Self {
        Self::over(faces::space().await)
    }

    pub(crate) fn over(space: Keyspace) -> Self {
        let (stop, stopping) = watch::channel(false);
        let face = router(Etcd {
            space: space.clone(),
            stopping: Stopping::new(stopping),
            advertise: Vec::new(),
            fairness: kubekv::fairness::Fairness::default(),
        });
        Self {
            space,
            face,
            _stop: stop,
        }
    }

    /// Sends a request given as `METHOD PATH [FORM]`; the body is not read yet.
    pub(crate) async fn call(&self, line: &str) -> http::Response<Body> {
        let mut words = line.splitn(3, ' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let form = words.next().unwrap_or_default().to_owned();
        let request = Request::builder()
            .method(method)
            .uri(uri(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        self.face.clone().call(request).await.unwrap()
    }

    /// Sends a request and returns its status and its body.
    pub(crate) async fn status_and_body(&self, line: &str) -> (u16, serde_json::Value) {
        let answer = self.call(line).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Sends a request that must succeed, and returns its body.
    pub(crate) async fn ok(&self, line: &str) -> serde_json::Value {
        let (status, body) = self.status_and_body(line).await;
        assert!(status < 300, "{line}: {body}");
        body
    }

    /// Begins a watch.
    pub(crate) async fn watch(&self, path: &str) -> Body {
        let answer = self.call(&format!("GET {path}")).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.into_body()
    }
}

/// The next event of a watch.
pub(crate) async fn event(body: &mut Body) -> serde_json::Value {
    let frame = body.frame().await.unwrap().unwrap();
    serde_json::from_slice(&frame.into_data().unwrap()).unwrap()
}
