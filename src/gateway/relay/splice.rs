//! The splice of a relayed connection: its bytes, both ways, and whether a request is in flight on it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::Notify;

/// The bytes read at once.
const CHUNK: usize = 8 << 10;

/// An answer is taken to be complete when no byte has followed for this long: the relay does not parse what it carries.
const QUIET: Duration = Duration::from_millis(50);

/// How often a client whose bytes wait for the leader is checked for having hung up.
const CHECK: Duration = Duration::from_secs(1);

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

/// Carries bytes until one side ends or breaks: HTTP has no use for a half-open connection. After an error nothing is left to
/// deliver to the leader.
pub(super) async fn run(
    client: &mut TcpStream,
    leader: &mut (impl AsyncRead + AsyncWrite + Unpin),
    activity: &RequestActivity,
) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_leader, to_leader) = tokio::io::split(leader);
    tokio::select! {
        ended = carry_requests(from_client, to_leader, activity) => ended,
        ended = carry_answers(from_leader, to_client, activity) => ended,
    }
}

/// Carries what the client sends; returns when it ends, even while the leader, which is making an answer, reads nothing.
async fn carry_requests(
    mut client: ReadHalf<'_>,
    mut leader: impl AsyncWrite + Unpin,
    activity: &RequestActivity,
) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.clear();
        if client.read_buf(&mut chunk).await? == 0 {
            return Ok(());
        }
        activity.asked.store(true, Ordering::Release);
        let write = async {
            leader.write_all(&chunk).await?;
            leader.flush().await
        };
        tokio::select! {
            biased;
            written = write => written?,
            () = closed(&client) => {
                let gone = "the client is gone, and the leader reads none of what it sent";
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, gone));
            }
        }
    }
}

/// Returns when the client has closed its side, although bytes from it wait for the leader: checked once in a while, and
/// never while the bytes go on at once.
async fn closed(client: &ReadHalf<'_>) {
    loop {
        tokio::time::sleep(CHECK).await;
        let ready = client.ready(Interest::READABLE).await;
        if ready.is_ok_and(tokio::io::Ready::is_read_closed) {
            return;
        }
    }
}

async fn carry_answers(
    mut leader: impl AsyncRead + Unpin,
    mut client: WriteHalf<'_>,
    activity: &RequestActivity,
) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.clear();
        if leader.read_buf(&mut chunk).await? == 0 {
            return Ok(());
        }
        activity.asked.store(false, Ordering::Release);
        activity.answered.notify_waiters();
        client.write_all(&chunk).await?;
        client.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::net::TcpListener;

    use super::*;

    /// A client's connection, and its other end.
    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn splice_ends_when_the_client_does_while_the_leader_reads_nothing() {
        for resets in [false, true] {
            let (mut client, mut accepted) = connection().await;
            // The leader takes 64 bytes and no more.
            let (mut leader, _unread) = duplex(64);
            let activity = RequestActivity::default();
            let splice = run(&mut accepted, &mut leader, &activity);
            let hangs_up = async {
                client.write_all(&vec![b'x'; 100_000]).await.unwrap();
                if resets {
                    let now = Some(Duration::ZERO);
                    socket2::SockRef::from(&client).set_linger(now).unwrap();
                }
                drop(client);
            };
            let both = async { tokio::join!(splice, hangs_up) };
            let ended = tokio::time::timeout(Duration::from_secs(60), both).await;
            assert!(ended.is_ok(), "the relayed connection stays open");
        }
    }

    #[tokio::test]
    async fn bytes_are_carried_both_ways() {
        let (mut client, mut accepted) = connection().await;
        let (mut leader, mut served) = duplex(64);
        let activity = RequestActivity::default();
        let splice = run(&mut accepted, &mut leader, &activity);
        let exchange = async {
            client.write_all(&[b'q'; 10_000]).await.unwrap();
            let mut asked = vec![0; 10_000];
            served.read_exact(&mut asked).await.unwrap();
            served.write_all(&[b'a'; 10_000]).await.unwrap();
            let mut answer = vec![0; 10_000];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!((asked[9_999], answer[9_999]), (b'q', b'a'));
            drop(client);
        };
        let (ended, ()) = tokio::join!(splice, exchange);
        ended.unwrap();
    }
}
