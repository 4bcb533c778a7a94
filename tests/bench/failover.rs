//! Several servers: when one is gone, clients move on, and the outage is in the result.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kubekv::bench::operation::Operation;
use kubekv::config::SourceUrl;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::fake::{accept, read_request, write};
use crate::gateway::{load, measure, runtime, target};

/// An answer that etcd v2 gives to anything.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 1\r\nContent-Length: 29\r\n\r\n{\"node\":{\"modifiedIndex\":1}}\n";

/// Servers that answer everything; each ends after so many answers, and one that ends may come back.
struct Servers {
    addresses: Vec<SocketAddr>,
    answered: Arc<AtomicU64>,
    _runtime: Runtime,
}

async fn serve(mut stream: TcpStream, answered: Arc<AtomicU64>, most: u64, over: Arc<Notify>) {
    while read_request(&mut stream).await.is_some() {
        if answered.load(Ordering::Relaxed) == most {
            over.notify_one();
            return;
        }
        answered.fetch_add(1, Ordering::Relaxed);
        write(&mut stream, ANSWER).await;
    }
}

/// Serves so many answers at an address, then ends all connections and stops to listen.
async fn until(listener: TcpListener, most: u64, all: &Arc<AtomicU64>) {
    let (answered, over) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let connection = |stream| serve(stream, Arc::clone(&answered), most, Arc::clone(&over));
    tokio::select! {
        () = accept(&listener, &connection) => {}
        () = over.notified() => {}
    }
    all.fetch_add(answered.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// How long a server is gone before it comes back.
const OUTAGE: Duration = Duration::from_millis(400);

fn servers(lives: &'static [&'static [u64]]) -> Servers {
    let runtime = runtime();
    let answered = Arc::new(AtomicU64::new(0));
    let mut addresses = Vec::new();
    for lives in lives {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        addresses.push(address);
        let answered = Arc::clone(&answered);
        runtime.spawn(async move {
            let mut listener = Some(listener);
            for most in *lives {
                let listening = if let Some(first) = listener.take() {
                    first
                } else {
                    tokio::time::sleep(OUTAGE).await;
                    TcpListener::bind(address).await.unwrap()
                };
                until(listening, *most, &answered).await;
            }
        });
    }
    Servers {
        addresses,
        answered,
        _runtime: runtime,
    }
}

fn urls(servers: &Servers) -> SourceUrl {
    SourceUrl::Etcd2(servers.addresses.iter().map(ToString::to_string).collect())
}

#[test]
fn clients_move_on_to_the_server_that_is_left() {
    let servers = servers(&[&[10], &[u64::MAX]]);
    let measured = measure(&target(&urls(&servers)), load("put=1"));
    let record = &measured.recorder.operations[&Operation::Put];
    // Those under way when it went, and those whose client came to it once more.
    assert!((1..=8).contains(&record.failed()), "{:?}", record.failures);
    assert_eq!(record.answered + record.failed(), 100);
    assert_eq!(servers.answered.load(Ordering::Relaxed), 10);
    for failure in record.failures.keys() {
        assert!(failure.starts_with("connection: "), "{failure}");
    }
    assert!(measured.longest_gap < Duration::from_millis(497));
}

#[test]
fn the_longest_gap_is_how_long_no_server_answered() {
    let servers = servers(&[&[10, u64::MAX]]);
    let mut long = load("put=1");
    long.duration = Duration::from_millis(1_497);
    let measured = measure(&target(&urls(&servers)), long);
    let record = &measured.recorder.operations[&Operation::Put];
    assert_eq!(record.answered + record.failed() + measured.not_sent, 300);
    assert!(record.answered > 10, "{record:?}");
    assert!(measured.longest_gap >= OUTAGE, "{measured:?}");
    // However many attempts fail, their texts are few.
    assert!((1..=4).contains(&record.failures.len()));
}
