//! Refusal of HTTP/2 in terms its clients show: etcd v3 clients speak gRPC to the port of etcd v2.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, join, split};

use super::settings::Settings;
use super::wire::Wire;
use crate::face::server::Stopping;

/// How long such a connection may last; its clients reconnect by themselves.
const LONGEST: Duration = Duration::from_secs(10);

/// How many calls it may have open at once.
const CALLS: u32 = 16;

/// gRPC's status for a call that a server does not have.
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");

/// The answer of Go's server to HTTP/2 when it does not speak it.
const NO_HTTP2: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Answers every call with the sentence of the settings; without one, closes the connection.
pub(super) async fn refuse(
    settings: &Settings,
    (face, peer): (&'static str, SocketAddr),
    wire: Wire,
    stopping: &Stopping,
) {
    let (mut stream, read) = wire.into_parts();
    let Some(sentence) = settings.grpc_refusal else {
        let _gone = stream.write_all(NO_HTTP2).await;
        let _gone = stream.shutdown().await;
        return;
    };
    // Logged once: clients of that version retry for ever.
    if !settings.grpc_logged.swap(true, Ordering::Relaxed) {
        tracing::info!(face, %peer, "a client speaks gRPC and is refused (logged once): {sentence}");
    }
    let (reader, writer) = split(stream);
    let begun = std::io::Cursor::new(read);
    let stream = TokioIo::new(join(begun.chain(reader), writer));
    let service = service_fn(move |_call: Request<Incoming>| async move {
        Ok::<_, Infallible>(unimplemented(sentence))
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS)
        .max_header_list_size(16 << 10)
        .max_send_buf_size(16 << 10)
        .serve_connection(stream, service);
    tokio::select! {
        ended = tokio::time::timeout(LONGEST, connection) => {
            if let Ok(Err(error)) = ended {
                tracing::debug!(face, %peer, %error, "connection broken");
            }
        }
        () = stopping.wait() => {}
    }
}

/// A gRPC answer with a status and no message.
fn unimplemented(sentence: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("application/grpc");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert("grpc-status", UNIMPLEMENTED);
    headers.insert("grpc-message", HeaderValue::from_static(sentence));
    answer
}
