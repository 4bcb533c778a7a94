//! Watches on Consul: blocking queries, one after another.

use super::consul::{ConsulStore, index, one};
use super::{KvError, KvPair};
use crate::bench::docker::observer::StoreRequest;
use crate::bench::http::{HttpRequest, HttpResponse};

/// How long a query waits, as libkv says it.
const WAIT: &str = "wait=15000ms";

/// The state of a watch.
#[derive(Debug)]
pub(super) struct ConsulWatch {
    store: ConsulStore,
    key: String,
    index: u64,
}

impl ConsulWatch {
    pub(super) fn new(store: ConsulStore, key: String) -> Self {
        Self {
            store,
            key,
            index: 0,
        }
    }

    /// The next state of the key. The first one is its present state.
    pub(super) async fn next_pair(&mut self) -> Result<KvPair, KvError> {
        loop {
            let response = self.poll(&[]).await?;
            let pair = one(&response, |pair| {
                let index = pair.modified;
                pair.into_pair(index)
            })?;
            // A key that was deleted is waited for.
            if let (true, Some(pair)) = (self.is_news(&response)?, pair) {
                return Ok(pair);
            }
        }
    }

    /// Waits for the next state of the keys below the directory. The first one is their present state.
    pub(super) async fn next_list(&mut self) -> Result<(), KvError> {
        loop {
            let response = self.poll(&["recurse="]).await?;
            if self.is_news(&response)? {
                return Ok(());
            }
        }
    }

    async fn poll(&self, parameters: &[&str]) -> Result<HttpResponse, KvError> {
        let since = (self.index > 0).then(|| format!("index={}", self.index));
        let all: Vec<&str> = since
            .iter()
            .map(String::as_str)
            .chain(parameters.iter().copied())
            .chain([WAIT])
            .collect();
        let target = self.store.target(&self.key, &all);
        let request = HttpRequest::new("GET", &target);
        self.store.send(StoreRequest::Watch, &request).await
    }

    fn is_news(&mut self, response: &HttpResponse) -> Result<bool, KvError> {
        let index = index(response)?;
        Ok(std::mem::replace(&mut self.index, index) != index)
    }
}
