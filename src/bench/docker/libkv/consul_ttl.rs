//! Keys with a TTL on Consul: a session that deletes the key when it ends.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::sleep;

use super::KvError;
use super::consul::{ConsulStore, index, one};
use crate::bench::client::Failure;
use crate::bench::docker::observer::StoreRequest;
use crate::bench::http::HttpRequest;

/// How often libkv tries to create or renew the session of a key.
const MOST_TRIES: usize = 5;

/// How long a lock is waited for before it is looked at again.
const LOCK_RETRY: Duration = Duration::from_secs(5);

/// The answer to a new session.
#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

/// A lock of a key, which Consul's client goes on watching for as long as it is held.
#[derive(Debug)]
pub struct LockMonitor {
    store: ConsulStore,
    key: String,
    session: String,
}

impl ConsulStore {
    /// Writes a key with a TTL. If the key had no session, its lock is taken, and watched from then on beside all else.
    pub async fn put_with_ttl(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
        watch: &(dyn Fn(LockMonitor) + Send + Sync),
    ) -> Result<(), KvError> {
        let mut tries = 0;
        while let Err(error) = self.renew_session(key, ttl, watch).await {
            tries += 1;
            if tries == MOST_TRIES {
                return Err(error);
            }
        }
        self.put(key, value).await
    }

    async fn renew_session(
        &self,
        key: &str,
        ttl: Duration,
        watch: &(dyn Fn(LockMonitor) + Send + Sync),
    ) -> Result<(), KvError> {
        let session = if let Some(session) = self.session_of(key, &[]).await? {
            session
        } else {
            let session = self.create_session(ttl).await?;
            // That another one holds the lock, or a failure, is ignored: the session is what matters.
            if self.lock(key, &session).await.is_ok() {
                watch(LockMonitor {
                    store: self.clone(),
                    key: key.to_owned(),
                    session: session.clone(),
                });
            }
            session
        };
        let mut target = format!("/v1/session/renew/{session}");
        self.add_query(&mut target, &[]);
        let request = HttpRequest::new("PUT", &target);
        self.send(StoreRequest::Session, &request).await?;
        Ok(())
    }

    /// The session that holds a key.
    async fn session_of(&self, key: &str, parameters: &[&str]) -> Result<Option<String>, KvError> {
        let target = self.target(key, parameters);
        let request = HttpRequest::new("GET", &target);
        let response = self.send(StoreRequest::Get, &request).await?;
        let session = one(&response, |pair| {
            Ok(pair.session.filter(|session| !session.is_empty()))
                .map(|session| session.map(std::borrow::Cow::into_owned))
        })?;
        Ok(session.flatten())
    }

    async fn create_session(&self, ttl: Duration) -> Result<String, KvError> {
        // Consul doubles the TTL of a session.
        let body = format!(
            "{{\"Behavior\":\"delete\",\"LockDelay\":\"1ms\",\"TTL\":\"{}\"}}\n",
            go_duration(ttl / 2)
        );
        let mut target = "/v1/session/create".to_owned();
        self.add_query(&mut target, &[]);
        let request = HttpRequest::with_body("PUT", &target, body.as_bytes());
        let response = self.expect(StoreRequest::Session, &request).await?;
        let created: Created = serde_json::from_slice(&response.text()?)
            .map_err(|_| Failure::BadAnswer("a session without an id".to_owned()))?;
        Ok(created.id)
    }

    async fn lock(&self, key: &str, session: &str) -> Result<(), KvError> {
        let mut wait = vec!["wait=15000ms".to_owned()];
        loop {
            let parameters: Vec<&str> = wait.iter().map(String::as_str).collect();
            let target = self.target(key, &parameters);
            let request = HttpRequest::new("GET", &target);
            let response = self.send(StoreRequest::Get, &request).await?;
            let holder = one(&response, |pair| {
                Ok(pair.session.unwrap_or_default().into_owned())
            })?;
            match holder.filter(|holder| !holder.is_empty()) {
                Some(holder) if holder == session => return Ok(()),
                Some(_) => {
                    let index = index(&response)?;
                    wait = vec![format!("index={index}"), "wait=15000ms".to_owned()];
                    continue;
                }
                None => {}
            }
            if self.acquire(key, session).await? {
                return Ok(());
            }
            sleep(LOCK_RETRY).await;
        }
    }
}

impl LockMonitor {
    /// Waits until the session does not hold the key any more.
    pub async fn run(self) {
        let mut since = None;
        loop {
            let parameter = since.map(|index: u64| format!("index={index}"));
            let mut parameters = vec!["consistent="];
            parameters.extend(parameter.as_deref());
            let target = self.store.target(&self.key, &parameters);
            let request = HttpRequest::new("GET", &target);
            let Ok(response) = self.store.send(StoreRequest::Watch, &request).await else {
                return;
            };
            let session = self.session.as_str();
            let held = one(&response, |pair| {
                Ok(pair.session.is_some_and(|holder| holder == session))
            });
            match (held, index(&response)) {
                (Ok(Some(true)), Ok(index)) => since = Some(index),
                _ => return,
            }
        }
    }
}

/// A duration of whole milliseconds in Go's notation.
fn go_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    match (seconds / 60, seconds % 60, rest) {
        (0, 0, rest) => format!("{rest}ms"),
        (0, seconds, 0) => format!("{seconds}s"),
        (minutes, seconds, 0) => format!("{minutes}m{seconds}s"),
        (0, seconds, rest) => format!("{}s", decimal(seconds, rest)),
        (minutes, seconds, rest) => format!("{minutes}m{}s", decimal(seconds, rest)),
    }
}

fn decimal(seconds: u128, milliseconds: u128) -> String {
    let text = format!("{seconds}.{milliseconds:03}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let written = |milliseconds| go_duration(Duration::from_millis(milliseconds));
        assert_eq!(written(30_000), "30s");
        assert_eq!(written(500), "500ms");
        assert_eq!(written(1_500), "1.5s");
        assert_eq!(written(90_000), "1m30s");
        assert_eq!(written(60_250), "1m0.25s");
    }
}
