//! Sending: the body of an answer, and the end of a connection.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use http_body::Body as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::answer::{self, Shape};
use super::broken::Broken;
use super::buffers::ConnectionBuffers;
use crate::face::server::Stopping;

/// How much a client may go on sending after an answer that closes the connection, in bytes, and for how long: a
/// connection that is closed while it sends would lose the answer.
const LINGER_BYTES: usize = 8 << 20;
const LINGER: Duration = Duration::from_secs(10);
/// How long a connection stays open whose client is not read any more (`rstAvoidanceDelay` of Go's server).
const UNREAD_LINGER: Duration = Duration::from_millis(500);

/// The connections that are read at a time before they are closed.
pub(super) const LINGERING: usize = 16;

/// Sends a body, each piece as soon as there is nothing else to send with it.
pub(super) async fn send_body(
    buffers: &Mutex<ConnectionBuffers>,
    body: Body,
    shape: Shape,
) -> Result<(), Broken> {
    let mut body = pin!(body);
    let chunked = shape == Shape::Chunked;
    loop {
        let frame = poll_fn(|cx| {
            if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
                return Poll::Ready(Ok(frame));
            }
            let mut buffers = buffers.lock();
            if let Poll::Ready(Err(error)) = buffers.poll_flush(cx) {
                return Poll::Ready(Err(error.into()));
            }
            // While the body yields no piece, only this shows that the client is gone.
            buffers.poll_hung_up(cx, Duration::ZERO).map(Err)
        })
        .await?;
        let Some(frame) = frame else { break };
        let Ok(piece) = frame.map_err(Broken::Answer)?.into_data() else {
            continue;
        };
        if piece.is_empty() {
            continue;
        }
        let takes_more = {
            let mut buffers = buffers.lock();
            if chunked {
                buffers.push(answer::chunk_header(&piece).as_bytes());
            }
            buffers.push_piece(piece)
        };
        if !takes_more {
            poll_fn(|cx| buffers.lock().poll_flush(cx)).await?;
        }
        if chunked {
            buffers.lock().push(b"\r\n");
        }
    }
    if chunked {
        buffers.lock().push(b"0\r\n\r\n");
    }
    Ok(())
}

/// Closes a connection so that a client that is still sending can read its answer: what it sends is read for a while. Where
/// as many connections as there are permits do that already, nothing is read, and the client has [`UNREAD_LINGER`], as
/// with Go's server: clients whose long bodies are refused, and who send them again at once, must not keep the workers busy.
pub(super) async fn close(
    buffers: &Mutex<ConnectionBuffers>,
    lingering: &Semaphore,
    stopping: &Stopping,
) -> Result<(), Broken> {
    poll_fn(|cx| buffers.lock().poll_shutdown(cx)).await?;
    let linger = async {
        match lingering.try_acquire() {
            // The connection is closed either way.
            Ok(_permit) => drop(tokio::time::timeout(LINGER, read_rest(buffers)).await),
            Err(_none) => tokio::time::sleep(UNREAD_LINGER).await,
        }
    };
    tokio::select! {
        () = linger => {}
        () = stopping.wait() => {}
    }
    Ok(())
}

/// Reads what a client still sends, up to a limit, and forgets it.
async fn read_rest(buffers: &Mutex<ConnectionBuffers>) {
    let mut left = LINGER_BYTES;
    while left > 0 {
        buffers.lock().input.clear();
        match poll_fn(|cx| buffers.lock().poll_fill(cx)).await {
            Ok(0) | Err(_) => return,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::face::server::{Arrival, Connection};

    const SENT: usize = 4 << 20;

    /// How long the connection of a client that sends long bytes stays open, and how many of them are read.
    async fn closed(permits: usize) -> (Duration, usize) {
        let (client, served) = duplex(64 << 10);
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let ends = Connection::plaintext(nowhere, nowhere);
        let stream = Arrival::relayed(served, |_stream| None, ends).stream;
        let mut buffers = ConnectionBuffers::new(stream, LINGER);
        buffers.push(b"answer");
        let buffers = Mutex::new(buffers);
        let (mut reads, mut writes) = tokio::io::split(client);
        let sender = tokio::spawn(async move {
            let mut sent = 0;
            while sent < SENT && writes.write_all(&[b'x'; 1 << 10]).await.is_ok() {
                sent += 1 << 10;
            }
            sent
        });
        let mut answer = String::new();
        let began = Instant::now();
        let lingering = Semaphore::new(permits);
        let (_switch, off) = tokio::sync::watch::channel(false);
        let stopping = Stopping::new(off);
        let close = close(&buffers, &lingering, &stopping);
        let (closed, read) = tokio::join!(close, reads.read_to_string(&mut answer));
        closed.unwrap();
        read.unwrap();
        assert_eq!(answer, "answer");
        let open = began.elapsed();
        drop(buffers);
        (open, sender.await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_still_sends_is_read() {
        let (_open, sent) = closed(1).await;
        assert_eq!(sent, SENT);
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_clients_that_still_send_few_are_read() {
        let (open, sent) = closed(0).await;
        assert_eq!(open, UNREAD_LINGER);
        assert!(sent <= 64 << 10, "{sent}");
    }
}
