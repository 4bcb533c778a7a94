//! The handshake: opening a session on a connection.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, timeout};

use super::ZooKeeperSession;
use super::errors::{lost, silent, unexpected};
use crate::transfer::Error;
use crate::wire::zookeeper::{ConnectRequest, ConnectResponse, JuteRecord, Secret, take_frame};

/// The session timeout to ask for. Servers give between 4 and 40 s by default.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest first frame of a server, in bytes: it has 37.
const MOST_RESPONSE_BYTES: usize = 4096;

/// Why no session was opened.
#[derive(Debug)]
pub(in crate::transfer::source::zookeeper) enum NoSession {
    /// The server closed the connection without an answer.
    Closed,
    /// Any other error.
    Other(Error),
}

impl From<Error> for NoSession {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ZooKeeperSession<S> {
    /// Opens a session on a connection.
    pub(in crate::transfer::source::zookeeper) async fn open(
        stream: S,
        server: &str,
    ) -> Result<Self, NoSession> {
        let mut session = Self {
            stream,
            server: server.to_owned(),
            timeout: TIMEOUT,
            input: BytesMut::new(),
            output: Vec::new(),
            sent: Instant::now(),
            last_xid: 0,
            unanswered: VecDeque::new(),
            unanswered_bytes: 0,
        };
        let request = ConnectRequest {
            version: 0,
            last_zxid: 0,
            timeout_ms: i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX),
            session: 0,
            password: Secret(vec![0; 16]),
            // A server that is partitioned from the others may return old data.
            read_only: Some(false),
        };
        session.write(|to| request.write(to))?;
        let sent = session.flush().await;
        sent.map_err(|_| NoSession::Closed)?;
        let response = session.connect_response().await?;
        match u64::try_from(response.timeout_ms) {
            Ok(ms) if ms > 0 && response.session != 0 => {
                session.timeout = Duration::from_millis(ms);
            }
            _ => return Err(lost(&session.server, "it gives no session").into()),
        }
        if response.read_only == Some(true) {
            let why = "it is read-only, because it is partitioned from the others";
            return Err(lost(&session.server, why).into());
        }
        Ok(session)
    }

    /// Waits for the first frame of the server.
    async fn connect_response(&mut self) -> Result<ConnectResponse, NoSession> {
        let server = self.server.clone();
        let no_answer = silent(&self.server);
        let answer = async {
            loop {
                let taken = take_frame(&mut self.input, MOST_RESPONSE_BYTES);
                let taken = taken.map_err(|bad| unexpected(&server, &bad.to_string()))?;
                if let Some(frame) = taken {
                    let read = ConnectResponse::parse(&frame);
                    return read.map_err(|why| unexpected(&server, &why.to_string()).into());
                }
                match self.stream.read_buf(&mut self.input).await {
                    Ok(0) | Err(_) if self.input.is_empty() => return Err(NoSession::Closed),
                    Ok(0) => return Err(unexpected(&server, "it ends too early").into()),
                    Ok(_) => {}
                    Err(error) => return Err(lost(&self.server, &error.to_string()).into()),
                }
            }
        };
        let answered = timeout(TIMEOUT / 3, answer).await;
        answered.unwrap_or(Err(no_answer.into()))
    }
}
