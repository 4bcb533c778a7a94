//! `Greeting`: how a connection begins, with a four-letter word or the request for a session.

use std::io;

use bytes::BytesMut;
use tokio::io::AsyncReadExt as _;

use crate::face::server::{Stopping, Stream};
use crate::face::zookeeper::four_letter_words::FourLetterWord;
use crate::wire::zookeeper::{ConnectRequest, JuteRecord as _, take_frame};

/// The longest request for a session that is read, in bytes: it has 44 or 45, and before a session there is nobody whose memory
/// it would be.
const LONGEST_GREETING: usize = 4 << 10;

/// The beginning of a connection.
#[derive(Debug)]
pub(super) enum Greeting {
    /// A question for figures.
    Word(FourLetterWord),
    /// A request for a session.
    Connect(ConnectRequest),
    /// Neither: the connection is closed without an answer.
    Nothing,
}

impl Greeting {
    /// Reads it; what follows stays in the input.
    pub(super) async fn read(
        stream: &mut Stream,
        input: &mut BytesMut,
        stopping: &Stopping,
    ) -> io::Result<Self> {
        loop {
            if let Some(word) = input.first_chunk().copied().and_then(FourLetterWord::parse) {
                return Ok(Self::Word(word));
            }
            match take_frame(input, LONGEST_GREETING) {
                Ok(None) => {}
                Ok(Some(frame)) => {
                    let request = ConnectRequest::parse_leniently(&frame);
                    return Ok(request.map_or(Self::Nothing, Self::Connect));
                }
                Err(_) => return Ok(Self::Nothing),
            }
            let read = tokio::select! {
                read = stream.read_buf(input) => read?,
                () = stopping.wait() => 0,
            };
            if read == 0 {
                return Ok(Self::Nothing);
            }
        }
    }
}
