//! Session of a client, resumed on another connection when it loses its own.

use std::sync::Arc;
use std::time::Duration;

use crate::bench::client::Failure;
use crate::bench::target::LoadTarget;
use crate::bench::zookeeper::session::{PipelinedSession, SessionOptions};

/// The session timeout that libkv asks for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The session, and where to open it.
#[derive(Debug)]
pub(super) struct SessionKeeper {
    target: Arc<LoadTarget>,
    /// The host's number, which chooses its source address and its first server.
    host: u64,
    opened: u64,
    session: Option<PipelinedSession>,
}

impl SessionKeeper {
    /// A session that is not open.
    pub(super) fn new(target: Arc<LoadTarget>, host: u64) -> Self {
        Self {
            target,
            host,
            opened: 0,
            session: None,
        }
    }

    /// Drops the connection without a word.
    pub(super) fn forget(&mut self) {
        self.session = None;
    }

    /// The session. A lost connection is replaced, at the next server; a session that has expired by then, too.
    pub(super) async fn session(&mut self) -> Result<PipelinedSession, Failure> {
        let resume = match &self.session {
            Some(session) if !session.is_ended() => return Ok(session.clone()),
            Some(session) => Some(session.identity()),
            None => None,
        };
        self.session = None;
        let options = SessionOptions {
            timeout: TIMEOUT,
            // Clients in Go of that time leave the field out.
            read_only: None,
            identity: None,
            resume,
        };
        let session = self.open(&options).await?;
        Ok(self.session.insert(session).clone())
    }

    async fn open(&mut self, options: &SessionOptions) -> Result<PipelinedSession, Failure> {
        let count = u64::try_from(self.target.servers.len()).unwrap_or(1);
        let turn = self.host.wrapping_add(self.opened).checked_rem(count);
        self.opened = self.opened.wrapping_add(1);
        let turn = usize::try_from(turn.unwrap_or(0)).unwrap_or(0);
        let server = self.target.servers.get(turn);
        let server = server.ok_or_else(|| Failure::Connection("no server".to_owned()))?;
        let stream = self.target.connect(server, self.host).await?;
        PipelinedSession::open(stream, options).await
    }
}
