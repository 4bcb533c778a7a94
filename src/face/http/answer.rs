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

/// Capacity for the head of nearly every answer and a short body, in bytes.
const HEAD: usize = 512;

/// The framing of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// No body.
    Nothing,
    /// With a `Content-Length`.
    Length,
    /// In chunks (`Transfer-Encoding: chunked`).
    Chunked,
    /// Until the connection closes: the only framing of HTTP/1.0 for a body of unknown length.
    UntilClosed,
}

/// What the framing of an answer takes from its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestFacts {
    pub(super) version: Version,
    pub(super) is_head: bool,
    pub(super) keep_alive: bool,
}

impl RequestFacts {
    pub(super) fn new(method: &Method, version: Version, keep_alive: bool) -> Self {
        Self {
            version,
            is_head: *method == Method::HEAD,
            keep_alive,
        }
    }
}

/// Appends the head of an answer; returns how its body is framed, and whether the connection stays open after it.
pub(super) fn push_head(
    out: &mut BytesMut,
    facts: RequestFacts,
    answer: &http::Response<axum::body::Body>,
    date: &Date,
) -> (Shape, bool) {
    out.reserve(HEAD);
    let (status, headers) = (answer.status(), answer.headers());
    let shape = shape(facts, status, answer.body());
    let closes = headers
        .get(CONNECTION)
        .is_some_and(|value| value == "close");
    let keeps = facts.keep_alive && !closes && shape != Shape::UntilClosed;
    push_status(out, facts.version, status);
    for (name, value) in headers {
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, DATE].contains(name) {
            push_header(out, name.as_str(), value.as_bytes());
        }
    }
    push_header(out, "date", &date.now());
    match length(facts, answer) {
        Some(length) if has_length(status) && shape != Shape::Chunked => {
            push_header(out, "content-length", length.to_string().as_bytes());
        }
        _ if shape == Shape::Chunked => push_header(out, "transfer-encoding", b"chunked"),
        Some(_) | None => {}
    }
    match facts.version {
        Version::Http11 if !keeps => push_header(out, "connection", b"close"),
        Version::Http10 if keeps => push_header(out, "connection", b"keep-alive"),
        Version::Http10 | Version::Http11 => {}
    }
    out.extend_from_slice(b"\r\n");
    (shape, keeps)
}

/// The length for `Content-Length`. A router removes the body of an answer to `HEAD` and leaves its length as a header; for
/// an empty body Go sends none.
fn length(facts: RequestFacts, answer: &http::Response<axum::body::Body>) -> Option<u64> {
    let exact = answer.body().size_hint().exact();
    if !facts.is_head {
        return exact;
    }
    let header = answer.headers().get(CONTENT_LENGTH);
    let length = header.and_then(|length| length.to_str().ok()?.parse().ok());
    length.or(exact).filter(|length| *length > 0)
}

fn shape(facts: RequestFacts, status: StatusCode, body: &axum::body::Body) -> Shape {
    let exact = body.size_hint().exact();
    if facts.is_head || !has_length(status) {
        return Shape::Nothing;
    }
    match (exact, facts.version) {
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
    out.extend_from_slice(reason(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The words for a status as Go has them, up to 1.19 and later.
fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
        _ => status.canonical_reason().unwrap_or("status code"),
    }
}

/// Appends a header in Go's spelling, with a capital at the start of each word: scripts and some clients compare names by
/// spelling.
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

/// The line before a chunk.
pub(super) fn chunk_header(piece: &Bytes) -> String {
    format!("{:x}\r\n", piece.len())
}

/// The `Date` header, formatted once a second.
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

    fn head(facts: RequestFacts, answer: &Response<Body>) -> (String, Shape, bool) {
        let mut out = BytesMut::new();
        let (shape, keeps) = push_head(&mut out, facts, answer, &Date::default());
        (String::from_utf8(out.to_vec()).unwrap(), shape, keeps)
    }

    fn facts(version: Version) -> RequestFacts {
        RequestFacts::new(&Method::GET, version, true)
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
    fn header_names_are_spelled_as_go_does() {
        let mut answer = Response::new(Body::from("abc"));
        for name in ["x-consul-index", "x-etcd-cluster-id", "vary"] {
            answer.headers_mut().insert(name, "7".parse().unwrap());
        }
        let (text, shape, keeps) = head(facts(Version::Http11), &answer);
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
    fn an_http_1_0_body_of_unknown_length_ends_with_the_connection() {
        let (text, shape, keeps) = head(facts(Version::Http10), &stream());
        assert!(
            !text.contains("Connection") && !text.contains("Transfer"),
            "{text}"
        );
        assert_eq!((shape, keeps), (Shape::UntilClosed, false));
        let (text, _, keeps) = head(facts(Version::Http10), &Response::new(Body::from("a")));
        assert!(text.starts_with("HTTP/1.0 200 OK\r\n"));
        assert!(text.contains("\r\nConnection: keep-alive\r\n") && keeps);
        let (text, shape, keeps) = head(facts(Version::Http11), &stream());
        assert!(text.contains("\r\nTransfer-Encoding: chunked\r\n"));
        assert_eq!((shape, keeps), (Shape::Chunked, true));
    }

    #[test]
    fn bodiless_answers_have_no_body() {
        let head_of = RequestFacts::new(&Method::HEAD, Version::Http11, true);
        let (text, shape, _) = head(head_of, &Response::new(Body::from("abc")));
        assert!(text.contains("\r\nContent-Length: 3\r\n"));
        assert_eq!(shape, Shape::Nothing);
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let (text, shape, _) = head(facts(Version::Http11), &answer);
        assert!(!text.contains("Content-Length"));
        assert_eq!(shape, Shape::Nothing);
    }

    #[test]
    fn words_for_a_status_are_gos() {
        for (status, line) in [
            (404, "HTTP/1.1 404 Not Found\r\n"),
            (413, "HTTP/1.1 413 Request Entity Too Large\r\n"),
        ] {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            let (text, ..) = head(facts(Version::Http11), &answer);
            assert!(text.starts_with(line), "{text}");
        }
    }

    #[test]
    fn a_face_may_close_the_connection() {
        let mut answer = Response::new(Body::empty());
        answer
            .headers_mut()
            .insert(CONNECTION, "close".parse().unwrap());
        let (text, _, keeps) = head(facts(Version::Http11), &answer);
        assert_eq!(text.matches("Connection: close\r\n").count(), 1);
        assert!(!keeps);
    }
}
