//! Keeper of a lifetime, as a well-behaved client renews its own: a session of Consul with a lock, a TTL of etcd v2.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::attacks::AttackedFace;
use crate::client::request::{get, put, put_form};
use crate::client::{Answer, Connection, Target, Who};

/// The address of the bystander.
pub(crate) const BYSTANDER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The pause before a renewal that failed is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest time for the last look.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fate of a lifetime that was renewed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Fate {
    /// It was never interrupted.
    Alive,
    /// It ended all the same.
    Lost,
    /// The server does not answer.
    Unknown,
}

/// A lifetime, and how it is renewed.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    face: AttackedFace,
    target: Target,
    ttl: u64,
    /// The session's id, or the node's `createdIndex`.
    identity: String,
}

impl Keeper {
    /// Begins a lifetime of so many seconds; Consul's takes twice as long to end.
    pub(crate) async fn begin(face: AttackedFace, target: Target, ttl: u64) -> io::Result<Self> {
        let mut keeper = Self {
            face,
            target,
            ttl,
            identity: String::new(),
        };
        keeper.identity = match face {
            AttackedFace::Consul => {
                let body = format!(r#"{{"TTL":"{ttl}s","LockDelay":"0s"}}"#);
                let answer = keeper
                    .ask(&put("/v1/session/create", body.as_bytes()))
                    .await?;
                let id = field(&answer, "ID").unwrap_or_default();
                let lock = format!("/v1/kv/bystander/lock?acquire={id}");
                let locked = keeper.ask(&put(&lock, b"held")).await?;
                if locked.text().trim() != "true" {
                    return Err(io::Error::other(locked.text()));
                }
                id
            }
            AttackedFace::Etcd => {
                let form = format!("value=v&prevExist=false&ttl={ttl}");
                let created = put_form("/v2/keys/bystander/ttl", form.as_bytes());
                let answer = keeper.ask(&created).await?;
                field(&answer, "createdIndex").unwrap_or_default()
            }
        };
        if keeper.identity.is_empty() {
            return Err(io::Error::other("no lifetime began"));
        }
        Ok(keeper)
    }

    /// Renews it three times in its length, for ever.
    pub(crate) async fn keep(&self) -> ! {
        let every = Duration::from_secs(self.ttl) / 3;
        let renewal = match self.face {
            AttackedFace::Consul => put(&format!("/v1/session/renew/{}", self.identity), b""),
            AttackedFace::Etcd => {
                let form = format!("refresh=true&prevExist=true&ttl={}", self.ttl);
                put_form("/v2/keys/bystander/ttl", form.as_bytes())
            }
        };
        loop {
            match timeout(every, self.ask(&renewal)).await {
                Ok(Ok(answer)) if answer.status == 200 => sleep(every).await,
                _ => sleep(PAUSE).await,
            }
        }
    }

    /// What became of it.
    pub(crate) async fn fate(&self) -> Fate {
        let look = match self.face {
            AttackedFace::Consul => get("/v1/kv/bystander/lock"),
            AttackedFace::Etcd => get("/v2/keys/bystander/ttl"),
        };
        let name = match self.face {
            AttackedFace::Consul => "Session",
            AttackedFace::Etcd => "createdIndex",
        };
        match timeout(PATIENCE, self.ask(&look)).await {
            Ok(Ok(answer)) if matches!(answer.status, 200 | 404) => {
                let is_same = field(&answer, name).is_some_and(|found| found == self.identity);
                if is_same { Fate::Alive } else { Fate::Lost }
            }
            _ => Fate::Unknown,
        }
    }

    /// One request on a connection of its own.
    async fn ask(&self, request: &[u8]) -> io::Result<Answer> {
        let mut connection = Connection::open(BYSTANDER, &self.target, Who::Bystander).await?;
        connection.send(request).await?;
        connection.answer().await
    }
}

/// The first value of a name in JSON, a text without escapes or a number.
fn field(answer: &Answer, name: &str) -> Option<String> {
    let text = answer.text();
    let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
    let value = rest.trim_start().trim_start_matches('"');
    value.split(['"', ',', '}']).next().map(str::to_owned)
}
