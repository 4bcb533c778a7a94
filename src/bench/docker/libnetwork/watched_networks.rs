//! Networks that a daemon watches: those with a local endpoint.

use super::Daemon;
use super::endpoint_watch::NetworkWatch;

impl Daemon {
    /// Begins to watch a network, with its first local endpoint.
    pub(super) fn watch_endpoint(&mut self, network: &str, endpoint: &str) {
        let (store, back) = (&self.store, &self.store_is_back);
        let watch = self
            .watches
            .entry(network.to_owned())
            .or_insert_with(|| NetworkWatch::start(store, back, network));
        watch.add(endpoint);
    }

    /// Ends the watch of a network, with its last local endpoint.
    pub(super) fn unwatch_endpoint(&mut self, network: &str, endpoint: &str) {
        let watch = self.watches.get_mut(network);
        if watch.is_some_and(|watch| watch.remove(&self.store, endpoint)) {
            self.watches.remove(network);
        }
    }
}
