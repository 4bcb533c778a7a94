//! The answer of a server without a leader, for a gateway that can reach none.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;

use super::face::release;
use super::four_letter_words::{AllowList, FourLetterWord, answer};
use super::session::SessionTimeout;
use crate::face::server::{Arrival, Protocol, ServerContext, Serving, Stopping};

/// How long a connection waits for a leader, which then gets it as it is.
///
/// A client that asks for a session gives up by itself, before: after two thirds of its timeout of 40 s at most.
pub const HOLD: Duration = Duration::from_secs(30);

/// Answers four-letter words, and leaves all else unanswered until the client gives up: an old Go client takes a connection
/// that is closed before its answer for the end of its session.
#[derive(Debug)]
pub struct NoLeaderProtocol {
    /// The four-letter words that are answered.
    pub words: AllowList,
}

impl Protocol for NoLeaderProtocol {
    fn serve(
        self: Arc<Self>,
        arrival: Arrival,
        _server: Arc<ServerContext>,
        stopping: Stopping,
    ) -> Serving {
        Box::pin(async move {
            let mut stream = arrival.stream;
            let mut input = BytesMut::new();
            let given_up = sleep(SessionTimeout::LONGEST);
            tokio::pin!(given_up);
            loop {
                let read = tokio::select! {
                    read = stream.read_buf(&mut input) => read.unwrap_or(0),
                    () = &mut given_up => 0,
                    () = stopping.wait() => 0,
                };
                if read == 0 {
                    return;
                }
                let Some(first) = input.first_chunk().copied() else {
                    continue;
                };
                if let Some(word) = FourLetterWord::parse(first) {
                    let text = answer(word, &self.words, &release(), None, Vec::new);
                    // The client may be gone.
                    let _written = stream.write_all(text.as_bytes()).await;
                    let _closed = stream.shutdown().await;
                    return;
                }
                input.truncate(4);
            }
        })
    }
}
