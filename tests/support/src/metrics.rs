//! Metrics of a running gateway, or of a registry within a test.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::requests::ask;
use crate::running::Running;

/// How long a metric may take to have a value.
const PATIENCE: Duration = Duration::from_secs(120);

/// The value in a text of metrics; `name` has its labels.
fn value(metrics: &str, name: &str) -> Option<u64> {
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().map(|value| value.trim().parse().unwrap())
}

/// A metric of a gateway; 0 where it was never counted.
pub fn metric(gateway: &Running, name: &str) -> u64 {
    value(&ask(gateway.admin, "GET /metrics"), name).unwrap_or_default()
}

/// A metric of a registry; 0 where it was never counted.
pub fn registered(registry: &Registry, name: &str) -> u64 {
    let mut metrics = String::new();
    encode(&mut metrics, registry).unwrap();
    value(&metrics, name).unwrap_or_default()
}

/// Waits until a metric has a value: the whole line.
pub fn wait_for_metric(admin: SocketAddr, line: &str) {
    let began = Instant::now();
    loop {
        let metrics = ask(admin, "GET /metrics");
        if metrics.lines().any(|found| found == line) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "no {line} in {metrics}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
