//! Body framing: where the body of a request ends, by its length or by its chunks.

use std::io;

use axum::body::Bytes;
use bytes::{Buf, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

use super::refusal::Refusal;
use super::version::Version;

/// The longest line that begins a chunk, extensions included, and the longest trailer, in bytes.
const LONGEST_LINE: usize = 4 << 10;
const LONGEST_TRAILER: usize = 64 << 10;

/// The most digits the size of a chunk may have.
const LONGEST_SIZE: usize = 16;

/// What of a request's body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes; none where there is no body, or no more of it.
    Length(u64),
    /// Chunks, the next thing being this.
    Chunked(Chunk),
    /// What follows cannot be told from the next request.
    Broken,
}

/// A place within chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// The line with a chunk's size.
    Size,
    /// So many bytes of a chunk.
    Data(u64),
    /// The line break after a chunk.
    End,
    /// What stands behind the last chunk; it is read, and ignored.
    Trailer,
}

/// A step of reading a body.
#[derive(Debug)]
pub(super) enum Step {
    /// A piece of it.
    Data(Bytes),
    /// There is no more of it.
    Done,
    /// More bytes are needed.
    More,
}

impl Framing {
    /// No body, or the end of one.
    pub(super) const DONE: Self = Self::Length(0);

    /// What the headers of a request say of its body (Go's `readTransfer`).
    pub(super) fn of(
        version: Version,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
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
                return Err(Refusal::ENCODING);
            }
            // It goes over a length.
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
            return Err(Refusal::MALFORMED);
        }
        // A proxy in front would see no body there, and a request instead.
        if *method == Method::HEAD && length != b"0" {
            return Err(Refusal::MALFORMED);
        }
        if length.is_empty() {
            return Ok(Self::DONE);
        }
        if !length.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::MALFORMED);
        }
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|text| text.parse::<i64>().ok());
        let length = length.and_then(|length| u64::try_from(length).ok());
        length.map(Self::Length).ok_or(Refusal::MALFORMED)
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

    /// Takes what `input` holds of the body.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> io::Result<Step> {
        let step = self.step(input);
        if step.is_err() {
            *self = Self::Broken;
        }
        step
    }

    fn step(&mut self, input: &mut BytesMut) -> io::Result<Step> {
        loop {
            match *self {
                Self::Length(0) => return Ok(Step::Done),
                Self::Broken => return Err(bad("the body broke off")),
                Self::Length(left) => {
                    let Some((data, left)) = take(input, left) else {
                        return Ok(Step::More);
                    };
                    *self = Self::Length(left);
                    return Ok(Step::Data(data));
                }
                Self::Chunked(Chunk::Data(left)) => {
                    let Some((data, left)) = take(input, left) else {
                        return Ok(Step::More);
                    };
                    *self = Self::Chunked(if left == 0 {
                        Chunk::End
                    } else {
                        Chunk::Data(left)
                    });
                    return Ok(Step::Data(data));
                }
                Self::Chunked(Chunk::Size) => {
                    let Some(size) = size(input)? else {
                        return Ok(Step::More);
                    };
                    *self = Self::Chunked(if size == 0 {
                        Chunk::Trailer
                    } else {
                        Chunk::Data(size)
                    });
                }
                Self::Chunked(Chunk::End) => {
                    match input.get(..2) {
                        None => return Ok(Step::More),
                        Some(b"\r\n") => input.advance(2),
                        Some(_) => return Err(bad("malformed chunked encoding")),
                    }
                    *self = Self::Chunked(Chunk::Size);
                }
                Self::Chunked(Chunk::Trailer) => {
                    let Some(line) = line(input, LONGEST_TRAILER)? else {
                        return Ok(Step::More);
                    };
                    if line.is_empty() {
                        *self = Self::DONE;
                    } else if !line.contains(&b':') {
                        return Err(bad("malformed MIME header line"));
                    }
                }
            }
        }
    }
}

/// Takes up to `left` bytes; what is left then. `None` where `input` is empty.
fn take(input: &mut BytesMut, left: u64) -> Option<(Bytes, u64)> {
    if input.is_empty() {
        return None;
    }
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    let taken = u64::try_from(most).unwrap_or(left);
    Some((input.split_to(most).freeze(), left - taken))
}

/// Takes the line with the size of a chunk, if it is whole.
fn size(input: &mut BytesMut) -> io::Result<Option<u64>> {
    // The parser takes a line without a digit for 0, the last chunk: a proxy in front may not.
    if input.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
        return Err(bad("invalid byte in chunk length"));
    }
    match httparse::parse_chunk_size(input) {
        Ok(httparse::Status::Complete((length, size))) => {
            input.advance(length);
            Ok(Some(size))
        }
        Ok(httparse::Status::Partial) if input.len() > LONGEST_LINE => {
            Err(bad("header line too long"))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::InvalidChunkSize) => Err(bad(if digits(input) > LONGEST_SIZE {
            "http chunk length too large"
        } else {
            "invalid byte in chunk length"
        })),
    }
}

/// How many hexadecimal digits it begins with.
fn digits(input: &[u8]) -> usize {
    let end = input.iter().position(|byte| !byte.is_ascii_hexdigit());
    end.unwrap_or(input.len())
}

/// Takes a line, if it is whole, without its break.
fn line(input: &mut BytesMut, longest: usize) -> io::Result<Option<BytesMut>> {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        if input.len() > longest {
            return Err(bad("http: suspiciously long trailer after chunked body"));
        }
        return Ok(None);
    };
    let mut line = input.split_to(end + 1);
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let length = text.strip_suffix(b"\r").unwrap_or(text).len();
    line.truncate(length);
    Ok(Some(line))
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body in `bytes`, given in pieces of `piece` bytes, and what is left of them.
    fn read(
        mut framing: Framing,
        bytes: &[u8],
        piece: usize,
    ) -> Result<(Vec<u8>, Vec<u8>), String> {
        let mut pieces = bytes.chunks(piece.max(1));
        let (mut input, mut body) = (BytesMut::new(), Vec::new());
        loop {
            match framing.next(&mut input) {
                Ok(Step::Data(data)) => body.extend_from_slice(&data),
                Ok(Step::Done) => break,
                Ok(Step::More) => match pieces.next() {
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
    fn bodies_end_where_they_say() {
        let (body, rest) = read(Framing::Length(3), b"abcdef", 2).unwrap();
        assert_eq!((&body[..], &rest[..]), (&b"abc"[..], &b"def"[..]));
        let bytes = b"3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: v\r\n\r\nGET";
        for piece in 1..bytes.len() {
            let (body, rest) = read(CHUNKED, bytes, piece).unwrap();
            assert_eq!((&body[..], &rest[..]), (&b"abcd"[..], &b"GET"[..]));
        }
    }

    #[test]
    fn what_is_not_chunked_is_told_in_gos_words() {
        let told = |bytes: &[u8]| read(CHUNKED, bytes, 99).unwrap_err();
        assert_eq!(told(b"zz\r\nabc"), "invalid byte in chunk length");
        assert_eq!(told(b"3\r\nabcd\r\n"), "malformed chunked encoding");
        assert_eq!(told(b"\r\n\r\n"), "invalid byte in chunk length");
        assert_eq!(told(b"3\r\nab"), "unfinished");
        assert_eq!(told(b"0\r\nno colon\r\n\r\n"), "malformed MIME header line");
        assert_eq!(
            read(CHUNKED, &[b'0'; 9_000], 99).unwrap_err(),
            "http chunk length too large"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_stop(bytes: Vec<u8>, piece in 1_usize..9) {
            let _read = read(CHUNKED, &bytes, piece);
        }

        #[test]
        fn chunks_come_together(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6), piece in 1_usize..40) {
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
