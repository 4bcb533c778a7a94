//! The head of a response: its status, and how its body is delimited.

use bytes::BytesMut;

use crate::bench::client::Failure;

/// The most headers of a response.
const MOST_HEADERS: usize = 64;

/// The longest head of a response, in bytes.
const MOST_HEAD_BYTES: usize = 64 << 10;

/// The end of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunks,
    /// With the connection.
    Close,
}

/// The head of a response, as far as a connection must know it.
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
                head.body = body_of(head.body, number(header.value)?)?;
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                head.body = BodyEnd::Chunks;
            } else if header.name.eq_ignore_ascii_case("connection") {
                head.is_last |= header.value.eq_ignore_ascii_case(b"close");
            }
        }
        if matches!(status, 100..=199 | 204 | 304) {
            head.body = BodyEnd::Length(0);
        }
        head.is_last |= head.body == BodyEnd::Close;
        Ok(Some(head))
    }
}

/// The end of a body whose length is given, after what earlier headers say: chunks count more, another length is an error.
fn body_of(earlier: BodyEnd, length: u64) -> Result<BodyEnd, Failure> {
    match earlier {
        BodyEnd::Chunks => Ok(BodyEnd::Chunks),
        BodyEnd::Length(other) if other != length => {
            Err(Failure::BadAnswer("two lengths of a body".to_owned()))
        }
        BodyEnd::Length(_) | BodyEnd::Close => Ok(BodyEnd::Length(length)),
    }
}

fn number(text: &[u8]) -> Result<u64, Failure> {
    let digits = text.trim_ascii();
    let parsed = std::str::from_utf8(digits).ok();
    parsed
        // The parser would take a sign.
        .filter(|_| digits.iter().all(u8::is_ascii_digit))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::BadAnswer("Content-Length is not a number".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(headers: &str) -> Result<BodyEnd, Failure> {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let parsed = ResponseHead::parse(&BytesMut::from(head.as_bytes()))?;
        Ok(parsed.unwrap().body)
    }

    #[test]
    fn a_body_ends_where_the_headers_say_without_contradiction() {
        let chunked = "Transfer-Encoding: chunked\r\n";
        let length = "Content-Length: 5\r\n";
        assert_eq!(parse(length), Ok(BodyEnd::Length(5)));
        assert_eq!(parse(&[length, length].concat()), Ok(BodyEnd::Length(5)));
        assert_eq!(parse(&[chunked, length].concat()), Ok(BodyEnd::Chunks));
        assert_eq!(parse(&[length, chunked].concat()), Ok(BodyEnd::Chunks));
        assert_eq!(parse(""), Ok(BodyEnd::Close));
        for wrong in ["-5", "+5", "5 5", "x", "", "18446744073709551616"] {
            let header = format!("Content-Length: {wrong}\r\n");
            assert!(parse(&header).is_err(), "{wrong}");
        }
        assert!(parse(&[length, "Content-Length: 6\r\n"].concat()).is_err());
    }

    #[test]
    fn heads_are_bounded() {
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MOST_HEAD_BYTES));
        let parsed = ResponseHead::parse(&BytesMut::from(endless.as_bytes()));
        assert!(parsed.is_err());
        assert!(parse(&"X: x\r\n".repeat(MOST_HEADERS + 1)).is_err());
    }
}
