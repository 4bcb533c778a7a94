//! From a store's URL to the store.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::StoreUrl;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, OnFatal};
use crate::store::{MemoryStore, Store};

/// The store of this URL, not open yet. It sends one line to `fatal` when the gateway must end.
pub(super) fn make(url: StoreUrl, fatal: mpsc::Sender<String>) -> Arc<dyn Store> {
    match url {
        StoreUrl::Memory => Arc::new(MemoryStore::new()),
        StoreUrl::Embedded(path) => {
            let on_fatal: OnFatal = Arc::new(move |line| {
                // The first line is the cause; the channel has room for it.
                let _later = fatal.try_send(line);
            });
            Arc::new(EmbeddedStore::new(EmbeddedOptions::new(path, on_fatal)))
        }
    }
}
