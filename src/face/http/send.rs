//! Sending: the body of an answer, and the end of a connection.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use http_body::Body as _;
use parking_lot::Mutex;

use super::answer::{self, Shape};
use super::broken::Broken;
use super::wire::Wire;
use crate::face::server::Stopping;

/// How much a client may go on sending after an answer that closes the connection, in bytes, and for how long: a
/// connection that is closed while it sends would lose the answer.
const LINGER_BYTES: usize = 8 << 20;
const LINGER: Duration = Duration::from_secs(10);

/// Sends a body, each piece as soon as there is nothing else to send with it.
pub(super) async fn send_body(wire: &Mutex<Wire>, body: Body, shape: Shape) -> Result<(), Broken> {
    let mut body = pin!(body);
    let chunked = shape == Shape::Chunked;
    loop {
        let frame = poll_fn(|cx| {
            if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
                return Poll::Ready(Ok(frame));
            }
            let mut wire = wire.lock();
            if let Poll::Ready(Err(error)) = wire.poll_flush(cx) {
                return Poll::Ready(Err(error.into()));
            }
            // Nobody else tells that there is no one to send more to.
            wire.poll_hung_up(cx, Duration::ZERO).map(Err)
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
            let mut wire = wire.lock();
            if chunked {
                wire.push(answer::chunk_begins(&piece).as_bytes());
            }
            wire.push_piece(piece)
        };
        if !takes_more {
            poll_fn(|cx| wire.lock().poll_flush(cx)).await?;
        }
        if chunked {
            wire.lock().push(b"\r\n");
        }
    }
    if chunked {
        wire.lock().push(b"0\r\n\r\n");
    }
    Ok(())
}

/// Closes a connection so that a client that is still sending can read its answer.
pub(super) async fn close(wire: &Mutex<Wire>, stopping: &Stopping) -> Result<(), Broken> {
    poll_fn(|cx| wire.lock().poll_shutdown(cx)).await?;
    let mut left = LINGER_BYTES;
    let read = async {
        while left > 0 {
            wire.lock().input.clear();
            match poll_fn(|cx| wire.lock().poll_fill(cx)).await {
                Ok(0) | Err(_) => return,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    };
    tokio::select! {
        // The connection is closed either way.
        _late = tokio::time::timeout(LINGER, read) => {}
        () = stopping.wait() => {}
    }
    Ok(())
}
