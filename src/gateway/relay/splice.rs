//! The bytes of a relayed connection, both ways.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// How much is read at once, in bytes.
const PIECE: usize = 8 << 10;

/// An answer is over when nothing has followed for so long: the relay does not read what it carries.
const QUIET: Duration = Duration::from_millis(50);

/// Whether a request seems to be on its way: what came last came from the client.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    asked: AtomicBool,
    answered: Notify,
}

impl Pulse {
    /// Returns when no request seems to be on its way.
    pub(super) async fn quiet(&self) {
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

/// Carries bytes until one side ends or breaks: HTTP has no use for a connection that is half open.
pub(super) async fn run(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    leader: &mut (impl AsyncRead + AsyncWrite + Unpin),
    pulse: &Pulse,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_leader, mut to_leader) = tokio::io::split(leader);
    tokio::select! {
        ended = carry(&mut from_client, &mut to_leader, || pulse.asked.store(true, Ordering::Release)) => ended,
        ended = carry(&mut from_leader, &mut to_client, || {
            pulse.asked.store(false, Ordering::Release);
            pulse.answered.notify_waiters();
        }) => ended,
    }
}

async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    note: impl Fn(),
) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        if from.read_buf(&mut piece).await? == 0 {
            return Ok(());
        }
        note();
        to.write_all(&piece).await?;
        to.flush().await?;
    }
}
