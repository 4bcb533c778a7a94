//! libkv's store on etcd's version 2 API.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::byte_serialize;
use serde::Deserialize;

use super::{HttpConnections, KvError, KvPair};
use crate::bench::client::{Failure, key_path};
use crate::bench::docker::observer::StoreRequest;
use crate::bench::http::{HttpRequest, HttpResponse};

/// How long a request may take but for a watch's.
const REQUEST_LIMIT: Duration = Duration::from_secs(3);

const READ: &str = "?quorum=true&recursive=false&sorted=false";
const READ_ALL: &str = "?quorum=true&recursive=true&sorted=true";

/// A client of etcd.
#[derive(Clone, Debug)]
pub struct EtcdStore {
    connections: Arc<HttpConnections>,
}

/// The part of an answer that libkv reads.
#[derive(Debug, Deserialize)]
pub(super) struct KeysAnswer<'a> {
    #[serde(borrow, default)]
    pub(super) node: Option<KeysNode<'a>>,
    #[serde(default, rename = "errorCode")]
    code: u32,
}

/// A key of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct KeysNode<'a> {
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Cow<'a, str>,
    #[serde(borrow, default)]
    nodes: Vec<KeysNode<'a>>,
    #[serde(default, rename = "modifiedIndex")]
    pub(super) modified: u64,
}

/// The answer to a list.
#[derive(Clone, Debug)]
pub struct EtcdList(HttpResponse);

impl EtcdList {
    /// The keys directly below the directory.
    pub(super) fn pairs(&self) -> Result<Vec<KvPair>, KvError> {
        read(&self.0, |node| node.nodes.into_iter().map(pair).collect())
    }
}

/// The error codes that libkv knows.
mod code {
    pub(super) const NOT_FOUND: u32 = 100;
    pub(super) const TEST_FAILED: u32 = 101;
    pub(super) const NOT_FILE: u32 = 102;
    pub(super) const NOT_DIR: u32 = 104;
    pub(super) const EXISTS: u32 = 105;
}

/// The entry of a key.
pub(super) fn pair(node: KeysNode<'_>) -> KvPair {
    KvPair {
        key: node.key.into_owned(),
        value: node.value.into_owned().into_bytes(),
        index: node.modified,
    }
}

impl EtcdStore {
    /// A client with these connections, which all clients of a daemon share.
    pub fn new(connections: Arc<HttpConnections>) -> Self {
        Self { connections }
    }

    /// Asks for the members of the cluster. A real client goes on with their addresses; this one stays with its target.
    pub async fn sync(&self) -> Result<(), KvError> {
        let request = HttpRequest::new("GET", "/v2/members");
        self.send(StoreRequest::Members, &request).await?;
        Ok(())
    }

    /// Closes the connections that are not in use.
    pub fn disconnect(&self) {
        self.connections.close();
    }

    /// Reads a key.
    pub async fn get(&self, key: &str) -> Result<KvPair, KvError> {
        let target = path(key) + READ;
        let request = HttpRequest::new("GET", &target);
        let response = self.send(StoreRequest::Get, &request).await?;
        read(&response, pair)
    }

    /// Whether a key exists. The answer is not decoded: that of a directory holds all that is in it, which would be the client's
    /// time, not the server's.
    pub async fn exists(&self, key: &str) -> Result<bool, KvError> {
        let target = path(key) + READ;
        let request = HttpRequest::new("GET", &target);
        let response = self.send(StoreRequest::Get, &request).await?;
        if response.status == 200 {
            return Ok(true);
        }
        match read(&response, |_node| true) {
            Err(KvError::NotFound) => Ok(false),
            found => found,
        }
    }

    /// Writes a key.
    pub async fn put(&self, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), KvError> {
        let (target, form) = (path(key), form(value, ttl));
        let request = HttpRequest::with_form("PUT", &target, &form);
        let response = self.send(StoreRequest::Put, &request).await?;
        read(&response, |_node| ())
    }

    /// Makes a directory.
    pub async fn make_dir(&self, key: &str) -> Result<(), KvError> {
        let target = path(key) + "?dir=true";
        let request = HttpRequest::with_form("PUT", &target, "");
        let response = self.send(StoreRequest::Put, &request).await?;
        read(&response, |_node| ())
    }

    /// The keys directly below a directory.
    pub async fn list(&self, directory: &str) -> Result<EtcdList, KvError> {
        let target = path(directory) + READ_ALL;
        let request = HttpRequest::new("GET", &target);
        let response = self.send(StoreRequest::List, &request).await?;
        if response.status != 200 {
            read(&response, |_node| ())?;
        }
        Ok(EtcdList(response))
    }

    /// Writes a key that still has an index, or does not exist.
    pub async fn atomic_put(
        &self,
        key: &str,
        value: &[u8],
        previous: Option<u64>,
    ) -> Result<u64, KvError> {
        let query = match previous {
            None => "?prevExist=false".to_owned(),
            // An index of 0 is left out, as etcd's client does.
            Some(0) => "?prevExist=true".to_owned(),
            Some(index) => format!("?prevExist=true&prevIndex={index}"),
        };
        let (target, form) = (path(key) + &query, form(value, None));
        let request = HttpRequest::with_form("PUT", &target, &form);
        let response = self.send(StoreRequest::CompareAndSwap, &request).await?;
        read(&response, |node| node.modified)
    }

    /// Deletes a key that still has an index.
    pub async fn atomic_delete(&self, key: &str, index: u64) -> Result<(), KvError> {
        let target = format!("{}?prevIndex={index}", path(key));
        let request = HttpRequest::new("DELETE", &target);
        let response = self.send(StoreRequest::Delete, &request).await?;
        read(&response, |_node| ())
    }

    /// Waits for a change after an index, of a key or of anything below it.
    pub(super) async fn wait(
        &self,
        key: &str,
        recursive: bool,
        index: u64,
    ) -> Result<HttpResponse, KvError> {
        let target = format!(
            "{}?recursive={recursive}&wait=true&waitIndex={index}",
            path(key)
        );
        let request = HttpRequest::new("GET", &target);
        let sending = self.connections.send(StoreRequest::Watch, &request, None);
        Ok(sending.await?)
    }

    async fn send(
        &self,
        kind: StoreRequest,
        request: &HttpRequest<'_>,
    ) -> Result<HttpResponse, KvError> {
        let limit = Some(REQUEST_LIMIT);
        Ok(self.connections.send(kind, request, limit).await?)
    }
}

/// Reads the node of an answer.
pub(super) fn read<T>(
    response: &HttpResponse,
    of: impl FnOnce(KeysNode<'_>) -> T,
) -> Result<T, KvError> {
    let text = response.text()?;
    let answer: KeysAnswer<'_> = serde_json::from_slice(&text)
        .map_err(|_| Failure::BadAnswer("not etcd's JSON".to_owned()))?;
    match (answer.code, answer.node) {
        (0, Some(node)) if response.status < 300 => Ok(of(node)),
        (code::NOT_FOUND | code::NOT_FILE | code::NOT_DIR, _) => Err(KvError::NotFound),
        (code::TEST_FAILED, _) => Err(KvError::Modified),
        (code::EXISTS, _) => Err(KvError::Exists),
        _ => Err(response.refusal().into()),
    }
}

fn path(key: &str) -> String {
    key_path("/v2/keys/", key)
}

fn form(value: &[u8], ttl: Option<Duration>) -> String {
    let mut form = ttl.map_or_else(String::new, |ttl| format!("ttl={}&", ttl.as_secs()));
    form.push_str("value=");
    form.extend(byte_serialize(value));
    form
}
