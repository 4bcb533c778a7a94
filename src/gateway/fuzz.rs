//! Fuzz target of whole connections: whatever a client sends to a face, nothing panics, and the next client is served.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::{mpsc, watch};

use super::faces::{self, FaceOptions, FaceRow};
use crate::config::{self, Settings};
use crate::face::server::{
    Arrival, Connection, ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping,
};
use crate::fairness::Fairness;
use crate::guard::Bounds;
use crate::model::FaceName;
use crate::space::Keyspace;
use crate::store::{MemoryStore, Store as _};

/// The longest input of the target, in bytes.
const LONGEST_INPUT: usize = 4 << 10;
/// What all entries together may take, in bytes.
const ENTRIES: u64 = 16 << 20;
/// What waits in the pipe to the gateway, in bytes.
const PIPE: usize = 64 << 10;
/// A connection that says nothing for so long waits for something: a poll, or a session without a request.
const SILENCE: Duration = Duration::from_millis(5);

/// A face on an empty keyspace in memory.
struct FuzzedFace {
    arrivals: mpsc::Sender<Arrival>,
    registry: Registry,
    _stop: watch::Sender<bool>,
}

/// Sends bytes to the face that the first of them names, in pieces whose length the second says, and then asks as another
/// client for what that face always answers.
pub(crate) fn connection(input: &[u8]) {
    let [face, piece, bytes @ ..] = input else {
        return;
    };
    let mut names = FaceName::ALL.into_iter().cycle();
    let Some(name) = names.nth(usize::from(*face)) else {
        return;
    };
    if bytes.len() > LONGEST_INPUT {
        return;
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let (asked, answer) = plain_request(name);
    let answered = runtime.and_then(|runtime| {
        let answered = runtime.block_on(async {
            let served = FuzzedFace::serve(faces::row(name)).await?;
            let _answers = served.exchange(bytes, usize::from(*piece).max(1)).await?;
            let answered = served.exchange(asked, asked.len()).await?;
            served.check_panics()?;
            Ok(answered)
        });
        // Polls and sessions may still be waiting.
        runtime.shutdown_background();
        answered
    });
    let answered = answered.map(|bytes| bytes.escape_ascii().to_string());
    assert!(
        answered
            .as_ref()
            .is_ok_and(|answered| answered.starts_with(answer)),
        "{name:?} after {}: {answered:?}",
        bytes.escape_ascii()
    );
}

/// What a face is asked, and what its answer begins with.
fn plain_request(name: FaceName) -> (&'static [u8], &'static str) {
    match name {
        FaceName::Consul => (
            b"GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
        FaceName::Etcd2 => (
            b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
        FaceName::ZooKeeper => (b"srvr", "Zookeeper version: 3.9"),
    }
}

impl FuzzedFace {
    async fn serve(row: &FaceRow) -> io::Result<Self> {
        let config = config::load(Settings::default(), []).map_err(io::Error::other)?;
        // Its threads last as long as the process.
        static FAIRNESS: OnceLock<Fairness> = OnceLock::new();
        let options = FaceOptions::of(&config, FAIRNESS.get_or_init(Fairness::default));
        let store = Arc::new(MemoryStore::new());
        let admit = Arc::new(Bounds::new(store.limits()).with_entries_bytes(ENTRIES));
        let mut registry = Registry::default();
        let opened = Keyspace::open(store, admit, &mut registry).await;
        let (space, _expiry) = opened.map_err(io::Error::other)?;
        let (stop, stopping) = watch::channel(false);
        let stopping = Stopping::new(stopping);
        let protocol = (row.protocol)(&options, space, stopping.clone());
        let server = Server::new(
            row.name.as_str(),
            ConnectionPermits::new(2),
            ServerMetrics::register(&mut registry),
            LeadershipCheck::default(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (arrivals, arriving) = mpsc::channel(1);
        tokio::spawn(server.serve_also(listener, arriving, protocol, stopping));
        Ok(Self {
            arrivals,
            registry,
            _stop: stop,
        })
    }

    /// What a client gets that sends these bytes in pieces, and no more: until the end, or until nothing comes any more.
    async fn exchange(&self, bytes: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let (mut client, server) = tokio::io::duplex(PIPE);
        let address = ([127, 0, 0, 1], 1).into();
        let ends = Connection::plaintext(address, address);
        let arrival = Arrival::relayed(server, |_: &DuplexStream| None, ends);
        let arrived = self.arrivals.send(arrival).await;
        arrived.map_err(|_| io::Error::other("the server has ended"))?;
        for piece in bytes.chunks(piece) {
            // The gateway may end the connection amid the bytes.
            if client.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ended = client.shutdown().await;
        let mut answers = Vec::new();
        let mut part = [0; 4 << 10];
        while let Ok(Ok(read @ 1..)) = tokio::time::timeout(SILENCE, client.read(&mut part)).await {
            answers.extend(part.iter().take(read));
        }
        Ok(answers)
    }

    /// An error where the server caught a panic: that ended one connection, and no other shows it.
    fn check_panics(&self) -> io::Result<()> {
        let mut metrics = String::new();
        text::encode(&mut metrics, &self.registry).map_err(io::Error::other)?;
        let counted = |line: &&str| line.contains("panics_total{") && !line.ends_with(" 0");
        let panics = metrics.lines().find(counted).map(str::to_owned);
        panics.map_or(Ok(()), |panics| Err(io::Error::other(panics)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_bytes_leave_the_face_serving() {
        fuzz::run(&fuzz::seeds("connection"), 1_000, connection);
    }
}
