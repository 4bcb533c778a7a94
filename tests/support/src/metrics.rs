//! Metrics of a running gateway, or of a registry within a test.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use crate::requests::ask;
use crate::running::Running;

/// The longest wait for a value of a metric.
const PATIENCE: Duration = Duration::from_secs(120);

/// The value in a text of metrics; of one that has labels which `name` does not give, the sum. 0 where it was never counted.
fn value(metrics: &str, name: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        (labels.is_empty() || labels.starts_with('{')).then(|| value.parse::<u64>().unwrap())
    });
    values.sum()
}

/// A metric of a gateway.
pub fn metric(gateway: &Running, name: &str) -> u64 {
    value(&ask(gateway.admin, "GET /metrics"), name)
}

/// A metric of a registry.
pub fn registered(registry: &Registry, name: &str) -> u64 {
    let mut metrics = String::new();
    encode(&mut metrics, registry).unwrap();
    value(&metrics, name)
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
