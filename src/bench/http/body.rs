//! A chunked body.

use bytes::{Buf, Bytes, BytesMut};

use crate::bench::client::Failure;

/// The longest line with a chunk's length, in bytes.
const MOST_LINE_BYTES: usize = 1024;

/// A decoder of chunks, fed with the bytes as they arrive.
#[derive(Debug, Default)]
pub(super) struct ChunkDecoder {
    body: BytesMut,
    state: ChunkState,
}

#[derive(Debug, Default)]
enum ChunkState {
    /// A chunk's length comes next.
    #[default]
    Length,
    /// So many bytes of the chunk are to come, then the end of its line.
    Data(usize),
    /// Lines of the trailer come next.
    Trailer,
}

impl ChunkDecoder {
    /// Takes what arrived; the body once it is complete. Bytes after it stay in `input`.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.state {
                ChunkState::Length => {
                    let Some(line) = take_line(input)? else {
                        return Ok(None);
                    };
                    self.state = match chunk_length(&line)? {
                        0 => ChunkState::Trailer,
                        length => ChunkState::Data(length),
                    };
                }
                ChunkState::Data(length) => {
                    if input.len() < length.saturating_add(2) {
                        return Ok(None);
                    }
                    self.body.extend_from_slice(&input.split_to(length));
                    input.advance(2);
                    self.state = ChunkState::Length;
                }
                ChunkState::Trailer => match take_line(input)? {
                    None => return Ok(None),
                    Some(line) if line.is_empty() => {
                        return Ok(Some(std::mem::take(&mut self.body).freeze()));
                    }
                    Some(_) => {}
                },
            }
        }
    }

    /// Takes the data that arrived so far, for bodies without an end: streams of events.
    pub(super) fn take_data(&mut self) -> Bytes {
        self.body.split().freeze()
    }
}

fn take_line(input: &mut BytesMut) -> Result<Option<BytesMut>, Failure> {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => {
            let mut line = input.split_to(at.saturating_add(1));
            line.truncate(at);
            if line.last() == Some(&b'\r') {
                line.truncate(at.saturating_sub(1));
            }
            Ok(Some(line))
        }
        None if input.len() > MOST_LINE_BYTES => {
            Err(Failure::BadAnswer("an endless line in a body".to_owned()))
        }
        None => Ok(None),
    }
}

fn chunk_length(line: &[u8]) -> Result<usize, Failure> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let text = std::str::from_utf8(digits).unwrap_or_default().trim();
    usize::from_str_radix(text, 16)
        .map_err(|_| Failure::BadAnswer("a chunk's length is not a number".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_decode_however_their_bytes_arrive() {
        let whole = b"4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: 1\r\n\r\nHTTP";
        for cut in 0..whole.len() {
            let mut decoder = ChunkDecoder::default();
            let mut input = BytesMut::from(&whole[..cut]);
            let early = decoder.take(&mut input).unwrap();
            input.extend_from_slice(&whole[cut..]);
            let body = match early {
                Some(body) => body,
                None => decoder.take(&mut input).unwrap().unwrap(),
            };
            assert_eq!((&body[..], &input[..]), (&b"Wikipedia"[..], &b"HTTP"[..]));
        }
    }

    #[test]
    fn a_chunk_without_a_length_is_an_error() {
        let mut input = BytesMut::from(&b"x\r\n"[..]);
        assert!(ChunkDecoder::default().take(&mut input).is_err());
    }
}
