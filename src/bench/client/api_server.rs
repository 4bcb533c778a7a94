//! A client of a Kubernetes API server: each key is a `ConfigMap`, the plainest object that it has.
//!
//! The name of an object is a hash of its key, because names have fewer letters than keys; a label has the directory, so that the keys
//! of one can be listed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::event_stream::EventStream;
use super::reach::Reach;
use super::{Consistency, Failure, HeldLock, Outcome};
use crate::bench::http::{HttpRequest, HttpResponse};
use crate::bench::target::LoadTarget;

/// Why it takes no locks.
const NO_LOCKS: Failure = Failure::Unsupported("the API server has no locks");

/// A client of a Kubernetes API server.
#[derive(Debug)]
pub struct ApiServerClient {
    reach: Reach,
    /// The path of the objects.
    path: String,
    /// Whether a read may be from the API server's cache.
    from_cache: bool,
    /// The objects that exist for sure.
    known: HashSet<String>,
    /// The version of each key that was read for a compare-and-swap; none where it does not exist.
    versions: HashMap<String, Option<String>>,
    events: EventStream,
}

#[derive(Deserialize)]
struct Written {
    metadata: WrittenMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMetadata {
    resource_version: String,
}

impl ApiServerClient {
    /// The client of a number, not yet connected.
    pub fn new(target: Arc<LoadTarget>, number: u64, consistency: Consistency) -> Self {
        let namespace = target.chroot.trim_start_matches('/');
        Self {
            path: format!("/api/v1/namespaces/{namespace}/configmaps"),
            from_cache: consistency == Consistency::Default,
            reach: Reach::new(target, number),
            known: HashSet::new(),
            versions: HashMap::new(),
            events: EventStream::default(),
        }
    }

    /// Reads a key.
    pub async fn get(&mut self, key: &str) -> Result<Outcome, Failure> {
        let query = if self.from_cache {
            "?resourceVersion=0"
        } else {
            ""
        };
        let target = format!("{}{query}", self.object_path(key));
        self.count(&target).await
    }

    /// Reads all keys of a directory.
    pub async fn list(&mut self, prefix: &str) -> Result<Outcome, Failure> {
        let query = if self.from_cache {
            "&resourceVersion=0"
        } else {
            ""
        };
        let label = directory_label(prefix);
        let target = format!("{}?labelSelector=directory%3D{label}{query}", self.path);
        self.count(&target).await
    }

    /// Writes a key.
    pub async fn put(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let is_known = self.known.contains(key);
        for replaces in [is_known, !is_known] {
            let response = self.write(key, value, None, replaces).await?;
            match response.status {
                // It does not exist, or it does.
                404 if replaces => {}
                409 if !replaces => {}
                200..300 => {
                    self.known.insert(key.to_owned());
                    return Ok(outcome(&response));
                }
                _ => return Err(response.refusal()),
            }
        }
        Err(Failure::BadAnswer(
            "an object neither exists nor can be created".to_owned(),
        ))
    }

    /// Reads the version of a key, as a part of a compare-and-swap that is not measured on its own.
    pub async fn prepare_cas(&mut self, key: &str) -> Result<(), Failure> {
        if self.versions.contains_key(key) {
            return Ok(());
        }
        let target = self.object_path(key);
        let response = self.reach.send(&HttpRequest::new("GET", &target)).await?;
        let version = match response.status {
            404 => None,
            200..300 => Some(version(&response)?),
            _ => return Err(response.refusal()),
        };
        self.versions.insert(key.to_owned(), version);
        Ok(())
    }

    /// Writes a key if it has not changed since this client last read or wrote it; one that did not exist is created.
    pub async fn cas(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        self.prepare_cas(key).await?;
        let last = self.versions.remove(key).flatten();
        let response = self
            .write(key, value, last.as_deref(), last.is_some())
            .await?;
        match response.status {
            // Of one that was deleted since, too.
            404 | 409 => Ok(Outcome {
                conflict: true,
                ..outcome(&response)
            }),
            200..300 => {
                let version = version(&response)?;
                self.versions.insert(key.to_owned(), Some(version));
                Ok(outcome(&response))
            }
            _ => Err(response.refusal()),
        }
    }

    /// Writes a key that must not exist.
    pub async fn create(&mut self, key: &str, value: &[u8]) -> Result<Outcome, Failure> {
        let response = self.write(key, value, None, false).await?;
        match response.status {
            409 => Ok(Outcome {
                conflict: true,
                ..outcome(&response)
            }),
            200..300 => Ok(outcome(&response)),
            _ => Err(response.refusal()),
        }
    }

    /// Deletes a key.
    pub async fn delete(&mut self, key: &str) -> Result<Outcome, Failure> {
        let target = self.object_path(key);
        self.known.remove(key);
        let request = HttpRequest::new("DELETE", &target).counted();
        Ok(outcome(&self.reach.expect(&request).await?))
    }

    /// Refused.
    #[expect(
        clippy::unused_async,
        reason = "clients of all protocols have the same methods"
    )]
    pub async fn lock(&mut self, _key: &str) -> Result<HeldLock, Failure> {
        Err(NO_LOCKS)
    }

    /// Refused.
    #[expect(
        clippy::unused_async,
        reason = "clients of all protocols have the same methods"
    )]
    pub async fn unlock(&mut self, _key: &str, _held: HeldLock) -> Result<(), Failure> {
        Err(NO_LOCKS)
    }

    /// Refused: the API has no blocking queries.
    #[expect(
        clippy::unused_async,
        reason = "clients of all protocols have the same methods"
    )]
    pub async fn poll(&mut self, _key: &str) -> Result<Outcome, Failure> {
        Err(Failure::Unsupported(
            "the API server has no blocking queries: use watch",
        ))
    }

    /// Waits for the next event of a key on a stream. The first call returns at once, when the stream has begun.
    pub async fn watch(&mut self, key: &str) -> Result<Outcome, Failure> {
        if !self.events.is_of(key) {
            let object = self.object_path(key);
            let response = self.reach.expect(&HttpRequest::new("GET", &object)).await?;
            let from = version(&response)?;
            let target = format!(
                "{}?watch=true&fieldSelector=metadata.name%3D{}&resourceVersion={from}",
                self.path,
                object_name(key)
            );
            return self.events.begin(&mut self.reach, key, &target).await;
        }
        let event = self.events.next(&mut self.reach).await?;
        if event.starts_with(b"{\"type\":\"ERROR\"") {
            self.events.end();
            return Err(Failure::refused("", &event));
        }
        Ok(Outcome::of_bytes(event.len()))
    }

    async fn count(&mut self, target: &str) -> Result<Outcome, Failure> {
        let request = HttpRequest::new("GET", target).counted();
        Ok(outcome(&self.reach.expect(&request).await?))
    }

    /// Creates the object of a key, or replaces it: that of a version, if one is given.
    async fn write(
        &mut self,
        key: &str,
        value: &[u8],
        version: Option<&str>,
        replaces: bool,
    ) -> Result<HttpResponse, Failure> {
        let labels = json!({"directory": directory_label(key)});
        let mut metadata = json!({"name": object_name(key), "labels": labels});
        if let (Some(version), Some(fields)) = (version, metadata.as_object_mut()) {
            fields.insert("resourceVersion".to_owned(), version.into());
        }
        let value = String::from_utf8_lossy(value);
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"value": value},
        });
        let (method, target) = if replaces {
            ("PUT", self.object_path(key))
        } else {
            ("POST", self.path.clone())
        };
        let body = object.to_string();
        let request = HttpRequest {
            content_type: Some("application/json"),
            ..HttpRequest::with_body(method, &target, body.as_bytes())
        };
        self.reach.send(&request).await
    }

    fn object_path(&self, key: &str) -> String {
        format!("{}/{}", self.path, object_name(key))
    }
}

fn object_name(key: &str) -> String {
    format!("{:032x}", xxh3_128(key.as_bytes()))
}

/// The label of the directory of a key, or of a prefix that ends with a slash.
fn directory_label(key: &str) -> String {
    let directory = key.rsplit_once('/').map_or("", |(directory, _)| directory);
    format!("{:016x}", xxh3_64(directory.as_bytes()))
}

fn outcome(response: &HttpResponse) -> Outcome {
    Outcome::of_length(response.length)
}

fn version(response: &HttpResponse) -> Result<String, Failure> {
    let bad = |_| Failure::BadAnswer("an object without a version".to_owned());
    let written: Written = serde_json::from_slice(&response.text()?).map_err(bad)?;
    Ok(written.metadata.resource_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_directory_have_the_label_that_a_list_of_it_asks_for() {
        let label = directory_label("docker/network/");
        assert_eq!(directory_label("docker/network/a1"), label);
        assert_ne!(directory_label("docker/other/a1"), label);
        assert!(label.len() <= 63);
        assert_ne!(object_name("a/b"), object_name("a/c"));
    }
}
