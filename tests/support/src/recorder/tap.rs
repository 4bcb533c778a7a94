//! `Tap`: the reader of one connection that passes through the recorder.

/// A reader of both directions of a connection.
pub(super) trait Tap: Send {
    /// Takes bytes of the client, and returns those to be sent on to the server.
    fn requests(&mut self, bytes: &[u8]) -> Vec<u8>;

    /// Takes bytes of the server, and returns those to be sent on to the client.
    fn answers(&mut self, bytes: &[u8]) -> Vec<u8>;

    /// Whether a request is not answered yet whose target has this text in it.
    fn waits_for(&self, target: &str) -> bool;
}
