//! Body framing: finds the end of a request's body, by its length or its chunks.

use std::io;

use axum::body::Bytes;
use bytes::{Buf, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

use super::refusal::RequestRefusal;
use super::version::Version;

/// The longest line that begins a chunk, extensions included, and the longest trailer, in bytes.
const LONGEST_LINE: usize = 4 << 10;
const LONGEST_TRAILER: usize = 64 << 10;

/// The most digits of a chunk's size.
const LONGEST_SIZE: usize = 16;

/// The part of a request's body that was not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes; 0 where there is no body, or all of it was read.
    Length(u64),
    /// Chunks; what comes next of them.
    Chunked(Chunk),
    /// Unknown: the rest of the body cannot be told apart from the next request.
    Broken,
}

/// A position within chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// The line with a chunk's size.
    Size,
    /// So many bytes of a chunk.
    Data(u64),
    /// The line break after a chunk.
    End,
    /// The trailer after the last chunk, which is ignored.
    Trailer,
}

/// The next part of a body.
#[derive(Debug)]
pub(super) enum BodyPart {
    /// Some bytes.
    Data(Bytes),
    /// The end.
    Done,
    /// More bytes are needed.
    More,
}

impl Framing {
    /// No body, or the end of one.
    pub(super) const DONE: Self = Self::Length(0);

    /// The framing that the headers of a request give (Go's `readTransfer`).
    pub(super) fn of(
        version: Version,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Self, RequestRefusal> {
        let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
        // Go ignores the header in HTTP/1.0, which does not know it.
        if version == Version::Http11
            && let Some(encoding) = encodings.next()
        {
            let is_chunked = encoding
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"chunked");
            if !is_chunked || encodings.next().is_some() {
                return Err(RequestRefusal::ENCODING);
            }
            // It overrides a length.
            return Ok(Self::Chunked(Chunk::Size));
        }
        let mut lengths = headers
            .get_all(CONTENT_LENGTH)
            .iter()
            .map(|length| length.as_bytes().trim_ascii());
        let Some(length) = lengths.next() else {
            return Ok(Self::DONE);
        };
        if lengths.any(|other| other != length) {
            return Err(RequestRefusal::MALFORMED);
        }
        // A proxy in front would take such a body for a request.
        if *method == Method::HEAD && length != b"0" {
            return Err(RequestRefusal::MALFORMED);
        }
        if length.is_empty() {
            return Ok(Self::DONE);
        }
        if !length.iter().all(u8::is_ascii_digit) {
            return Err(RequestRefusal::MALFORMED);
        }
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        let length = length.and_then(|length| u64::try_from(length).ok());
        length.map(Self::Length).ok_or(RequestRefusal::MALFORMED)
    }

    /// Whether all of it was read.
    pub(super) fn is_done(self) -> bool {
        self == Self::DONE
    }

    /// How many bytes are left at least.
    pub(super) fn left(self) -> u64 {
        match self {
            Self::Length(left) | Self::Chunked(Chunk::Data(left)) => left,
            Self::Chunked(Chunk::Size | Chunk::End | Chunk::Trailer) | Self::Broken => 0,
        }
    }

    /// Takes the part of the body that `input` begins with.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> io::Result<BodyPart> {
        let part = self.next_part(input);
        if part.is_err() {
            *self = Self::Broken;
        }
        part
    }

    fn next_part(&mut self, input: &mut BytesMut) -> io::Result<BodyPart> {
        loop {
            match *self {
                Self::Length(0) => return Ok(BodyPart::Done),
                Self::Broken => return Err(invalid("the body broke off")),
                Self::Length(left) => {
                    let Some((data, left)) = take(input, left) else {
                        return Ok(BodyPart::More);
                    };
                    *self = Self::Length(left);
                    return Ok(BodyPart::Data(data));
                }
                Self::Chunked(Chunk::Data(left)) => {
                    let Some((data, left)) = take(input, left) else {
                        return Ok(BodyPart::More);
                    };
                    *self = Self::Chunked(if left == 0 {
                        Chunk::End
                    } else {
                        Chunk::Data(left)
                    });
                    return Ok(BodyPart::Data(data));
                }
                Self::Chunked(Chunk::Size) => {
                    let Some(size) = size(input)? else {
                        return Ok(BodyPart::More);
                    };
                    *self = Self::Chunked(if size == 0 {
                        Chunk::Trailer
                    } else {
                        Chunk::Data(size)
                    });
                }
                Self::Chunked(Chunk::End) => {
                    match input.get(..2) {
                        None => return Ok(BodyPart::More),
                        Some(b"\r\n") => input.advance(2),
                        Some(_) => return Err(invalid("malformed chunked encoding")),
                    }
                    *self = Self::Chunked(Chunk::Size);
                }
                Self::Chunked(Chunk::Trailer) => {
                    let Some(line) = line(input, LONGEST_TRAILER)? else {
                        return Ok(BodyPart::More);
                    };
                    if line.is_empty() {
                        *self = Self::DONE;
                    } else if !line.contains(&b':') {
                        return Err(invalid("malformed MIME header line"));
                    }
                }
            }
        }
    }
}

/// Takes up to `left` bytes; returns them, and how many are left then. `None` where `input` is empty.
fn take(input: &mut BytesMut, left: u64) -> Option<(Bytes, u64)> {
    if input.is_empty() {
        return None;
    }
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    let taken = u64::try_from(most).unwrap_or(left);
    Some((input.split_to(most).freeze(), left - taken))
}

/// Takes the line with the size of a chunk, if all of it was received.
fn size(input: &mut BytesMut) -> io::Result<Option<u64>> {
    // `httparse` reads a line without a digit as 0, the last chunk; a proxy in front may read it otherwise.
    if input.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err(invalid("invalid byte in chunk length"));
    }
    match httparse::parse_chunk_size(input) {
        Ok(httparse::Status::Complete((length, size))) => {
            input.advance(length);
            Ok(Some(size))
        }
        Ok(httparse::Status::Partial) if input.len() > LONGEST_LINE => {
            Err(invalid("header line too long"))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::InvalidChunkSize) => Err(invalid(if digits(input) > LONGEST_SIZE {
            "http chunk length too large"
        } else {
            "invalid byte in chunk length"
        })),
    }
}

/// The number of hexadecimal digits at the start.
fn digits(input: &[u8]) -> usize {
    let end = input.iter().position(|byte| !byte.is_ascii_hexdigit());
    end.unwrap_or(input.len())
}

/// Takes a line without its line break, if all of it was received.
fn line(input: &mut BytesMut, longest: usize) -> io::Result<Option<BytesMut>> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        if input.len() > longest {
            return Err(invalid(
                "http: suspiciously long trailer after chunked body",
            ));
        }
        return Ok(None);
    };
    let mut line = input.split_to(end + 1);
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let length = text.strip_suffix(b"\r").unwrap_or(text).len();
    line.truncate(length);
    Ok(Some(line))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body in `bytes`, received in pieces of `piece` bytes, and the bytes after it.
    fn read(
        mut framing: Framing,
        bytes: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Vec<u8>), String> {
        let mut pieces = bytes.chunks(piece.max(1));
        let (mut input, mut body) = (BytesMut::new(), Vec::new());
        loop {
            match framing.next(&mut input) {
                Ok(BodyPart::Data(data)) => body.extend_from_slice(&data),
                Ok(BodyPart::Done) => break,
                Ok(BodyPart::More) => match pieces.next() {
                    Some(piece) => input.extend_from_slice(piece),
                    None => return Err("unfinished".to_owned()),
                },
                Err(error) => return Err(error.to_string()),
            }
        }
        let mut rest = input.to_vec();
        rest.extend(pieces.flatten());
        Ok((body, rest))
    }

    const CHUNKED: Framing = Framing::Chunked(Chunk::Size);

    #[test]
    fn bodies_end_at_their_length_or_last_chunk() {
        let (body, rest) = read(Framing::Length(3), b"abcdef", 2).unwrap();
        assert_eq!((&body[..], &rest[..]), (&b"abc"[..], &b"def"[..]));
        let bytes = b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: v\r\n\r\nGET";
        for piece in 1..bytes.len() {
            let (body, rest) = read(CHUNKED, bytes, piece).unwrap();
            assert_eq!((&body[..], &rest[..]), (&b"abcd"[..], &b"GET"[..]));
        }
    }

    #[test]
    fn malformed_chunks_are_refused_with_gos_message() {
        let words = |bytes: &[u8]| read(CHUNKED, bytes, 99).unwrap_err();
        assert_eq!(words(b"zz\r\nabc"), "invalid byte in chunk length");
        assert_eq!(words(b"3\r\nabcd\r\n"), "malformed chunked encoding");
        assert_eq!(words(b"\r\n\r\n"), "invalid byte in chunk length");
        assert_eq!(words(b"3\r\nab"), "unfinished");
        assert_eq!(
            words(b"0\r\nno colon\r\n\r\n"),
            "malformed MIME header line"
        );
        assert_eq!(
            read(CHUNKED, &[b'0'; 9_000], 99).unwrap_err(),
            "http chunk length too large"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic_or_a_loop(bytes: Vec<u8>, piece in 1_usize..9) {
            let _read = read(CHUNKED, &bytes, piece);
        }

        #[test]
        fn chunks_are_joined_into_the_body(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6), piece in 1_usize..40) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            let (body, rest) = read(CHUNKED, &bytes, piece).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(rest.is_empty());
        }
    }
}
