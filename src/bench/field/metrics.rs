//! The requests that an etcd was asked, as its metrics count them.

use serde::{Deserialize, Serialize};

use super::plain_get::plain_get;

/// What an etcd was asked and sent so far, by all of its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackendCounts {
    /// Requests that began, each watch as one.
    pub requests: f64,
    /// Bytes from and to clients.
    pub bytes: f64,
}

impl BackendCounts {
    /// The counts of the etcd at HOST:PORT.
    pub fn read(address: &str) -> std::io::Result<Self> {
        let answer = plain_get(address, "/metrics")?;
        Ok(Self::parse(&answer))
    }

    fn parse(metrics: &str) -> Self {
        let mut counts = Self::default();
        for line in metrics.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.parse::<f64>() else {
                continue;
            };
            match name.split('{').next().unwrap_or_default() {
                "grpc_server_started_total" => counts.requests += value,
                "etcd_network_client_grpc_received_bytes_total"
                | "etcd_network_client_grpc_sent_bytes_total" => counts.bytes += value,
                _ => {}
            }
        }
        counts
    }

    /// What came since an earlier look, for each of some operations.
    #[must_use]
    pub fn since(self, earlier: Self, operations: f64) -> Self {
        let each = |now: f64, then: f64| (now - then).max(0.0) / operations.max(1.0);
        Self {
            requests: each(self.requests, earlier.requests),
            bytes: each(self.bytes, earlier.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_bytes_are_added_over_methods_and_directions() {
        let text = "HTTP/1.0 200 OK\r\n\r\n# HELP grpc_server_started_total x\n\
            grpc_server_started_total{grpc_method=\"Txn\",grpc_service=\"KV\"} 7\n\
            grpc_server_started_total{grpc_method=\"Range\"} 3\ngrpc_server_handled_total{a=\"b\"} 99\n\
            etcd_network_client_grpc_received_bytes_total 1e+03\netcd_network_client_grpc_sent_bytes_total 500\n";
        let counts = BackendCounts::parse(text);
        assert_eq!(
            counts,
            BackendCounts {
                requests: 10.0,
                bytes: 1_500.0
            }
        );
        let each = counts.since(BackendCounts::default(), 5.0);
        assert_eq!(
            each,
            BackendCounts {
                requests: 2.0,
                bytes: 300.0
            }
        );
    }
}
