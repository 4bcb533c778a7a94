//! What one server takes before it says no.

use std::time::Duration;

/// The bounds of a server.
///
/// None of them touches a connection that is idle between requests: like Go's servers, it may
/// stay for as long as it lives, so that no client finds its kept connection closed under a request it cannot repeat.
/// TCP keep-alive ends those whose other side is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest request line with headers, in bytes; 431 above it, and where there are more than 100 headers.
    pub head_bytes: usize,
    /// From the first byte of a request to the end of its headers; the connection is closed after it.
    pub head: Duration,
    /// The longest pause in a request's body.
    pub body_pause: Duration,
    /// How long a client may take no byte of an answer that waits for it.
    pub write_pause: Duration,
    /// How long requests in flight may go on when the gateway is stopping.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            head: Duration::from_secs(10),
            body_pause: Duration::from_secs(30),
            write_pause: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}
