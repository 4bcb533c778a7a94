//! The body of a response: where it ends, and how much of it is kept.

use bytes::{Buf, Bytes, BytesMut};

use crate::bench::client::Failure;

/// The longest body that is kept, in bytes. No server can make a client hold more.
const MOST_KEPT_BYTES: usize = 256 << 20;

/// The longest line with a chunk's length, in bytes.
const MOST_LINE_BYTES: usize = 1024;

/// A body as it arrives.
#[derive(Debug, Default)]
pub(super) struct Body {
    kept: BytesMut,
    length: u64,
    /// Whether its bytes are only counted.
    is_counted: bool,
}

impl Body {
    /// A body that is kept.
    pub(super) fn kept() -> Self {
        Self::default()
    }

    /// A body whose bytes nobody reads.
    pub(super) fn counted() -> Self {
        Self {
            is_counted: true,
            ..Self::default()
        }
    }

    /// Takes up to `most` bytes out of the input; returns how many.
    pub(super) fn take(&mut self, input: &mut BytesMut, most: u64) -> Result<u64, Failure> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let count = most.min(input.len());
        let counted = u64::try_from(count).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(counted);
        if self.is_counted {
            if count == input.len() {
                // Unlike an advance, this makes the whole buffer usable again.
                input.clear();
            } else {
                input.advance(count);
            }
            return Ok(counted);
        }
        if self.kept.len().saturating_add(count) > MOST_KEPT_BYTES {
            let why = format!("a body of more than {} MiB", MOST_KEPT_BYTES >> 20);
            return Err(Failure::BadAnswer(why));
        }
        let taken = input.split_to(count);
        if self.kept.is_empty() {
            self.kept = taken;
        } else {
            self.kept.extend_from_slice(&taken);
        }
        Ok(counted)
    }

    /// Its length so far, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes that were kept.
    pub(super) fn into_kept(self) -> Bytes {
        self.kept.freeze()
    }

    /// Takes the bytes up to the first end of a line; `None` while there is none.
    pub(super) fn take_line(&mut self) -> Option<Bytes> {
        let end = self.kept.iter().position(|byte| *byte == b'\n')?;
        Some(self.kept.split_to(end.saturating_add(1)).freeze())
    }
}

/// The chunks of a body, decoded as their bytes arrive.
#[derive(Debug, Default)]
pub(super) struct ChunkDecoder {
    state: ChunkState,
}

#[derive(Debug, Default)]
enum ChunkState {
    /// A chunk's length comes next.
    #[default]
    Length,
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// The end of the chunk's line comes next.
    DataEnd,
    /// Lines of the trailer come next.
    Trailer,
}

impl ChunkDecoder {
    /// Moves what arrived to the body; returns whether the body is complete. Bytes after it stay in `input`.
    pub(super) fn take(&mut self, input: &mut BytesMut, body: &mut Body) -> Result<bool, Failure> {
        loop {
            match self.state {
                ChunkState::Length => {
                    let Some(line) = take_line(input)? else {
                        return Ok(false);
                    };
                    self.state = match chunk_length(&line)? {
                        0 => ChunkState::Trailer,
                        length => ChunkState::Data(length),
                    };
                }
                ChunkState::Data(length) => {
                    if input.is_empty() {
                        return Ok(false);
                    }
                    let taken = body.take(input, length)?;
                    self.state = match length.saturating_sub(taken) {
                        0 => ChunkState::DataEnd,
                        rest => ChunkState::Data(rest),
                    };
                }
                ChunkState::DataEnd => match take_line(input)? {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => self.state = ChunkState::Length,
                    Some(_) => {
                        let why = "a chunk is longer than it says".to_owned();
                        return Err(Failure::BadAnswer(why));
                    }
                },
                ChunkState::Trailer => match take_line(input)? {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => return Ok(true),
                    Some(_) => {}
                },
            }
        }
    }
}

fn take_line(input: &mut BytesMut) -> Result<Option<BytesMut>, Failure> {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(at) if at <= MOST_LINE_BYTES => {
            let mut line = input.split_to(at.saturating_add(1));
            line.truncate(at);
            if line.last() == Some(&b'\r') {
                line.truncate(at.saturating_sub(1));
            }
            Ok(Some(line))
        }
        None if input.len() <= MOST_LINE_BYTES => Ok(None),
        Some(_) | None => Err(Failure::BadAnswer("an endless line in a body".to_owned())),
    }
}

fn chunk_length(line: &[u8]) -> Result<u64, Failure> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = digits.trim_ascii();
    let text = match std::str::from_utf8(digits) {
        // The parser would take a sign.
        Ok(text) if digits.iter().all(u8::is_ascii_hexdigit) => text,
        _ => "",
    };
    u64::from_str_radix(text, 16)
        .map_err(|_| Failure::BadAnswer("a chunk's length is not a number".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_decode_however_their_bytes_arrive() {
        let whole = b"4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: 1\r\n\r\nHTTP";
        for cut in 0..whole.len() {
            let (mut decoder, mut body) = (ChunkDecoder::default(), Body::kept());
            let mut input = BytesMut::from(&whole[..cut]);
            let mut is_whole = decoder.take(&mut input, &mut body).unwrap();
            input.extend_from_slice(&whole[cut..]);
            if !is_whole {
                is_whole = decoder.take(&mut input, &mut body).unwrap();
            }
            assert!(is_whole);
            assert_eq!(body.length(), 9);
            assert_eq!(
                (&body.into_kept()[..], &input[..]),
                (&b"Wikipedia"[..], &b"HTTP"[..])
            );
        }
    }

    fn decode(bytes: &[u8]) -> Result<bool, Failure> {
        let mut input = BytesMut::from(bytes);
        ChunkDecoder::default().take(&mut input, &mut Body::kept())
    }

    #[test]
    fn chunks_that_are_none_are_errors() {
        let endless = [b'0'; 2 * MOST_LINE_BYTES];
        for broken in [
            &b"x\r\n"[..],
            b"\r\n",
            b"-1\r\n",
            b"+1\r\nx\r\n",
            b"10000000000000000\r\n",
            b"1\r\nxy\r\n",
            &endless,
        ] {
            assert!(decode(broken).is_err(), "{}", broken.escape_ascii());
        }
        // A length that no chunk can have is not complete, and reserves nothing.
        assert_eq!(decode(b"ffffffffffffffff\r\nx"), Ok(false));
    }

    #[test]
    fn a_body_is_kept_up_to_its_bound_and_counted_beyond() {
        let mebibyte = vec![0; 1 << 20];
        let (mut kept, mut counted) = (Body::kept(), Body::counted());
        let fill = |body: &mut Body| {
            for _ in 0..=MOST_KEPT_BYTES >> 20 {
                body.take(&mut BytesMut::from(&mebibyte[..]), u64::MAX)?;
            }
            Ok(body.length())
        };
        let refused: Failure = fill(&mut kept).unwrap_err();
        assert!(refused.to_string().contains("more than 256 MiB"));
        assert_eq!(fill(&mut counted), Ok(257 << 20));
        assert!(counted.into_kept().is_empty());
    }
}
