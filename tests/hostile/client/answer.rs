//! Answer of a server, of which the start is kept.

use std::io;

/// The bytes of a body that are kept.
const KEPT: usize = 4 << 10;

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The index that a poll goes on from (`X-Consul-Index`, `X-Etcd-Index`); 0 without one.
    pub(crate) index: u64,
    /// Whether it says when to try again (`Retry-After`).
    pub(crate) has_retry_after: bool,
    /// Whether the server closes the connection after it.
    pub(crate) closes: bool,
    /// The length of its body as it was sent, in bytes.
    pub(crate) bytes: usize,
    /// The start of the body.
    pub(crate) start: Vec<u8>,
}

/// The end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(usize),
    /// By chunks.
    Chunked,
    /// When the connection closes.
    UntilClose,
}

impl Answer {
    /// The head of an answer and its length; `None` while it is incomplete.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Option<(Self, Framing, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut headers);
        let status = parsed.parse(bytes).map_err(io::Error::other)?;
        let httparse::Status::Complete(length) = status else {
            return Ok(None);
        };
        let mut answer = Self {
            status: parsed.code.unwrap_or_default(),
            ..Self::default()
        };
        let mut framing = Framing::UntilClose;
        for header in &*parsed.headers {
            let value = String::from_utf8_lossy(header.value);
            match header.name.to_ascii_lowercase().as_str() {
                "x-consul-index" | "x-etcd-index" => answer.index = value.parse().unwrap_or(0),
                "retry-after" => answer.has_retry_after = value.parse::<u32>().is_ok(),
                "connection" => answer.closes = value.eq_ignore_ascii_case("close"),
                "content-length" => {
                    framing = Framing::Length(value.parse().map_err(io::Error::other)?);
                }
                "transfer-encoding" => framing = Framing::Chunked,
                _ => {}
            }
        }
        if matches!(answer.status, 100..200 | 204 | 304) {
            framing = Framing::Length(0);
        }
        Ok(Some((answer, framing, length)))
    }

    /// Counts a part of the body.
    pub(super) fn take(&mut self, part: &[u8]) {
        self.bytes += part.len();
        let room = KEPT.saturating_sub(self.start.len()).min(part.len());
        self.start.extend_from_slice(&part[..room]);
    }

    /// The start of the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.start).into_owned()
    }

    /// Whether it refuses for the time being.
    pub(crate) fn is_later(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}
