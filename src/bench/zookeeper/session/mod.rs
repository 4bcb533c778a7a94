//! `PipelinedSession`: a session whose requests are sent without waiting for earlier replies, by any number of tasks.
//!
//! One task, the `Driver`, owns the connection. A request appends its frame to the output buffer, and a later reply wakes
//! the one task that waits for it: requests of the same moment go out in one write. Between requests a session holds no
//! input buffer and an output buffer of at most a few kilobytes, so that a process can have thousands.

mod driver;
mod events;
mod handshake;
mod options;
mod reply;
mod reply_future;
mod requests;
mod state;
#[cfg(test)]
mod tests;
mod watcher;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::options::{SessionIdentity, SessionOptions};
pub use self::reply::Reply;
pub use self::reply_future::ReplyFuture;
pub use self::watcher::SessionWatcher;

use self::driver::Driver;
use self::state::Shared;
use crate::bench::client::Failure;
use crate::wire::zookeeper::{JuteRecord, OpCode, Secret};

/// A handle of a session. The connection is dropped with the last handle, without a word to the server, as that of a host
/// that dies; [`Self::close`] ends the session.
#[derive(Debug)]
pub struct PipelinedSession {
    shared: Arc<Shared>,
}

impl PipelinedSession {
    /// Opens or resumes a session on a connection, and spawns the task that drives it on the current runtime.
    pub async fn open<S>(stream: S, options: &SessionOptions) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (stream, opened) = handshake::open(stream, options).await?;
        let shared = Arc::new(Shared::new(opened));
        tokio::spawn(Driver::new(stream, Arc::clone(&shared)));
        Ok(Self { shared })
    }

    /// Queues a request and returns its reply to be. The request is performed even if that is dropped.
    pub fn request(&self, op: OpCode, record: &impl JuteRecord) -> ReplyFuture {
        ReplyFuture::of(&self.shared, op, record)
    }

    /// The events of a node from now on; the requests that set watches arm them.
    pub fn watcher(&self, path: &str) -> SessionWatcher {
        SessionWatcher::new(&self.shared, path, false)
    }

    /// The events of a node and of everything beneath it from now on.
    pub fn watcher_beneath(&self, path: &str) -> SessionWatcher {
        SessionWatcher::new(&self.shared, path, true)
    }

    /// The session timeout that the server granted.
    pub fn timeout(&self) -> Duration {
        self.shared.opened.timeout
    }

    /// The session's id.
    pub fn id(&self) -> i64 {
        self.shared.opened.id
    }

    /// Whatever another connection needs to resume the session.
    pub fn identity(&self) -> SessionIdentity {
        SessionIdentity {
            id: self.shared.opened.id,
            password: Secret(self.shared.opened.password.0.clone()),
            last_zxid: self.shared.lock().last_zxid,
        }
    }

    /// The failure that ended the session or its connection.
    pub fn failure(&self) -> Option<Failure> {
        self.shared.lock().failure.clone()
    }

    /// Whether the session or its connection has ended.
    pub fn is_ended(&self) -> bool {
        self.shared.lock().failure.is_some()
    }

    /// Ends the session.
    pub async fn close(self) -> Result<(), Failure> {
        let closed = self.request(OpCode::CloseSession, &()).await?;
        closed.expect().map(|_record| ())
    }
}

impl Clone for PipelinedSession {
    fn clone(&self) -> Self {
        self.shared.lock().handles += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for PipelinedSession {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.handles = state.handles.saturating_sub(1);
        if state.handles == 0 {
            state.wake_driver();
        }
    }
}
