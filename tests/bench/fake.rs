//! Servers that are told what to do.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use kubekv::bench::target::LoadTarget;
use kubekv::config::SourceUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::gateway::{runtime, target};

/// An answer that Consul gives to anything.
pub(crate) const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-Consul-Index: 1\r\nContent-Length: 4\r\n\r\ntrue";

/// A server on a runtime of its own.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Fake {
    /// Serves each connection by a function of its own.
    pub(crate) fn start<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { accept(&listener, &serve).await });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// It, as a Consul.
    pub(crate) fn consul(&self) -> Arc<LoadTarget> {
        target(&SourceUrl::Consul(self.address.to_string()))
    }
}

/// Accepts connections until it is dropped, and then ends them.
pub(crate) async fn accept<F>(listener: &TcpListener, serve: &(impl Fn(TcpStream) -> F + Sync))
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        connections.spawn(serve(stream));
    }
}

/// Reads a request; its head as text, or `None` at the end.
pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}

/// Writes an answer, unless the client has gone.
pub(crate) async fn write(stream: &mut TcpStream, answer: &[u8]) {
    let _gone = stream.write_all(answer).await;
}
