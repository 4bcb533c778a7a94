//! Connections: frames in and out, from the greeting to the end.

mod answers;
mod endings;
mod events;
mod gathered;
mod greeting;
mod labels;
mod lane;
mod opening;
mod output;
mod served;
mod setting_stage;
mod setting_watches;
mod transfer;
mod turns;
mod watches;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use self::greeting::Greeting;
use self::opening::{Opening, frame};
use self::served::ServedConnection;
use super::face::Face;
use super::four_letter_words::FourLetterWord;
use super::session::{Attached, ClientSession, SessionPassword, SessionTimeout, attach};
use crate::face::caller;
use crate::face::server::{Arrival, Connection, ServerContext, Stopping, Stream};
use crate::model::FaceName;
use crate::wire::zookeeper::{ConnectRequest, ConnectResponse};

/// How long a connection may have no session: ZooKeeper's `sessionlessCnxnTimeout`. Else clients that are gone, or send nothing, keep
/// the places of others.
const WITHOUT_SESSION: Duration = Duration::from_secs(10);

/// Serves one connection to its end.
pub(super) async fn serve(
    face: Arc<Face>,
    arrival: Arrival,
    server: Arc<ServerContext>,
    stopping: Stopping,
) -> io::Result<()> {
    let Arrival { mut stream, ends } = arrival;
    let mut input = BytesMut::new();
    let greeting = Greeting::read(&mut stream, &mut input, &stopping);
    let greeting = timeout(WITHOUT_SESSION, greeting).await;
    // What comes before a session is on the heap only until then: thousands of connections do nothing but hold theirs.
    let connection = match greeting.unwrap_or(Ok(Greeting::Nothing))? {
        Greeting::Nothing => return Ok(()),
        Greeting::Word(word) => {
            return Box::pin(tell(&face, word, &mut stream, ends, &server)).await;
        }
        Greeting::Connect(request) => {
            let opening = Opening {
                face,
                stream,
                input,
                caller: caller::of_connection(FaceName::ZooKeeper, &ends),
                ends,
                server,
                stopping,
            };
            Box::pin(opening.attach(request)).await?
        }
    };
    match connection {
        Some(connection) => connection.run().await,
        None => Ok(()),
    }
}

/// Answers a four-letter word.
async fn tell(
    face: &Face,
    word: FourLetterWord,
    stream: &mut Stream,
    ends: Connection,
    server: &ServerContext,
) -> io::Result<()> {
    let answer = face.answer(word, &ends).await;
    server
        .check_leadership()
        .await
        .map_err(|lost| io::Error::other(lost.to_string()))?;
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

impl Opening {
    /// The connection with the session that its client asked for, if it gets one; else it is served to its end.
    async fn attach(
        mut self,
        request: ConnectRequest,
    ) -> io::Result<Option<Box<ServedConnection>>> {
        let (space, fairness) = (&self.face.space, &self.face.fairness);
        match attach((space, fairness), &self.caller, &request).await {
            Attached::To(session, password) => {
                let response = accepted(&session, password, &request);
                let connection = ServedConnection::new(self, session, (&request, &response))?;
                connection.record_session(request.session == 0);
                Ok(Some(Box::new(connection)))
            }
            Attached::Refused => {
                self.stream
                    .write_all(&frame(&ConnectResponse::refusal(&request))?)
                    .await?;
                self.stream.shutdown().await?;
                Ok(None)
            }
            Attached::Ahead => Ok(None),
            Attached::Unavailable => {
                self.wait_for_hang_up().await?;
                Ok(None)
            }
        }
    }

    /// Keeps the connection without an answer until the client gives up: an old Go client takes one that is closed now for
    /// the end of its session.
    async fn wait_for_hang_up(mut self) -> io::Result<()> {
        let mut ignored = BytesMut::new();
        let given_up = sleep(SessionTimeout::LONGEST);
        tokio::pin!(given_up);
        loop {
            ignored.clear();
            let read = tokio::select! {
                read = self.stream.read_buf(&mut ignored) => read?,
                () = &mut given_up => 0,
                () = self.stopping.wait() => 0,
            };
            if read == 0 {
                return Ok(());
            }
        }
    }
}

fn accepted(
    session: &ClientSession,
    password: SessionPassword,
    request: &ConnectRequest,
) -> ConnectResponse {
    ConnectResponse {
        version: 0,
        timeout_ms: session.timeout.as_ms(),
        session: session.id.number(),
        password: password.into_secret(),
        read_only: request.read_only.map(|_| false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::server::future_bytes;

    #[test]
    fn a_connection_with_a_session_has_no_memory_of_what_came_before() {
        let bytes = future_bytes::of(|(face, arrival, server, stopping)| {
            serve(face, arrival, server, stopping)
        }) + size_of::<ServedConnection>();
        assert!(bytes <= 3_072, "{bytes}");
    }
}
