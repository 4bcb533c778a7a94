//! A server with a constant answer: an HTTP stack with nothing behind it.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use tokio::net::TcpListener;

pub async fn serve(address: SocketAddr, bytes: usize) {
    let body = Bytes::from(vec![b'x'; bytes]);
    let router = Router::new().fallback(any(move || async move { body.clone() }));
    let listener = TcpListener::bind(address).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}
