//! Bodies of requests and answers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::sync::mpsc;

/// A body that arrives in parts.
#[derive(Debug)]
pub(super) struct Piped {
    parts: mpsc::Receiver<io::Result<Bytes>>,
    length: Option<u64>,
}

impl Piped {
    pub(super) fn new(length: Option<usize>) -> (mpsc::Sender<io::Result<Bytes>>, Self) {
        let (sender, parts) = mpsc::channel(16);
        let length = length.map(|length| u64::try_from(length).unwrap());
        (sender, Self { parts, length })
    }

    pub(super) fn whole(body: Bytes) -> Self {
        let (sender, piped) = Self::new(Some(body.len()));
        if !body.is_empty() {
            sender.try_send(Ok(body)).unwrap();
        }
        piped
    }
}

impl HttpBody for Piped {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let part = self.parts.poll_recv(context);
        part.map(|part| {
            let part = part?;
            if let (Ok(part), Some(left)) = (&part, &mut self.length) {
                *left = left.saturating_sub(u64::try_from(part.len()).unwrap());
            }
            Some(part.map(Frame::data))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.length.map_or_else(
            http_body::SizeHint::default,
            http_body::SizeHint::with_exact,
        )
    }
}
