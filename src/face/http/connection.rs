//! One connection, from its first byte to its end.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::arrival::Arrival;
use super::pace::{Paced, Progress};
use super::server::Shared;
use super::{Stopping, service};

/// Serves a connection until the client ends it, or the gateway is stopping and nothing is in flight.
pub(super) async fn serve(shared: Arc<Shared>, arrival: Arrival, face: Router, stopping: Stopping) {
    let Arrival { mut stream, ends } = arrival;
    // Until its first byte a connection costs no buffer: thousands of idle ones are cheap.
    tokio::select! {
        readable = stream.readable() => if readable.is_err() { return },
        () = stopping.wait() => return,
    }
    let limits = shared.limits;
    let progress = Arc::new(Progress::default());
    let io = TokioIo::new(Paced::new(stream, Arc::clone(&progress), &limits));
    let service = service_fn(|request| {
        let (shared, progress) = (Arc::clone(&shared), Arc::clone(&progress));
        service::answer(shared, face.clone(), ends, progress, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // This one would also end idle connections; `Paced` knows the difference.
        .header_read_timeout(None)
        .max_header_size(limits.head_bytes)
        .max_buf_size(2 * limits.head_bytes)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that breaks off is no news.
        tracing::debug!(face = shared.name, peer = %ends.peer, %error, "connection broken");
    }
}
