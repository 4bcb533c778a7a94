//! Fuzz target of HTTP's parsers: the requests in any bytes are the same however the bytes arrive, and none reads past its end.

use bytes::BytesMut;

use super::framing::{BodyPart, Framing};
use super::head::{Found, Head, Reader};
use super::hosts::AllowedHosts;
use super::refusal::RequestRefusal;
use super::web_pages;

/// The longest head of the target, in bytes, and the longest input: a chunk's line may be as long as this where it comes at
/// once, and not where it comes in pieces.
const LONGEST: usize = 1 << 10;
const LONGEST_INPUT: usize = 4 << 10;

/// How what follows the last whole request is read.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    /// Bytes are missing.
    More,
    /// Another protocol.
    Http2,
    /// The connection ends after an answer, or without one.
    Refused,
}

/// Reads bytes as a connection does.
#[derive(Debug, Default)]
struct Requests {
    input: BytesMut,
    reader: Reader,
    /// The request whose body is being read.
    framing: Option<Framing>,
    /// Each request as text, and its body.
    found: Vec<(String, Vec<u8>)>,
}

/// The requests that a connection begins with.
pub(crate) fn http_requests(bytes: &[u8]) {
    if bytes.len() > LONGEST_INPUT {
        return;
    }
    let whole = read(bytes, bytes.len().max(1));
    for piece in [1, 7] {
        assert_eq!(read(bytes, piece), whole, "in pieces of {piece}");
    }
    let (found, _) = whole;
    let bodies: usize = found.iter().map(|(_, body)| body.len()).sum();
    assert!(bodies <= bytes.len(), "bodies are parts of the input");
}

fn read(bytes: &[u8], piece: usize) -> (Vec<(String, Vec<u8>)>, Rest) {
    let mut requests = Requests::default();
    for piece in bytes.chunks(piece) {
        requests.input.extend_from_slice(piece);
        if let Some(rest) = requests.take() {
            return (requests.found, rest);
        }
    }
    (requests.found, Rest::More)
}

impl Requests {
    /// Takes what the input begins with, until more is needed.
    fn take(&mut self) -> Option<Rest> {
        loop {
            if let Some(framing) = &mut self.framing {
                match framing.next(&mut self.input) {
                    Ok(BodyPart::Data(data)) => {
                        let (_, body) = self.found.last_mut()?;
                        body.extend_from_slice(&data);
                    }
                    Ok(BodyPart::Done) => self.framing = None,
                    Ok(BodyPart::More) => return None,
                    Err(_) => return Some(Rest::Refused),
                }
                continue;
            }
            match self.reader.read(&mut self.input, LONGEST) {
                Ok(Found::Head(head)) => {
                    self.framing = Some(head.framing);
                    self.found.push((checked(&head), Vec::new()));
                }
                Ok(Found::Http2) => return Some(Rest::Http2),
                Ok(Found::More) => return None,
                Err(refusal) => return Some(refused(refusal)),
            }
        }
    }
}

/// A head as text, after everything that is asked of it before a face sees the request.
fn checked(head: &Head) -> String {
    let hosts = AllowedHosts::new(["kv.example.com".to_owned(), "*.kv.example.com".to_owned()]);
    let page = web_pages::check(&head.headers, &hosts);
    let expectation = head.expectation();
    format!("{head:?} {expectation:?} {page:?}")
}

/// An answer is one: no part of the request ends its status line.
fn refused(refusal: RequestRefusal) -> Rest {
    let answer = refusal.bytes();
    let line = answer.split(|byte| *byte == b'\n').next();
    assert!(line.is_some_and(|line| line.starts_with(b"HTTP/1.1 ") && line.ends_with(b"\r")));
    Rest::Refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn any_bytes_are_requests_or_refused() {
        let seeds = fuzz::seeds("http");
        let found: usize = seeds.iter().map(|seed| read(seed, 99).0.len()).sum();
        assert!(found >= seeds.len() / 2, "{found} requests in the seeds");
        fuzz::run(&seeds, 20_000, http_requests);
    }
}
