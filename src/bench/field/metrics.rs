//! The requests that an etcd was asked, as its metrics count them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long it has to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The most bytes of its answer.
const MOST: u64 = 16 << 20;

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
        let parsed = address.parse().map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&parsed, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let request =
            format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.take(MOST).read_to_string(&mut answer)?;
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
