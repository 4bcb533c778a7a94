//! `SharedSession`: the session of one client, or of several that send over it at once; a lost one is replaced by the next.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::session::{PipelinedSession, SessionOptions};
use crate::bench::client::Failure;
use crate::bench::target::LoadTarget;
use crate::wire::zookeeper::Secret;

/// The session of one or several clients.
#[derive(Debug)]
pub(super) struct SharedSession {
    target: Arc<LoadTarget>,
    number: u64,
    /// Locked while the next session is opened, so that all who lost the same one open one together.
    current: Mutex<CurrentSession>,
}

#[derive(Debug, Default)]
struct CurrentSession {
    /// How many sessions were opened so far.
    opened: u64,
    session: Option<PipelinedSession>,
}

impl SharedSession {
    /// A session that is not open yet, of the client of a number.
    pub(super) fn new(target: Arc<LoadTarget>, number: u64) -> Self {
        Self {
            target,
            number,
            current: Mutex::default(),
        }
    }

    /// The open session; if it has ended, the next one, with the next server.
    pub(super) async fn open(&self) -> Result<PipelinedSession, Failure> {
        let mut current = self.current.lock().await;
        if let Some(session) = current.session.as_ref().filter(|one| !one.is_ended()) {
            return Ok(session.clone());
        }
        let server = self.target.server(self.number, current.opened)?;
        current.opened = current.opened.wrapping_add(1);
        let user = self.target.credentials.user.as_ref();
        let options = SessionOptions {
            identity: user.map(|(user, password)| {
                let pair = format!("{user}:{password}").into_bytes();
                ("digest".to_owned(), Secret(pair))
            }),
            ..SessionOptions::default()
        };
        let stream = self.target.connect(server, self.number).await?;
        let session = PipelinedSession::open(stream, &options).await?;
        Ok(current.session.insert(session).clone())
    }

    /// Takes the session, so that the next request opens another one.
    pub(super) async fn take(&self) -> Option<PipelinedSession> {
        self.current.lock().await.session.take()
    }
}
