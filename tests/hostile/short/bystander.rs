//! The bystander: a client that writes and reads its own key, and is to be answered each time.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::attacks::AttackedFace;
use crate::client::request::{get, put, put_form};
use crate::client::{Answer, Connection, Target, Who};
use crate::keeper::BYSTANDER;

/// The longest wait for an answer: far longer than any takes, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every so manieth request is sent on a new connection.
const ANEW: usize = 8;

/// A client with one connection.
pub(super) struct Bystander {
    face: AttackedFace,
    target: Target,
    connection: Connection,
    /// The requests that were answered.
    pub(super) answered: usize,
}

impl Bystander {
    pub(super) async fn connect(face: AttackedFace, target: Target) -> Self {
        let connection = Connection::open(BYSTANDER, &target, Who::Bystander).await;
        Self {
            face,
            target,
            connection: connection.unwrap(),
            answered: 0,
        }
    }

    /// Writes its key and reads it back; now and then on a new connection, which takes the place of the old one.
    pub(super) async fn write_and_read(&mut self) {
        if self.answered % ANEW == ANEW - 2 {
            let anew = Connection::open(BYSTANDER, &self.target, Who::Bystander).await;
            self.connection = anew.unwrap();
        }
        let value = format!("value-{}", self.answered);
        let (write, read) = match self.face {
            AttackedFace::Consul => (
                put("/v1/kv/bystander/own", value.as_bytes()),
                get("/v1/kv/bystander/own?raw"),
            ),
            AttackedFace::Etcd => (
                put_form(
                    "/v2/keys/bystander/own",
                    format!("value={value}").as_bytes(),
                ),
                get("/v2/keys/bystander/own?quorum=true"),
            ),
        };
        let written = self.ask(&write).await;
        assert!(
            matches!(written.status, 200 | 201),
            "the write of {value}: {written:?}"
        );
        let found = self.ask(&read).await;
        assert!(
            found.status == 200 && found.text().contains(&value),
            "the read of {value}: {found:?}"
        );
    }

    async fn ask(&mut self, request: &[u8]) -> Answer {
        let asked = timeout(PATIENCE, self.exchange(request)).await;
        let head = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        let after = self.answered;
        let answer = asked
            .unwrap_or_else(|_| panic!("{head:?} is not answered, after {after} that were"))
            .unwrap_or_else(|error| panic!("{head:?}: {error}, after {after} that were answered"));
        self.answered += 1;
        answer
    }

    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.connection.send(request).await?;
        self.connection.answer().await
    }
}
