//! The proxy: accepts connections, and copies both directions of each through a tap.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

use super::tap::Tap;

/// Serves a listener for ever; every connection gets a tap, chosen by the client's address. Those that wait for the answer to
/// a request with a text in its target that is sent to `cuts` are broken off.
pub(super) async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    cuts: broadcast::Sender<String>,
    new_tap: impl Fn(SocketAddr) -> Box<dyn Tap>,
) {
    loop {
        let (client, address) = listener.accept().await.unwrap();
        let (tap, cuts) = (new_tap(address), cuts.subscribe());
        tokio::spawn(async move {
            // Either side may break off.
            let _ended = forward(client, server, cuts, tap).await;
        });
    }
}

async fn forward(
    client: TcpStream,
    server: SocketAddr,
    mut cuts: broadcast::Receiver<String>,
    tap: Box<dyn Tap>,
) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    // Small packets must not wait for one another.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let tap = Arc::new(Mutex::new(tap));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = from_client.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            // A request is in the journal before its answer can be.
            let bytes = tap.lock().requests(&buffer[..count]);
            to_server.write_all(&bytes).await?;
        }
    };
    let answers = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = from_server.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            // An answer is in the journal before the request that it leads to.
            let bytes = tap.lock().answers(&buffer[..count]);
            to_client.write_all(&bytes).await?;
        }
    };
    let is_cut = async {
        loop {
            let Ok(target) = cuts.recv().await else {
                return std::future::pending().await;
            };
            if tap.lock().waits_for(&target) {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
        ended = is_cut => ended,
    }
}
