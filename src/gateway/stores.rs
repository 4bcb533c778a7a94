//! From a store's URL to the store.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::{Config, StoreAccess, StorePassword, StoreUrl};
use crate::face::http::Leads;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, OnFatal};
use crate::store::shared::{Candidate, Metrics, Relay, Roll, SharedStore, Term};
use crate::store::{MemoryStore, Store, StoreError, etcd, kubernetes};

/// A store of this gateway alone, or one that others use as well.
#[derive(Debug)]
pub(super) enum Stores {
    Sole(Option<Arc<dyn Store>>),
    Shared(SharedStore),
}

/// A store to open a keyspace over, and the lead that goes with it.
#[derive(Debug)]
pub(super) struct Tenure {
    pub(super) store: Arc<dyn Store>,
    pub(super) term: Option<Term>,
}

impl Stores {
    /// The store of this configuration, not open yet. It sends one line to `fatal` when the gateway must end. `relay`
    /// is where other gateways reach this one, and `metrics` counts what a store does that others use as well.
    pub(super) async fn make(
        config: &Config,
        relay: Option<Relay>,
        metrics: &Metrics,
        fatal: mpsc::Sender<String>,
    ) -> Result<Self, StoreError> {
        let candidate = || Candidate {
            name: config.node_name.clone(),
            relay,
            duration: config.lead_duration,
        };
        let sole = |store: Arc<dyn Store>| Self::Sole(Some(store));
        Ok(match &config.store {
            StoreUrl::Memory => sole(Arc::new(MemoryStore::new())),
            StoreUrl::Embedded(path) => {
                let on_fatal: OnFatal = Arc::new(move |line| {
                    // The first line is the cause; the channel has room for it.
                    let _later = fatal.try_send(line);
                });
                let options = EmbeddedOptions::new(path.clone(), on_fatal);
                sole(Arc::new(EmbeddedStore::new(options)))
            }
            StoreUrl::Kubernetes(namespace) => {
                let opened =
                    kubernetes::open(namespace.as_deref(), candidate(), metrics.clone()).await?;
                Self::Shared(opened)
            }
            StoreUrl::Etcd { endpoints, prefix } => {
                let access = access(config.store_access.clone());
                let opened = etcd::open(endpoints, prefix, access, candidate(), metrics.clone())?;
                Self::Shared(opened)
            }
        })
    }

    /// Who leads, where others use the store as well.
    pub(super) fn roll(&self) -> Option<Roll> {
        match self {
            Self::Shared(shared) => Some(shared.roll()),
            Self::Sole(_) => None,
        }
    }

    /// Says that this gateway goes for good.
    pub(super) async fn leave(&mut self) {
        match self {
            Self::Shared(shared) => shared.leave().await,
            Self::Sole(_) => {}
        }
    }

    /// Waits until there is something to serve from; never the second time, where nobody else could take it away.
    pub(super) async fn next(&mut self) -> Tenure {
        match self {
            Self::Shared(shared) => {
                let term = shared.lead().await;
                Tenure {
                    store: term.store(),
                    term: Some(term),
                }
            }
            Self::Sole(store) => match store.take() {
                Some(store) => Tenure { store, term: None },
                None => std::future::pending().await,
            },
        }
    }

    /// Waits until a store that others use as well can be read.
    pub(super) async fn followed(&self) {
        match self {
            Self::Shared(shared) => shared.followed().await,
            Self::Sole(_) => {}
        }
    }
}

impl Tenure {
    /// Whether this gateway may answer from memory.
    pub(super) fn leads(&self) -> Leads {
        match &self.term {
            Some(term) => {
                let holding = term.holding();
                Leads::while_true(move || holding.held())
            }
            None => Leads::default(),
        }
    }

    /// Gives the lead up, when nothing is served any more.
    pub(super) async fn release(self) {
        if let Some(term) = self.term {
            term.release().await;
        }
    }

    /// Returns when another gateway may lead.
    pub(super) async fn lost(&mut self) {
        match &mut self.term {
            Some(term) => term.lost().await,
            None => std::future::pending().await,
        }
    }
}

fn access(access: StoreAccess) -> etcd::Access {
    let StoreAccess {
        authorities,
        certificate,
        user,
    } = access;
    let password = |password| match password {
        StorePassword::File(path) => etcd::Password::File(path),
        StorePassword::Text(text) => etcd::Password::Text(text),
    };
    etcd::Access {
        authorities,
        certificate,
        user: user.map(|(name, secret)| (name, password(secret))),
    }
}
