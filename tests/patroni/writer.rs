//! A client that writes all the time and measures its longest outage.
#![expect(
    clippy::disallowed_methods,
    reason = "processes have no clock that could be paused"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Its timeout: that of libkv's client.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes a key through the gateways' etcd face, one after another where one fails.
#[derive(Debug)]
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Writer {
    pub(crate) fn start(gateways: Vec<SocketAddr>) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            let mut last = Instant::now();
            for to in gateways.iter().cycle() {
                if stopping.load(Ordering::Relaxed) {
                    break;
                }
                while write(*to).is_some_and(|answer| answer.starts_with("HTTP/1.1 20")) {
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                    if stopping.load(Ordering::Relaxed) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            longest
        });
        Self { stop, thread }
    }

    /// The longest time from one write that succeeded to the next.
    pub(crate) fn longest_gap(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn write(to: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = "PUT /v2/keys/written?value=v HTTP/1.1\r\nHost: x\r\nContent-Length: 0";
    write!(stream, "{head}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
