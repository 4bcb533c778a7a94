//! Answer head: status line and headers, spelled as Go's server spells them.

use std::time::{Duration, UNIX_EPOCH};

use axum::body::Bytes;
use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use http_body::Body as _;
use parking_lot::Mutex;

use super::version::Version;
use crate::model::time::unix_ms;

/// Room for the head of nearly every answer, in bytes, and a short body.
const HEAD: usize = 512;

/// How the body of an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// None is written.
    Nothing,
    /// Its length was said.
    Length,
    /// In chunks.
    Chunked,
    /// Until the connection closes: HTTP/1.0 knows nothing else for a body whose length is not known.
    UntilClosed,
}

/// What an answer depends on, besides what the face said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) version: Version,
    pub(super) is_head: bool,
    pub(super) keep_alive: bool,
}

impl Asked {
    pub(super) fn new(method: &Method, version: Version, keep_alive: bool) -> Self {
        Self {
            version,
            is_head: *method == Method::HEAD,
            keep_alive,
        }
    }
}

/// Writes the head of an answer; how its body is written, and whether the connection stays open after it.
pub(super) fn push_head(
    out: &mut BytesMut,
    asked: Asked,
    answer: &http::Response<axum::body::Body>,
    date: &Date,
) -> (Shape, bool) {
    out.reserve(HEAD);
    let (status, headers) = (answer.status(), answer.headers());
    let shape = shape(asked, status, answer.body());
    let closes = headers
        .get(CONNECTION)
        .is_some_and(|value| value == "close");
    let keeps = asked.keep_alive && !closes && shape != Shape::UntilClosed;
    push_status(out, asked.version, status);
    for (name, value) in headers {
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, DATE].contains(name) {
            push_header(out, name.as_str(), value.as_bytes());
        }
    }
    push_header(out, "date", &date.now());
    match length(asked, answer) {
        Some(length) if has_length(status) && shape != Shape::Chunked => {
            push_header(out, "content-length", length.to_string().as_bytes());
        }
        _ if shape == Shape::Chunked => push_header(out, "transfer-encoding", b"chunked"),
        Some(_) | None => {}
    }
    match asked.version {
        Version::Http11 if !keeps => push_header(out, "connection", b"close"),
        Version::Http10 if keeps => push_header(out, "connection", b"keep-alive"),
        Version::Http10 | Version::Http11 => {}
    }
    out.extend_from_slice(b"\r\n");
    (shape, keeps)
}

/// The length of the body, as it is told. A router takes the body of an answer to `HEAD` away and leaves its length as a
/// header; where there is none Go says nothing.
fn length(asked: Asked, answer: &http::Response<axum::body::Body>) -> Option<u64> {
    let exact = answer.body().size_hint().exact();
    if !asked.is_head {
        return exact;
    }
    let said = answer.headers().get(CONTENT_LENGTH);
    let said = said.and_then(|said| said.to_str().ok()?.parse().ok());
    said.or(exact).filter(|length| *length > 0)
}

fn shape(asked: Asked, status: StatusCode, body: &axum::body::Body) -> Shape {
    let exact = body.size_hint().exact();
    if asked.is_head || !has_length(status) {
        return Shape::Nothing;
    }
    match (exact, asked.version) {
        (Some(_), _) => Shape::Length,
        (None, Version::Http11) => Shape::Chunked,
        (None, Version::Http10) => Shape::UntilClosed,
    }
}

/// Whether answers with this status have a body.
fn has_length(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

fn push_status(out: &mut BytesMut, version: Version, status: StatusCode) {
    out.extend_from_slice(match version {
        Version::Http10 => b"HTTP/1.0 ",
        Version::Http11 => b"HTTP/1.1 ",
    });
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b" ");
    let reason = status.canonical_reason().unwrap_or("status code");
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A header in Go's spelling: a capital at the start of each word. Scripts and clients compare names by spelling.
fn push_header(out: &mut BytesMut, name: &str, value: &[u8]) {
    let mut starts = true;
    out.extend(name.bytes().map(|byte| {
        let spelled = if starts {
            byte.to_ascii_uppercase()
        } else {
            byte
        };
        starts = byte == b'-';
        spelled
    }));
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// What stands before a piece of a body that is sent in chunks.
pub(super) fn chunk_begins(piece: &Bytes) -> String {
    format!("{:x}\r\n", piece.len())
}

/// The time of day in the `Date` header, written once a second.
#[derive(Debug, Default)]
pub(super) struct Date(Mutex<(i64, Bytes)>);

impl Date {
    fn now(&self) -> Bytes {
        let second = unix_ms() / 1_000;
        let mut last = self.0.lock();
        if last.0 != second || last.1.is_empty() {
            let since = Duration::from_secs(second.try_into().unwrap_or_default());
            let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
            *last = (second, text.into());
        }
        last.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Response;

    use super::*;

    fn head(asked: Asked, answer: &Response<Body>) -> (String, Shape, bool) {
        let mut out = BytesMut::new();
        let (shape, keeps) = push_head(&mut out, asked, answer, &Date::default());
        (String::from_utf8(out.to_vec()).unwrap(), shape, keeps)
    }

    fn asked(version: Version) -> Asked {
        Asked::new(&Method::GET, version, true)
    }

    fn stream() -> Response<Body> {
        Response::new(Body::new(Endless))
    }

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn names_are_spelled_as_go_does() {
        let mut answer = Response::new(Body::from("abc"));
        for name in ["x-consul-index", "x-etcd-cluster-id", "vary"] {
            answer.headers_mut().insert(name, "7".parse().unwrap());
        }
        let (text, shape, keeps) = head(asked(Version::Http11), &answer);
        for line in [
            "X-Consul-Index: 7",
            "X-Etcd-Cluster-Id: 7",
            "Vary: 7",
            "Content-Length: 3",
        ] {
            assert!(text.contains(&format!("\r\n{line}\r\n")), "{text}");
        }
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"));
        assert!(text.contains("\r\nDate: ") && !text.contains("Connection"));
        assert_eq!((shape, keeps), (Shape::Length, true));
    }

    #[test]
    fn a_stream_of_http_1_0_closes_and_does_not_say_otherwise() {
        let (text, shape, keeps) = head(asked(Version::Http10), &stream());
        assert!(
            !text.contains("Connection") && !text.contains("Transfer"),
            "{text}"
        );
        assert_eq!((shape, keeps), (Shape::UntilClosed, false));
        let (text, _, keeps) = head(asked(Version::Http10), &Response::new(Body::from("a")));
        assert!(text.starts_with("HTTP/1.0 200 OK\r\n"));
        assert!(text.contains("\r\nConnection: keep-alive\r\n") && keeps);
        let (text, shape, keeps) = head(asked(Version::Http11), &stream());
        assert!(text.contains("\r\nTransfer-Encoding: chunked\r\n"));
        assert_eq!((shape, keeps), (Shape::Chunked, true));
    }

    #[test]
    fn answers_without_a_body_have_none() {
        let head_of = Asked::new(&Method::HEAD, Version::Http11, true);
        let (text, shape, _) = head(head_of, &Response::new(Body::from("abc")));
        assert!(text.contains("\r\nContent-Length: 3\r\n"));
        assert_eq!(shape, Shape::Nothing);
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let (text, shape, _) = head(asked(Version::Http11), &answer);
        assert!(!text.contains("Content-Length"));
        assert_eq!(shape, Shape::Nothing);
    }

    #[test]
    fn a_face_may_close_the_connection() {
        let mut answer = Response::new(Body::empty());
        answer
            .headers_mut()
            .insert(CONNECTION, "close".parse().unwrap());
        let (text, _, keeps) = head(asked(Version::Http11), &answer);
        assert_eq!(text.matches("Connection: close\r\n").count(), 1);
        assert!(!keeps);
    }
}
