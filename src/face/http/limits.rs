//! Limits of HTTP requests and connections.

use std::time::Duration;

/// The limits of one HTTP protocol.
///
/// None ends a connection that is idle between requests: as with Go's servers, it may stay open for ever, so that no client
/// sends a request that it cannot repeat on a connection that is just being closed. TCP keep-alive ends connections whose
/// client is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest request line with headers, in bytes; 431 above it, and where there are more than 4,096 headers. Go's
    /// own limit by default: libkv and `etcdctl` send the value a key had before in the query.
    pub head_bytes: usize,
    /// How many requests whose line and headers are longer than 64 KiB are read or answered at once; more wait.
    pub long_heads: usize,
    /// From the first byte of a request to the end of its headers; the connection is closed after it.
    pub head: Duration,
    /// The longest pause in a request's body.
    pub body_pause: Duration,
    /// How long a client may take no byte of an answer that waits for it.
    pub write_pause: Duration,
    /// How long a client that closed its sending side may wait for its answer; a poll is given up after it.
    pub half_closed: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: (1 << 20) + (4 << 10),
            long_heads: 64,
            head: Duration::from_secs(10),
            body_pause: Duration::from_secs(30),
            write_pause: Duration::from_secs(30),
            half_closed: Duration::from_secs(1),
        }
    }
}
