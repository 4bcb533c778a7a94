//! Request head: the request line and the headers, read as Go's `net/http` reads them.
//!
//! The rules are those of Go 1.15 to 1.19, which Consul 1.8 and etcd 3.4 are built with (`readRequest` in `request.go` and
//! `server.go`).

mod fields;
mod line;

use bytes::{Buf, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderName, Method};

use self::line::RequestLine;
use super::framing::Framing;
use super::refusal::Refusal;
use super::target::RequestTarget;
use super::version::Version;

/// What the first line of an HTTP/2 connection looks like to a reader of HTTP/1.
const HTTP2: &[u8] = b"PRI * HTTP/2.0";

/// A request without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) target: RequestTarget,
    pub(super) headers: HeaderMap,
    /// What its body looks like.
    pub(super) framing: Framing,
    pub(super) version: Version,
    /// Whether the client leaves the connection open for another request.
    pub(super) keep_alive: bool,
}

/// What the bytes so far begin with.
#[derive(Debug)]
pub(super) enum Found {
    /// A request; its head was taken from the bytes.
    Head(Box<Head>),
    /// An HTTP/2 connection; nothing was taken.
    Http2,
    /// More bytes are needed.
    More,
}

/// Finds the end of a head in bytes that come in pieces, looking at each byte once.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Bytes looked at.
    seen: usize,
    /// Where the line begins that is being looked at.
    line: usize,
    /// The request line.
    first: Option<RequestLine>,
}

impl Reader {
    /// Reads the head that `input` begins with.
    pub(super) fn read(&mut self, input: &mut BytesMut, longest: usize) -> Result<Found, Refusal> {
        while let Some(at) = input
            .get(self.seen..)
            .and_then(|rest| rest.iter().position(|byte| *byte == b'\n'))
        {
            let end = self.seen + at;
            let line = fields::unbroken(input.get(self.line..end).unwrap_or_default());
            let is_last = line.is_empty();
            if end >= longest {
                return Err(Refusal::TOO_LARGE);
            }
            if self.first.is_none() {
                if line == HTTP2 {
                    return Ok(Found::Http2);
                }
                // Told at once: what follows a bad one may never come.
                self.first = Some(RequestLine::parse(line, end + 1)?);
            } else if is_last {
                let first = self.first.take().ok_or(Refusal::MALFORMED)?;
                *self = Self::default();
                return Ok(Found::Head(Box::new(whole(first, input, end + 1)?)));
            }
            self.seen = end + 1;
            self.line = end + 1;
        }
        self.seen = input.len();
        if self.seen > longest {
            return Err(Refusal::TOO_LARGE);
        }
        // Go waits for the line's end: a client of TLS or ZooKeeper would wait with it.
        if self.first.is_none() && !line::may_begin(input) {
            return Err(Refusal::MALFORMED);
        }
        Ok(Found::More)
    }
}

/// Takes a head of `length` bytes from the input.
fn whole(first: RequestLine, input: &mut BytesMut, length: usize) -> Result<Head, Refusal> {
    let mut headers = fields::parse(input.get(first.length..length).unwrap_or_default())?;
    fields::check_host(first.version, &first.method, &headers)?;
    let framing = Framing::of(first.version, &first.method, &headers)?;
    if matches!(framing, Framing::Chunked(_)) {
        // Nobody is to go by a length that does not count.
        headers.remove(CONTENT_LENGTH);
    }
    let keep_alive = match first.version {
        Version::Http11 => !has_token(&headers, &CONNECTION, "close"),
        Version::Http10 => {
            has_token(&headers, &CONNECTION, "keep-alive")
                && !has_token(&headers, &CONNECTION, "close")
        }
    };
    input.advance(length);
    Ok(Head {
        method: first.method,
        target: first.target,
        headers,
        framing,
        version: first.version,
        keep_alive,
    })
}

/// Whether one of the headers of this name lists this token.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}

impl Head {
    /// What the client expects before it sends the body; `None` where it just sends it.
    pub(super) fn expectation(&self) -> Option<Expectation> {
        self.headers.get(EXPECT).filter(|value| !value.is_empty())?;
        Some(if has_token(&self.headers, &EXPECT, "100-continue") {
            Expectation::Continue
        } else {
            Expectation::Unknown
        })
    }
}

/// What a client wants to be told before it sends a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expectation {
    /// That the body is wanted.
    Continue,
    /// Something no server knows.
    Unknown,
}

#[cfg(test)]
mod tests;
