//! Version of a request.

/// The version of a request, as far as the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1, or a later HTTP/1.
    Http11,
}
