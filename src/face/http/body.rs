//! The bodies of requests and answers, watched while they pass.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

/// A request's body, which fails when it pauses for too long.
#[derive(Debug)]
pub(super) struct Arriving {
    body: Incoming,
    pause: Duration,
    end: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    pub(super) fn new(body: Incoming, pause: Duration) -> Self {
        Self {
            body,
            pause,
            end: None,
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.end = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let pause = this.pause;
        let end = this
            .end
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        ready!(end.as_mut().poll(cx));
        let error = io::Error::new(
            io::ErrorKind::TimedOut,
            "the body of the request did not come in time",
        );
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, which lets go of `held` when it was sent or given up.
#[derive(Debug)]
pub(super) struct Answering<G> {
    body: Body,
    _held: G,
}

impl<G> Answering<G> {
    pub(super) fn new(body: Body, held: G) -> Self {
        Self { body, _held: held }
    }
}

impl<G: Unpin> HttpBody for Answering<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
