//! HTTP server of all faces: connections are accepted, bounded, paced, counted, logged, and drained.
//!
//! A face is an [`axum::Router`]; it gets a [`Connection`] and a [`Target`] with each request and asks [`Stopping`] when a
//! poll should end. Everything that must hold for any protocol over HTTP is here, once.

mod answer;
mod arrival;
mod backoff;
mod body;
mod connection;
mod framing;
mod head;
mod http2;
mod limits;
mod metrics;
mod redact;
mod refusal;
mod server;
mod service;
mod target;
mod wire;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::watch;

pub use arrival::Arrival;
pub use limits::Limits;
pub use metrics::Metrics;
pub use server::{Server, prepare};
pub use target::Target;

/// The two ends of the connection a request came by; every request carries one as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client.
    pub peer: SocketAddr,
    /// The address the client reached us at.
    pub local: SocketAddr,
}

/// On an answer that is no fault though its status says that the server failed: a probe's.
#[derive(Clone, Copy, Debug)]
pub struct NoFault;

/// Whether the gateway may answer from memory: asked after each request, before it is answered.
#[derive(Clone, Default)]
pub struct Leads(Option<Asked>);

type Confirming = Pin<Box<dyn Future<Output = bool> + Send>>;

#[derive(Clone)]
struct Asked {
    held: Arc<dyn Fn() -> bool + Send + Sync>,
    confirmed: Arc<dyn Fn() -> Confirming + Send + Sync>,
}

impl Leads {
    /// Asks the first each time, and where that says no, the second, which may take a while.
    pub fn while_true(
        held: impl Fn() -> bool + Send + Sync + 'static,
        confirmed: impl Fn() -> Confirming + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Asked {
            held: Arc::new(held),
            confirmed: Arc::new(confirmed),
        }))
    }

    /// Whether it may now; always, where nobody else could lead.
    pub async fn now(&self) -> bool {
        match &self.0 {
            None => true,
            Some(asked) => (asked.held)() || (asked.confirmed)().await,
        }
    }
}

impl std::fmt::Debug for Leads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let now = self.0.as_ref().is_none_or(|asked| (asked.held)());
        f.debug_tuple("Leads").field(&now).finish()
    }
}

/// Whether the gateway is stopping: parked polls answer then.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Follows a switch that is turned on once.
    pub fn new(switch: watch::Receiver<bool>) -> Self {
        Self(switch)
    }

    /// Whether it is stopping by now.
    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the gateway is stopping.
    pub async fn wait(&self) {
        let mut switch = self.0.clone();
        // A sender that is gone means that the gateway is gone.
        let _gone = switch.wait_for(|on| *on).await;
    }
}
