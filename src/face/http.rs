//! How every HTTP face is served.

use std::net::SocketAddr;

use axum::Router;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_service::Service;

/// The two ends of the connection a request came by; every request carries one as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client.
    pub peer: SocketAddr,
    /// The address the client reached us at.
    pub local: SocketAddr,
}

/// Whether the gateway is stopping: parked polls answer then.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Follows a switch that is turned on once.
    pub fn new(switch: watch::Receiver<bool>) -> Self {
        Self(switch)
    }

    /// Returns when the gateway is stopping.
    pub async fn wait(&self) {
        let mut switch = self.0.clone();
        // A sender that is gone means that the gateway is gone.
        let _gone = switch.wait_for(|on| *on).await;
    }
}

/// Serves a face on a listener until the gateway is stopping.
pub async fn serve(listener: TcpListener, face: Router, stopping: Stopping) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.wait() => return,
        };
        let Ok((stream, peer)) = accepted else {
            continue;
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let connection = Connection { peer, local };
        let face = face.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(connection);
            face.clone().call(request)
        });
        tokio::spawn(async move {
            // A client that breaks off is no news.
            let _broken = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
