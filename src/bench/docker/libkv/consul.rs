//! libkv's store on Consul's HTTP API.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{HttpConnections, KvError, KvPair};
use crate::bench::client::{Failure, key_path};
use crate::bench::docker::observer::StoreRequest;
use crate::bench::http::{HttpRequest, HttpResponse};

/// The flags that libkv writes with every key: Consul's mark of a lock.
const FLAGS: &str = "flags=3304740253564472344";

/// The header with the index of an answer.
const INDEX: &str = "x-consul-index";

/// A client of Consul.
#[derive(Clone, Debug)]
pub struct ConsulStore {
    connections: Arc<HttpConnections>,
}

/// An entry of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct ConsulPair<'a> {
    #[serde(borrow, rename = "Key")]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow, default, rename = "Value")]
    value: Option<Cow<'a, str>>,
    #[serde(rename = "ModifyIndex")]
    pub(super) modified: u64,
    #[serde(borrow, default, rename = "Session")]
    pub(super) session: Option<Cow<'a, str>>,
}

/// The answer to a list.
#[derive(Clone, Debug)]
pub struct ConsulList {
    response: HttpResponse,
    directory: String,
}

impl ConsulPair<'_> {
    pub(super) fn into_pair(self, index: u64) -> Result<KvPair, Failure> {
        let value = self.value.as_deref().unwrap_or_default();
        let value = STANDARD
            .decode(value)
            .map_err(|_| Failure::BadAnswer("a value is not base64".to_owned()))?;
        Ok(KvPair {
            key: self.key.into_owned(),
            value,
            index,
        })
    }
}

impl ConsulStore {
    /// A client with these connections, which all clients of a daemon share.
    pub fn new(connections: Arc<HttpConnections>) -> Self {
        Self { connections }
    }

    /// Closes the connections that are not in use.
    pub fn disconnect(&self) {
        self.connections.close();
    }

    /// Reads a key.
    pub async fn get(&self, key: &str) -> Result<KvPair, KvError> {
        let target = self.target(key, &["consistent="]);
        let request = HttpRequest::new("GET", &target);
        let response = self.send(StoreRequest::Get, &request).await?;
        let index = index(&response)?;
        one(&response, |pair| pair.into_pair(index))?.ok_or(KvError::NotFound)
    }

    /// Writes a key.
    pub async fn put(&self, key: &str, value: &[u8]) -> Result<(), KvError> {
        let target = self.target(key, &[FLAGS]);
        let request = HttpRequest::with_body("PUT", &target, value);
        self.expect(StoreRequest::Put, &request).await?;
        Ok(())
    }

    /// The keys below a directory, at any depth.
    pub async fn list(&self, directory: &str) -> Result<ConsulList, KvError> {
        let target = self.target(directory, &["recurse="]);
        let request = HttpRequest::new("GET", &target);
        let response = self.send(StoreRequest::List, &request).await?;
        if response.status == 404 {
            return Err(KvError::NotFound);
        }
        let directory = directory.to_owned();
        Ok(ConsulList {
            response,
            directory,
        })
    }

    /// Writes a key that still has an index, or does not exist. Then reads it, for the new index.
    pub async fn atomic_put(
        &self,
        key: &str,
        value: &[u8],
        previous: Option<u64>,
    ) -> Result<u64, KvError> {
        let cas = format!("cas={}", previous.unwrap_or(0));
        let target = self.target(key, &[&cas, FLAGS]);
        let request = HttpRequest::with_body("PUT", &target, value);
        let response = self.expect(StoreRequest::CompareAndSwap, &request).await?;
        if !is_true(&response)? {
            return Err(match previous {
                Some(_) => KvError::Modified,
                None => KvError::Exists,
            });
        }
        Ok(self.get(key).await?.index)
    }

    /// Deletes a key that still has an index.
    pub async fn atomic_delete(&self, key: &str, index: u64) -> Result<(), KvError> {
        self.get(key).await?;
        let target = self.target(key, &[&format!("cas={index}")]);
        let request = HttpRequest::new("DELETE", &target);
        let response = self.expect(StoreRequest::Delete, &request).await?;
        if is_true(&response)? {
            Ok(())
        } else {
            Err(KvError::Modified)
        }
    }

    /// The path of a key, with parameters in alphabetical order.
    pub(super) fn target(&self, key: &str, parameters: &[&str]) -> String {
        let mut target = key_path("/v1/kv/", key);
        self.add_query(&mut target, parameters);
        target
    }

    /// Adds a query: Consul's client of that time sends its token as a parameter.
    pub(super) fn add_query(&self, target: &mut String, parameters: &[&str]) {
        let token = self
            .connections
            .token()
            .map(|token| format!("token={token}"));
        let after = token.as_deref().map_or(parameters.len(), |token| {
            parameters.partition_point(|parameter| *parameter < token)
        });
        let mut separator = '?';
        let mut add = |parameter: &str| {
            target.push(std::mem::replace(&mut separator, '&'));
            target.push_str(parameter);
        };
        let (before, behind) = parameters
            .split_at_checked(after)
            .unwrap_or((parameters, &[]));
        for parameter in before
            .iter()
            .copied()
            .chain(token.as_deref())
            .chain(behind.iter().copied())
        {
            add(parameter);
        }
    }

    /// Takes the lock of a key for a session.
    pub(super) async fn acquire(&self, key: &str, session: &str) -> Result<bool, KvError> {
        let acquire = format!("acquire={session}");
        let target = self.target(key, &[&acquire, FLAGS]);
        let request = HttpRequest::new("PUT", &target);
        let response = self.expect(StoreRequest::Session, &request).await?;
        is_true(&response)
    }

    /// Sends a request whose answer has a status of 200 or 404.
    pub(super) async fn send(
        &self,
        kind: StoreRequest,
        request: &HttpRequest<'_>,
    ) -> Result<HttpResponse, KvError> {
        let response = self.connections.send(kind, request, None).await?;
        match response.status {
            200 | 404 => Ok(response),
            _ => Err(response.refusal().into()),
        }
    }

    /// Sends a request whose answer has a status of 200.
    pub(super) async fn expect(
        &self,
        kind: StoreRequest,
        request: &HttpRequest<'_>,
    ) -> Result<HttpResponse, KvError> {
        let response = self.connections.send(kind, request, None).await?;
        match response.status {
            200 => Ok(response),
            _ => Err(response.refusal().into()),
        }
    }
}

/// The index of an answer.
pub(super) fn index(response: &HttpResponse) -> Result<u64, KvError> {
    let bad = || Failure::BadAnswer("no X-Consul-Index".to_owned());
    Ok(response.number(INDEX).ok_or_else(bad)?)
}

/// The entry of an answer, if there is one.
pub(super) fn one<T>(
    response: &HttpResponse,
    read: impl FnOnce(ConsulPair<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, KvError> {
    if response.status == 404 {
        return Ok(None);
    }
    let text = response.text()?;
    let pairs: Vec<ConsulPair<'_>> = parse(&text)?;
    Ok(pairs.into_iter().next().map(read).transpose()?)
}

impl ConsulList {
    /// The entries but the directory's own.
    pub(super) fn pairs(&self) -> Result<Vec<KvPair>, KvError> {
        let text = self.response.text()?;
        let all: Vec<ConsulPair<'_>> = parse(&text)?;
        let below = all.into_iter().filter(|pair| pair.key != self.directory);
        let pairs = below.map(|pair| {
            let index = pair.modified;
            pair.into_pair(index)
        });
        Ok(pairs.collect::<Result<_, _>>()?)
    }
}

fn parse(text: &[u8]) -> Result<Vec<ConsulPair<'_>>, Failure> {
    let pairs: Option<Vec<ConsulPair<'_>>> = serde_json::from_slice(text)
        .map_err(|_| Failure::BadAnswer("not Consul's JSON".to_owned()))?;
    Ok(pairs.unwrap_or_default())
}

/// Whether an answer contains `true`.
fn is_true(response: &HttpResponse) -> Result<bool, KvError> {
    let text = response.text()?;
    Ok(text.windows(4).any(|part| part == b"true"))
}
