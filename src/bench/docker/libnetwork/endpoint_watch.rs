//! Watch of a network's endpoint count, for as long as the host has an endpoint on the network.
//!
//! Each value of the count makes the daemon list the network's endpoints, whose names its resolver answers.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::datastore::Datastore;
use crate::bench::docker::observer::{DockerStep, StepTiming};

/// The watch of a network.
#[derive(Debug)]
pub(super) struct NetworkWatch {
    /// The local endpoints on the network.
    endpoints: Vec<String>,
    /// Polls the store. It ends on its own, when its present poll has returned.
    poller: JoinHandle<()>,
    /// Lists the endpoints.
    lister: JoinHandle<()>,
}

impl NetworkWatch {
    /// Begins to watch a network.
    pub(super) fn start(store: &Datastore, store_is_back: &Arc<Notify>, network: &str) -> Self {
        // Between the store and the lister a real daemon has two goroutines that each hold one value.
        let (values, news) = mpsc::channel(1);
        let poller = poll(
            store.clone(),
            Arc::clone(store_is_back),
            network.to_owned(),
            values,
        );
        Self {
            endpoints: Vec::new(),
            poller: tokio::spawn(poller),
            lister: tokio::spawn(list(store.clone(), network.to_owned(), news)),
        }
    }

    /// Adds a local endpoint.
    pub(super) fn add(&mut self, endpoint: &str) {
        if !self.endpoints.iter().any(|known| known == endpoint) {
            self.endpoints.push(endpoint.to_owned());
        }
    }

    /// Removes a local endpoint. Returns whether it was the last: then the watch ends, but for a poll that is parked, which
    /// stays until it returns where the protocol has no other way.
    pub(super) fn remove(&mut self, store: &Datastore, endpoint: &str) -> bool {
        self.endpoints.retain(|known| known != endpoint);
        let was_last = self.endpoints.is_empty();
        if was_last {
            self.lister.abort();
        }
        if was_last && store.store().ends_watches_at_once() {
            self.poller.abort();
        }
        was_last
    }

    /// Ends the watch as a daemon ends that dies.
    pub(super) fn abort(&self) {
        self.poller.abort();
        self.lister.abort();
    }
}

async fn poll(
    store: Datastore,
    store_is_back: Arc<Notify>,
    network: String,
    values: mpsc::Sender<()>,
) {
    loop {
        let key = store.keys().endpoint_count(&network);
        let mut watch = store.store().watch(key);
        while let Ok(pair) = watch.next().await {
            // A count that was deleted has no value, and libnetwork ignores it.
            if !pair.value.is_empty() && values.send(()).await.is_err() {
                return;
            }
            if values.is_closed() {
                return;
            }
        }
        // libnetwork leaves a failed watch alone until it hears of the nodes again.
        tokio::select! {
            () = store_is_back.notified() => {}
            () = values.closed() => return,
        }
    }
}

async fn list(store: Datastore, network: String, mut news: mpsc::Receiver<()>) {
    let directory = store.keys().endpoints(&network);
    while news.recv().await.is_some() {
        let began = Instant::now();
        let listed = store.list(&directory).await;
        let timing = StepTiming {
            due: began,
            began,
            ended: Instant::now(),
        };
        let failure = listed.as_ref().err();
        let step = DockerStep::EndpointsRefresh;
        store.observer().step(step, &timing, failure);
    }
}
