//! HTTP/2 clients, refused in words they can read: etcd's version 3 is spoken by gRPC, on the port of version 2.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, join, split};

use super::server::Shared;
use super::wire::Wire;
use super::{Connection, Stopping};

/// How long such a connection may last: its clients come again by themselves.
const LONGEST: Duration = Duration::from_secs(10);

/// How many calls it may have open at once.
const CALLS: u32 = 16;

/// gRPC's number for what a server does not have.
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");

/// What Go's server says to HTTP/2 where it has none.
const NO_HTTP2: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Answers every call with the server's sentence; closes the connection where it has none.
pub(super) async fn refuse(shared: &Shared, ends: Connection, wire: Wire, stopping: Stopping) {
    let (mut stream, read) = wire.into_parts();
    let (face, peer) = (shared.name, ends.peer);
    let Some(sentence) = shared.no_grpc else {
        let _gone = stream.write_all(NO_HTTP2).await;
        let _gone = stream.shutdown().await;
        return;
    };
    // Once is enough: clients of that version ask again and again.
    if !shared.grpc_told.swap(true, Ordering::Relaxed) {
        tracing::info!(face, %peer, "a client speaks gRPC, and is refused: {sentence}");
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

/// An answer of gRPC that is nothing but its status.
fn unimplemented(sentence: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("application/grpc");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert("grpc-status", UNIMPLEMENTED);
    headers.insert("grpc-message", HeaderValue::from_static(sentence));
    answer
}
