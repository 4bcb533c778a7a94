//! A connection's bytes, with an end to waiting for them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Limits;

/// Between two requests.
const IDLE: u8 = 0;
/// Within a request's headers.
const HEAD: u8 = 1;
/// A request is being answered.
const BUSY: u8 = 2;

/// Where a connection is in its life; shared by what reads its bytes and what answers its requests.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    /// The headers of a request are complete.
    pub(super) fn busy(&self) {
        self.0.store(BUSY, Ordering::Relaxed);
    }

    /// An answer is complete.
    pub(super) fn idle(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// Bytes came; says whether they begin a request.
    fn begin(&self) -> bool {
        self.0
            .compare_exchange(IDLE, HEAD, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn in_head(&self) -> bool {
        self.0.load(Ordering::Relaxed) == HEAD
    }
}

/// A stream that fails when a request's headers take too long, or when nobody takes the bytes written to it.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    progress: Arc<Progress>,
    head: Duration,
    write_pause: Duration,
    head_end: Option<Pin<Box<Sleep>>>,
    write_end: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>, limits: &Limits) -> Self {
        Self {
            stream,
            progress,
            head: limits.head,
            write_pause: limits.write_pause,
            head_end: None,
            write_end: None,
        }
    }

    /// After a write: ends the pause where bytes went, begins one or fails where they did not.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.write_end = None;
            return outcome;
        }
        let pause = self.write_pause;
        let end = self
            .write_end
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes no bytes of its answer",
        )))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buf);
        if outcome.is_ready() {
            if buf.filled().len() > before && this.progress.begin() {
                this.head_end = Some(Box::pin(tokio::time::sleep(this.head)));
            }
            return outcome;
        }
        if !this.progress.in_head() {
            this.head_end = None;
            return Poll::Pending;
        }
        let Some(end) = &mut this.head_end else {
            return Poll::Pending;
        };
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the headers of the request did not come in time",
        )))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    fn paced<S>(stream: S) -> (Paced<S>, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        (
            Paced::new(stream, Arc::clone(&progress), &Limits::default()),
            progress,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_may_wait_and_half_a_request_may_not() {
        let (mut client, server) = tokio::io::duplex(64);
        let (mut paced, progress) = paced(server);
        let mut buf = [0; 64];
        let waited = tokio::time::timeout(Duration::from_secs(86_400), paced.read(&mut buf)).await;
        assert!(waited.is_err(), "an idle connection was ended");

        client.write_all(b"GET / HT").await.unwrap();
        assert_eq!(paced.read(&mut buf).await.unwrap(), 8);
        let began = Instant::now();
        let ended = paced.read(&mut buf).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 10);

        progress.busy();
        let waited = tokio::time::timeout(Duration::from_secs(86_400), paced.read(&mut buf)).await;
        assert!(waited.is_err(), "a parked poll was ended");
    }

    #[tokio::test(start_paused = true)]
    async fn trickling_headers_does_not_buy_time() {
        let (mut client, server) = tokio::io::duplex(64);
        let (mut paced, _progress) = paced(server);
        let trickle = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let mut buf = [0; 1];
        let mut count = 0;
        while paced.read(&mut buf).await.is_ok() {
            count += 1;
        }
        assert!((9..=11).contains(&count), "{count}");
        drop(paced);
        trickle.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_left() {
        let (mut client, server) = tokio::io::duplex(64);
        let (mut paced, _progress) = paced(server);
        paced.write_all(&[0; 64]).await.unwrap();
        let mut buf = [0; 64];
        let slow = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(29)).await;
            client.read_exact(&mut buf).await.unwrap();
            client
        });
        paced.write_all(&[0; 64]).await.unwrap();
        let _client = slow.await.unwrap();
        let ended = paced.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}
