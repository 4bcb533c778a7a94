//! A client of Consul's HTTP API.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::key_path::key_path;
use super::reach::Reach;
use super::{Consistency, Failure, HeldLock, IDLE_TTL, Outcome};
use crate::bench::http::{HttpRequest, HttpResponse};
use crate::bench::target::LoadTarget;

/// The longest wait of a blocking query, which Consul bounds to this.
const WAIT: Duration = Duration::from_secs(600);

/// The wait for a lock that another session holds.
const LOCK_WAIT: &str = "60s";

/// The TTL of the session that locks are taken with, in seconds.
const LOCK_TTL: u32 = 3_600;

/// A client of Consul's HTTP API.
#[derive(Debug)]
pub struct ConsulClient {
    reach: Reach,
    /// The query that makes a read linearizable, or nothing.
    consistency: &'static str,
    /// The index of each key that was read for a compare-and-swap, or of the last answer of its blocking queries.
    indexes: HashMap<String, u64>,
    /// The session that locks are taken with.
    session: Option<String>,
    /// The session of a lock whose request was not answered: it may hold the lock, and must not keep it from others.
    doubtful: Option<String>,
}

impl ConsulClient {
    /// The client of a number, not yet connected.
    pub fn new(target: Arc<LoadTarget>, number: u64, consistency: Consistency) -> Self {
        Self {
            reach: Reach::new(target, number),
            consistency: match consistency {
                Consistency::Linearizable => "?consistent=",
                Consistency::Default => "",
            },
            indexes: HashMap::new(),
            session: None,
            doubtful: None,
        }
    }

    /// Reads a key.
    pub async fn get(&mut self, key: &str) -> Result<Outcome, Failure> {
        let target = format!("{}{}", path(key), self.consistency);
        self.read(&target).await
    }

    /// Reads all keys with a prefix.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        let consistent = match self.consistency {
            "" => "",
            _ => "&consistent=",
        };
        let target = format!("{}?recurse={consistent}", path(prefix));
        self.read(&target).await
    }

    /// Writes a key.
    pub async fn put(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let target = path(key);
        let request = HttpRequest::with_body("PUT", &target, value).counted();
        let response = self.reach.expect(&request).await?;
        Ok(outcome(&response))
    }

    /// Writes a key if it has not changed since this client last read or wrote it; one that did not exist is created.
    pub async fn cas(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let index = match self.indexes.get(key) {
            Some(index) => *index,
            None => self.index(key).await?,
        };
        let done = self.put_if(key, value, index).await?;
        // The answer has no index. A key that has one is read again before the next, as libkv does.
        self.indexes.remove(key);
        Ok(done)
    }

    /// Writes a key that must not exist.
    pub async fn create(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        self.put_if(key, value, 0).await
    }

    /// Deletes a key.
    pub async fn delete(&mut self, key: &str) -> Result<Outcome, Failure> {
        let target = path(key);
        let response = self
            .reach
            .expect(&HttpRequest::new("DELETE", &target))
            .await?;
        Ok(outcome(&response))
    }

    /// Reads the index of a key, as a part of a compare-and-swap that is not measured on its own.
    pub async fn prepare_cas(&mut self, key: &str) -> Result<(), Failure> {
        let index = self.index(key).await?;
        self.indexes.insert(key.to_owned(), index);
        Ok(())
    }

    /// Takes a lock, waiting for its holder.
    pub async fn lock(&mut self, key: &str) -> Result<HeldLock, Failure> {
        if let Some(doubtful) = self.doubtful.take() {
            let target = format!("/v1/session/destroy/{doubtful}");
            self.reach.send(&HttpRequest::new("PUT", &target)).await?;
        }
        let session = self.session().await?;
        // Until the outcome is known. A refused session has ended, and is replaced, too.
        self.doubtful = self.session.take();
        self.acquire(key, &session).await?;
        self.session = self.doubtful.take();
        Ok(HeldLock::Session(session))
    }

    async fn acquire(&mut self, key: &str, session: &str) -> Result<(), Failure> {
        let acquire = format!("{}?acquire={session}", path(key));
        loop {
            let request = HttpRequest::with_body("PUT", &acquire, b"");
            let response = self.reach.expect(&request).await?;
            if is_true(&response)? {
                return Ok(());
            }
            let seen = self
                .reach
                .send(&HttpRequest::new("GET", &path(key)))
                .await?;
            if !has_holder(&seen) {
                continue;
            }
            let index = index_of(&seen)?;
            let target = format!("{}?index={index}&wait={LOCK_WAIT}", path(key));
            self.reach.send(&HttpRequest::new("GET", &target)).await?;
        }
    }

    /// Gives a lock back.
    pub async fn unlock(&mut self, key: &str, held: HeldLock) -> Result<(), Failure> {
        let HeldLock::Session(session) = held else {
            return Err(Failure::Unsupported("not a lock of Consul"));
        };
        let target = format!("{}?release={session}", path(key));
        let request = HttpRequest::with_body("PUT", &target, b"");
        self.reach.expect(&request).await.map(|_done| ())
    }

    /// Waits for the next change of a key by a blocking query. The first call returns at once, with the index to wait from.
    pub async fn poll(&mut self, key: &str) -> Result<Outcome, Failure> {
        let last = self.indexes.get(key).copied();
        loop {
            let target = match last {
                Some(index) => format!("{}?index={index}&wait={}s", path(key), WAIT.as_secs()),
                None => path(key),
            };
            let sent = Instant::now();
            let response = self.reach.send(&HttpRequest::new("GET", &target)).await?;
            if response.status != 200 && response.status != 404 {
                return Err(response.refusal());
            }
            let index = index_of(&response)?;
            if last.is_some_and(|last| index < last) {
                let why = "X-Consul-Index goes backwards".to_owned();
                return Err(Failure::BadAnswer(why));
            }
            // The end of the wait is no change. An earlier answer wakes the client, whatever its index.
            if last == Some(index) && sent.elapsed() >= WAIT {
                continue;
            }
            self.indexes.insert(key.to_owned(), index);
            return Ok(outcome(&response));
        }
    }

    async fn read(&mut self, target: &str) -> Result<Outcome, Failure> {
        let request = HttpRequest::new("GET", target).counted();
        let response = self.reach.expect(&request).await?;
        Ok(outcome(&response))
    }

    /// The index of a key; 0 where it does not exist.
    async fn index(&mut self, key: &str) -> Result<u64, Failure> {
        let target = format!("{}?consistent=", path(key));
        let request = HttpRequest::new("GET", &target).counted();
        let response = self.reach.send(&request).await?;
        match response.status {
            404 => Ok(0),
            200..300 => index_of(&response),
            _ => Err(response.refusal()),
        }
    }

    async fn put_if(&mut self, key: &str, value: &[u8], index: u64) -> Result<Outcome, Failure> {
        let target = format!("{}?cas={index}", path(key));
        let request = HttpRequest::with_body("PUT", &target, value);
        let response = self.reach.expect(&request).await?;
        Ok(Outcome {
            conflict: !is_true(&response)?,
            ..outcome(&response)
        })
    }

    /// Creates a session that nobody renews.
    pub async fn open_session(&mut self) -> Result<Outcome, Failure> {
        let response = self.create_session(IDLE_TTL).await?;
        Ok(outcome(&response))
    }

    async fn create_session(&mut self, ttl: u32) -> Result<HttpResponse, Failure> {
        let body = format!(
            r#"{{"Name":"kubekv bench","LockDelay":"0s","Behavior":"delete","TTL":"{ttl}s"}}"#
        );
        let request = HttpRequest::with_body("PUT", "/v1/session/create", body.as_bytes());
        self.reach.expect(&request).await
    }

    /// The session of this client. Its TTL ends one that was left behind.
    async fn session(&mut self) -> Result<String, Failure> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let response = self.create_session(LOCK_TTL).await?;
        let bad = || Failure::BadAnswer("a session without an ID".to_owned());
        let created: serde_json::Value =
            serde_json::from_slice(&response.text()?).map_err(|_| bad())?;
        let id = created.get("ID").and_then(serde_json::Value::as_str);
        let id = id.ok_or_else(bad)?.to_owned();
        self.session = Some(id.clone());
        Ok(id)
    }
}

fn path(key: &str) -> String {
    key_path("/v1/kv/", key)
}

fn outcome(response: &HttpResponse) -> Outcome {
    Outcome::of_length(response.length)
}

/// Whether a write took effect. Consul compresses even this answer.
fn is_true(response: &HttpResponse) -> Result<bool, Failure> {
    Ok(response.text()?.starts_with(b"true"))
}

/// The index of an answer, which is above 0: a query with 0 would not wait.
fn index_of(response: &HttpResponse) -> Result<u64, Failure> {
    response
        .number("x-consul-index")
        .filter(|index| *index > 0)
        .ok_or_else(|| Failure::BadAnswer("no X-Consul-Index".to_owned()))
}

fn has_holder(response: &HttpResponse) -> bool {
    let text = response.text().unwrap_or_default();
    response.status == 200 && text.windows(11).any(|part| part == b"\"Session\":\"")
}
