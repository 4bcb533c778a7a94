//! A protocol of frames over raw TCP on the server that the HTTP faces use: the server provides everything but the frames.
//!
//! A frame is a length of four bytes and as many bytes, which are sent back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kubekv::face::server::{
    Arrival, Connection, ConnectionPermits, LeadershipCheck, Protocol, RequestInFlight, Server,
    ServerContext, ServerMetrics, Serving, Stopping, Stream,
};
use prometheus_client::registry::Registry;
use support::metrics::registered;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use crate::harness::{CONNECTIONS, IN_FLIGHT, wait_for};

/// Requests whose answers were sent.
const ANSWERED: &str = "face_requests_total{face=\"test\",method=\"echo\",status=\"0\"}";

#[derive(Debug)]
struct Echo {
    /// Lets frames that hold `hold` be answered.
    release: Arc<Notify>,
}

impl Echo {
    async fn frames(
        &self,
        stream: &mut Stream,
        ends: Connection,
        server: &Arc<ServerContext>,
        stopping: &Stopping,
    ) -> io::Result<()> {
        loop {
            let length = tokio::select! {
                length = stream.read_u32() => length?,
                () = stopping.wait() => return Ok(()),
            };
            let mut frame = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut frame).await?;
            let mut request = RequestInFlight::begin(server, "echo");
            match frame.as_slice() {
                b"hold" => self.release.notified().await,
                b"peer" => frame = ends.peer.to_string().into_bytes(),
                b"panic" => panic!("a panic on purpose"),
                _ => {}
            }
            server.check_leadership().await.map_err(io::Error::other)?;
            request.set_status(0);
            stream.write_all(&framed(&frame)).await?;
            stream.flush().await?;
        }
    }
}

impl Protocol for Echo {
    fn serve(
        self: Arc<Self>,
        arrival: Arrival,
        server: Arc<ServerContext>,
        stopping: Stopping,
    ) -> Serving {
        Box::pin(async move {
            let Arrival { mut stream, ends } = arrival;
            let _broken = self.frames(&mut stream, ends, &server, &stopping).await;
        })
    }
}

/// A running server of frames.
struct Frames {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    arrivals: mpsc::Sender<Arrival>,
    release: Arc<Notify>,
    leads: Arc<AtomicBool>,
    registry: Registry,
}

impl Frames {
    async fn start(permits: usize, drain: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut registry = Registry::default();
        let metrics = ServerMetrics::register(&mut registry);
        let (stop, switch) = watch::channel(false);
        let (arrivals, taken) = mpsc::channel(1);
        let (release, leads) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(true)));
        let held = Arc::clone(&leads);
        let leadership = LeadershipCheck::new(
            move || held.load(Ordering::Acquire),
            || Box::pin(std::future::ready(false)),
        );
        let permits = ConnectionPermits::new(permits);
        let server = Server::new("test", permits, metrics, leadership).with_drain(drain);
        let echo = Echo {
            release: Arc::clone(&release),
        };
        let stopping = Stopping::new(switch);
        let served = tokio::spawn(server.serve_also(listener, taken, Arc::new(echo), stopping));
        Self {
            address,
            stop,
            served,
            arrivals,
            release,
            leads,
            registry,
        }
    }

    /// Sends frames on a new connection.
    async fn send(&self, frames: &[&str]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        for frame in frames {
            stream.write_all(&framed(frame.as_bytes())).await.unwrap();
        }
        stream
    }

    async fn wait_for(&self, name: &str, value: u64) {
        wait_for(&self.registry, name, value).await;
    }
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    [&length, frame].concat()
}

/// The next frame; `None` where the connection was closed.
async fn frame(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let length = stream.read_u32().await.ok()?;
    let mut frame = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut frame).await.ok()?;
    Some(String::from_utf8(frame).unwrap())
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn frames_are_answered_and_counted() {
    let server = Frames::start(10, LONG).await;
    let mut client = server.send(&["a", "", "b"]).await;
    for answer in ["a", "", "b"] {
        assert_eq!(frame(&mut client).await.as_deref(), Some(answer));
    }
    server.wait_for(ANSWERED, 3).await;
    server.wait_for(CONNECTIONS, 1).await;
    server.wait_for(IN_FLIGHT, 0).await;
    drop(client);
    server.wait_for(CONNECTIONS, 0).await;
}

#[tokio::test]
async fn a_connection_without_a_permit_is_closed_and_counted() {
    let server = Frames::start(1, LONG).await;
    let first = server.send(&[]).await;
    server.wait_for(CONNECTIONS, 1).await;
    // It may be closed before a frame could be written.
    let mut second = server.send(&[]).await;
    assert_eq!(frame(&mut second).await, None);
    let refused = "face_connections_refused_total{face=\"test\",reason=\"total\"}";
    assert_eq!(registered(&server.registry, refused), 1);
    drop(first);
    server.wait_for(CONNECTIONS, 0).await;
    let mut third = server.send(&["a"]).await;
    assert_eq!(frame(&mut third).await.as_deref(), Some("a"));
}

#[tokio::test]
async fn drain_ends_idle_connections_and_waits_for_frames_in_flight() {
    let server = Frames::start(10, LONG).await;
    let mut idle = server.send(&[]).await;
    let mut held = server.send(&["hold"]).await;
    server.wait_for(CONNECTIONS, 2).await;
    server.wait_for(IN_FLIGHT, 1).await;
    server.stop.send(true).unwrap();
    assert_eq!(frame(&mut idle).await, None);
    assert!(
        !server.served.is_finished(),
        "the drain ended with a frame in flight"
    );
    server.release.notify_one();
    assert_eq!(frame(&mut held).await.as_deref(), Some("hold"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn drain_closes_all_connections_at_its_deadline() {
    let server = Frames::start(10, Duration::from_millis(50)).await;
    let mut held = server.send(&["hold"]).await;
    server.wait_for(IN_FLIGHT, 1).await;
    server.stop.send(true).unwrap();
    server.served.await.unwrap();
    assert_eq!(frame(&mut held).await, None);
}

#[tokio::test]
async fn nothing_is_answered_after_leadership_is_lost() {
    let server = Frames::start(10, LONG).await;
    let mut client = server.send(&["a", "hold"]).await;
    assert_eq!(frame(&mut client).await.as_deref(), Some("a"));
    server.wait_for(IN_FLIGHT, 1).await;
    server.leads.store(false, Ordering::Release);
    server.release.notify_one();
    assert_eq!(frame(&mut client).await, None);
    let gone = "face_requests_total{face=\"test\",method=\"echo\",status=\"gone\"}";
    server.wait_for(gone, 1).await;
    server.wait_for(ANSWERED, 1).await;
}

#[tokio::test]
async fn a_relayed_connection_has_the_address_of_its_client() {
    let server = Frames::start(10, LONG).await;
    let (mut client, relayed): (DuplexStream, DuplexStream) = duplex(64);
    let ends = Connection::plaintext("10.0.0.1:7".parse().unwrap(), server.address);
    let arrival = Arrival::relayed(relayed, |_stream| None, ends);
    server.arrivals.send(arrival).await.unwrap();
    client.write_all(&framed(b"peer")).await.unwrap();
    assert_eq!(frame(&mut client).await.as_deref(), Some("10.0.0.1:7"));
    server.wait_for(CONNECTIONS, 1).await;
}

#[tokio::test]
async fn a_panic_closes_only_its_connection_and_is_counted() {
    let server = Frames::start(10, LONG).await;
    let mut client = server.send(&["panic"]).await;
    assert_eq!(frame(&mut client).await, None);
    server.wait_for("face_panics_total{face=\"test\"}", 1).await;
    server.wait_for(IN_FLIGHT, 0).await;
    server.wait_for(CONNECTIONS, 0).await;
    let mut next = server.send(&["a"]).await;
    assert_eq!(frame(&mut next).await.as_deref(), Some("a"));
}
