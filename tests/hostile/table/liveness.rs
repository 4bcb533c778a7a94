//! Liveness as a kubelet probes it: `/livez` of the admin port.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::server::page;

/// The time after which a kubelet gives a probe up, unless it is configured.
const KUBELET: Duration = Duration::from_secs(1);

/// The pause between two probes.
const PAUSE: Duration = Duration::from_millis(250);

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Probes of one gateway, until it is dropped.
#[derive(Debug)]
pub(super) struct Liveness {
    slowest_ms: Arc<AtomicU64>,
    probing: JoinHandle<()>,
}

impl Liveness {
    /// Begins to probe.
    pub(super) fn probe(admin: SocketAddr) -> Self {
        let slowest_ms = Arc::new(AtomicU64::new(0));
        let slowest = Arc::clone(&slowest_ms);
        let probing = tokio::spawn(async move {
            loop {
                let began = Instant::now();
                let _answer = timeout(PATIENCE, page(admin, "/livez")).await;
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                slowest.fetch_max(took, Ordering::Relaxed);
                sleep(PAUSE).await;
            }
        });
        Self {
            slowest_ms,
            probing,
        }
    }

    /// A note where a kubelet would have given a probe up.
    pub(super) fn note(&self) -> Option<String> {
        let slowest = Duration::from_millis(self.slowest_ms.load(Ordering::Relaxed));
        (slowest > KUBELET).then(|| format!("/livez took {:.1} s", slowest.as_secs_f64()))
    }
}

impl Drop for Liveness {
    fn drop(&mut self) {
        self.probing.abort();
    }
}
