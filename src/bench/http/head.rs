//! The head of a response: its status, and how its body is delimited.

use bytes::BytesMut;

use crate::bench::client::Failure;

/// The most headers of a response.
const MOST_HEADERS: usize = 32;

/// The longest head of a response, in bytes.
const MOST_HEAD_BYTES: usize = 64 << 10;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// After this many bytes.
    Length(usize),
    /// After the last chunk.
    Chunks,
    /// With the connection.
    Close,
}

/// What a connection must know of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    pub(super) body: BodyEnd,
    /// The length of the head itself, in bytes.
    pub(super) length: usize,
    /// Whether the server closes the connection after the body.
    pub(super) is_last: bool,
}

impl ResponseHead {
    /// Parses a head; `None` while it is incomplete.
    pub(super) fn parse(input: &BytesMut) -> Result<Option<Self>, Failure> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(input) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if input.len() > MOST_HEAD_BYTES => {
                return Err(Failure::BadAnswer("an endless head".to_owned()));
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(Failure::BadAnswer(error.to_string())),
        };
        let status = response.code.unwrap_or(0);
        let mut head = Self {
            status,
            body: BodyEnd::Close,
            length,
            is_last: response.version == Some(0),
        };
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("content-length") {
                head.body = BodyEnd::Length(number(header.value)?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                head.body = BodyEnd::Chunks;
            } else if header.name.eq_ignore_ascii_case("connection") {
                head.is_last = header.value.eq_ignore_ascii_case(b"close");
            }
        }
        if matches!(status, 100..=199 | 204 | 304) {
            head.body = BodyEnd::Length(0);
        }
        head.is_last |= head.body == BodyEnd::Close;
        Ok(Some(head))
    }
}

fn number(text: &[u8]) -> Result<usize, Failure> {
    let parsed = std::str::from_utf8(text).ok();
    parsed
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| Failure::BadAnswer("Content-Length is not a number".to_owned()))
}
