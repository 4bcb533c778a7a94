//! Request target: path and query, byte for byte as the client wrote them.
//!
//! `http::Uri` cuts a target at `#`, refuses `<`, `>` and other bytes, and holds 64 KiB at most. Go's server, which Consul and
//! etcd are built on, does none of that, and keys are read from the target.

use axum::body::Bytes;
use http::uri::PathAndQuery;
use http::{Extensions, Uri};

/// The target of a request. Every request from a server carries one as an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestTarget {
    /// From the first slash to the question mark, still percent-encoded; empty where a `CONNECT` names a host instead.
    pub path: Bytes,
    /// What follows the question mark, where there is one.
    pub query: Option<Bytes>,
}

impl RequestTarget {
    /// Splits a target at its first question mark.
    pub(super) fn split(text: &Bytes) -> Self {
        match text.iter().position(|byte| *byte == b'?') {
            Some(mark) => Self {
                path: text.slice(..mark),
                query: Some(text.slice(mark + 1..)),
            },
            None => Self {
                path: text.clone(),
                query: None,
            },
        }
    }

    /// The target of a request from a server; of a request made otherwise, its URI.
    pub fn of(extensions: &Extensions, uri: &Uri) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self {
            path: Bytes::copy_from_slice(uri.path().as_bytes()),
            query: uri
                .query()
                .map(|query| Bytes::copy_from_slice(query.as_bytes())),
        })
    }

    /// The path as a URI; `*`, which is no path, where it cannot be one.
    pub(super) fn as_uri(&self) -> Uri {
        let path = PathAndQuery::from_maybe_shared(self.path.clone());
        match path {
            Ok(path) if !self.path.contains(&b'#') => Uri::from(path),
            Ok(_) | Err(_) => Uri::from(PathAndQuery::from_static("*")),
        }
    }

    /// What follows the question mark; empty where there is none.
    pub fn query(&self) -> &[u8] {
        self.query.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_question_mark_splits() {
        let split = |text: &'static str| RequestTarget::split(&Bytes::from_static(text.as_bytes()));
        let target = split("/a#b?c=<d>?e");
        assert_eq!(target.path, "/a#b");
        assert_eq!(target.query(), b"c=<d>?e");
        assert_eq!(split("/a").query, None);
        assert_eq!(split("/a?").query, Some(Bytes::new()));
    }
}
