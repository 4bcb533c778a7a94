//! A client of etcd's version 2 API.

use std::collections::HashMap;
use std::sync::Arc;

use form_urlencoded::byte_serialize;
use serde::Deserialize;

use super::event_stream::EventStream;
use super::key_path::key_path;
use super::reach::Reach;
use super::{Consistency, Failure, HeldLock, IDLE_TTL, Outcome};
use crate::bench::http::{HttpRequest, HttpResponse};
use crate::bench::target::LoadTarget;

/// The TTL of a lock, in seconds: one that a client left behind ends.
const LOCK_TTL: u32 = 60;

/// A client of etcd's version 2 API.
#[derive(Debug)]
pub struct Etcd2Client {
    reach: Reach,
    consistency: Consistency,
    /// The index of each key that a compare-and-swap compares with.
    indexes: HashMap<String, u64>,
    /// The index that the next poll of a key begins with.
    polls: HashMap<String, u64>,
    events: EventStream,
}

/// The part of an answer that is read.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    node: Option<Node>,
    #[serde(default, rename = "errorCode")]
    error: u32,
    #[serde(default)]
    index: u64,
}

#[derive(Debug, Deserialize)]
struct Node {
    #[serde(default, rename = "modifiedIndex")]
    modified: u64,
}

/// The error code of a key that does not exist.
const KEY_NOT_FOUND: u32 = 100;
/// The error code of a failed comparison.
const COMPARE_FAILED: u32 = 101;
/// The error code of a key that exists.
const NODE_EXISTS: u32 = 105;

impl Etcd2Client {
    /// The client of a number, not yet connected.
    pub fn new(target: Arc<LoadTarget>, number: u64, consistency: Consistency) -> Self {
        Self {
            reach: Reach::new(target, number),
            consistency,
            indexes: HashMap::new(),
            polls: HashMap::new(),
            events: EventStream::default(),
        }
    }

    /// Reads a key.
    pub async fn get(&mut self, key: &str) -> Result<Outcome, Failure> {
        let query = match self.consistency {
            Consistency::Linearizable => "?quorum=true",
            Consistency::Default => "",
        };
        let target = format!("{}{query}", path(key));
        self.count(&HttpRequest::new("GET", &target)).await
    }

    /// Reads all keys below a directory.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        let quorum = match self.consistency {
            Consistency::Linearizable => "quorum=true&",
            Consistency::Default => "",
        };
        let directory = path(prefix.trim_end_matches('/'));
        let target = format!("{directory}?{quorum}recursive=true&sorted=true");
        self.count(&HttpRequest::new("GET", &target)).await
    }

    /// Writes a key.
    pub async fn put(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let (target, form) = (path(key), form(value));
        self.count(&HttpRequest::with_form("PUT", &target, &form))
            .await
    }

    /// Writes a key if it has not changed since this client last read or wrote it; one that did not exist is created.
    pub async fn cas(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let index = match self.indexes.get(key) {
            Some(index) => *index,
            None => self.index(key).await?,
        };
        let target = match index {
            0 => format!("{}?prevExist=false", path(key)),
            _ => format!("{}?prevExist=true&prevIndex={index}", path(key)),
        };
        let (done, answer) = self.put_if(&target, value).await?;
        match answer.node {
            Some(node) if !done.conflict => self.indexes.insert(key.to_owned(), node.modified),
            _ => self.indexes.remove(key),
        };
        Ok(done)
    }

    /// Writes a key that must not exist.
    pub async fn create(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let target = format!("{}?prevExist=false", path(key));
        self.put_if(&target, value)
            .await
            .map(|(done, _answer)| done)
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

    /// Takes a lock as libkv does: creates the key, and waits for its end where it exists.
    pub async fn lock(&mut self, key: &str) -> Result<HeldLock, Failure> {
        let create = format!("{}?prevExist=false", path(key));
        let form = format!("value=locked&ttl={LOCK_TTL}");
        loop {
            let request = HttpRequest::with_form("PUT", &create, &form);
            let response = self.reach.send(&request).await?;
            let answer = answer(&response)?;
            match answer.node {
                Some(node) if answer.error == 0 => return Ok(HeldLock::Index(node.modified)),
                _ if answer.error != NODE_EXISTS => return Err(response.refusal()),
                _ => {}
            }
            let after = answer.index.saturating_add(1);
            let target = format!("{}?wait=true&waitIndex={after}", path(key));
            self.reach.send(&HttpRequest::new("GET", &target)).await?;
        }
    }

    /// Gives a lock back.
    pub async fn unlock(&mut self, key: &str, held: HeldLock) -> Result<(), Failure> {
        let HeldLock::Index(index) = held else {
            return Err(Failure::Unsupported("not a lock of etcd v2"));
        };
        let target = format!("{}?prevIndex={index}", path(key));
        let request = HttpRequest::new("DELETE", &target);
        self.reach.expect(&request).await.map(|_done| ())
    }

    /// Writes a key that ends by itself: version 2 has no sessions, and its clients keep such keys alive.
    pub async fn open_session(&mut self, key: &str) -> Result<Outcome, Failure> {
        let (target, form) = (path(key), format!("value=session&ttl={IDLE_TTL}"));
        self.count(&HttpRequest::with_form("PUT", &target, &form))
            .await
    }

    /// Waits for the next change of a key. The first call returns at once, with the index to wait from.
    pub async fn poll(&mut self, key: &str) -> Result<Outcome, Failure> {
        let Some(from) = self.polls.get(key) else {
            let response = self
                .reach
                .send(&HttpRequest::new("GET", &path(key)))
                .await?;
            let index = index_of(&response)?;
            self.polls.insert(key.to_owned(), index.saturating_add(1));
            return Ok(outcome(&response));
        };
        let target = format!("{}?wait=true&waitIndex={from}", path(key));
        let response = self.reach.expect(&HttpRequest::new("GET", &target)).await?;
        let Some(node) = answer(&response)?.node else {
            return Err(Failure::BadAnswer("an event without a node".to_owned()));
        };
        let next = node.modified.saturating_add(1);
        self.polls.insert(key.to_owned(), next);
        Ok(outcome(&response))
    }

    /// Waits for the next event of a key on a stream. The first call returns at once, when the stream has begun.
    pub async fn watch(&mut self, key: &str) -> Result<Outcome, Failure> {
        if !self.events.is_of(key) {
            let seen = self.reach.send(&HttpRequest::new("GET", &path(key))).await;
            let from = index_of(&seen?)?.saturating_add(1);
            let target = format!("{}?wait=true&stream=true&waitIndex={from}", path(key));
            return self.events.begin(&mut self.reach, key, &target).await;
        }
        let event = self.events.next(&mut self.reach).await?;
        Ok(Outcome::of_bytes(event.len()))
    }

    /// Sends a request of whose answer only the length matters.
    async fn count(&mut self, request: &HttpRequest<'_>) -> Result<Outcome, Failure> {
        let response = self.reach.expect(&request.counted()).await?;
        Ok(outcome(&response))
    }

    /// The index of a key; 0 where it does not exist.
    async fn index(&mut self, key: &str) -> Result<u64, Failure> {
        let target = format!("{}?quorum=true", path(key));
        let response = self.reach.send(&HttpRequest::new("GET", &target)).await?;
        let answer = answer(&response)?;
        let bad = || Failure::BadAnswer("a key without an index".to_owned());
        match answer.error {
            KEY_NOT_FOUND => Ok(0),
            0 if response.status < 300 => {
                let node = answer.node.filter(|node| node.modified > 0);
                node.map(|node| node.modified).ok_or_else(bad)
            }
            _ => Err(response.refusal()),
        }
    }

    async fn put_if(&mut self, target: &str, value: &[u8]) -> Result<(Outcome, Answer), Failure> {
        let form = form(value);
        let request = HttpRequest::with_form("PUT", target, &form);
        let response = self.reach.send(&request).await?;
        let answer = answer(&response)?;
        match answer.error {
            0 if response.status < 300 => Ok((outcome(&response), answer)),
            // Of a key that was deleted since it was read, too.
            KEY_NOT_FOUND | COMPARE_FAILED | NODE_EXISTS => {
                let conflict = Outcome {
                    conflict: true,
                    ..outcome(&response)
                };
                Ok((conflict, answer))
            }
            _ => Err(response.refusal()),
        }
    }
}

fn path(key: &str) -> String {
    key_path("/v2/keys/", key)
}

fn form(value: &[u8]) -> String {
    let mut form = "value=".to_owned();
    form.extend(byte_serialize(value));
    form
}

fn outcome(response: &HttpResponse) -> Outcome {
    Outcome::of_length(response.length)
}

fn answer(response: &HttpResponse) -> Result<Answer, Failure> {
    serde_json::from_slice(&response.text()?)
        .map_err(|_| Failure::BadAnswer("not etcd's JSON".to_owned()))
}

fn index_of(response: &HttpResponse) -> Result<u64, Failure> {
    response
        .number("x-etcd-index")
        .ok_or_else(|| Failure::BadAnswer("no X-Etcd-Index".to_owned()))
}
