//! The splice of a relayed connection: its bytes, both ways, and whether a request is in flight on it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// The bytes read at once.
const CHUNK: usize = 8 << 10;

/// An answer is taken to be complete when no byte has followed for this long: the relay does not parse what it carries.
const QUIET: Duration = Duration::from_millis(50);

/// Whether a request seems to be in flight: the last bytes came from the client.
#[derive(Debug, Default)]
pub(super) struct RequestActivity {
    asked: AtomicBool,
    answered: Notify,
}

impl RequestActivity {
    /// Returns when no request seems to be in flight.
    pub(super) async fn idle(&self) {
        loop {
            let answered = self.answered.notified();
            if self.asked.load(Ordering::Acquire) {
                answered.await;
                continue;
            }
            let more = tokio::time::timeout(QUIET, answered).await.is_ok();
            if !more && !self.asked.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

/// Carries bytes until one side ends or breaks: HTTP has no use for a half-open connection.
pub(super) async fn run(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    leader: &mut (impl AsyncRead + AsyncWrite + Unpin),
    activity: &RequestActivity,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_leader, mut to_leader) = tokio::io::split(leader);
    tokio::select! {
        ended = carry(&mut from_client, &mut to_leader, || activity.asked.store(true, Ordering::Release)) => ended,
        ended = carry(&mut from_leader, &mut to_client, || {
            activity.asked.store(false, Ordering::Release);
            activity.answered.notify_waiters();
        }) => ended,
    }
}

async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    note: impl Fn(),
) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.clear();
        if from.read_buf(&mut chunk).await? == 0 {
            return Ok(());
        }
        note();
        to.write_all(&chunk).await?;
        to.flush().await?;
    }
}
