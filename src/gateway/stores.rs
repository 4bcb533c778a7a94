//! The store of a gateway: its own, or one that it shares with other gateways, made from the store's URL.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::config::{StoreAccess, StorePassword, StoreUrl};
use crate::face::server::LeadershipCheck;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore, OnFatal};
use crate::store::shared::{Candidate, Members, Metrics, SharedStore, Term};
use crate::store::{MemoryStore, Store, StoreError, etcd, kubernetes};

/// A store of this gateway alone, or a shared one.
#[derive(Debug)]
pub(crate) enum Stores {
    Sole(Option<Arc<dyn Store>>),
    Shared(SharedStore),
}

/// A term of serving: a store to open a keyspace over, and the leadership that goes with it on a shared store.
#[derive(Debug)]
pub(crate) struct LeadershipTerm {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) term: Option<Term>,
}

impl Stores {
    /// A store, not open yet. It sends one line to `fatal` when the gateway must end. A shared store needs the `candidate`
    /// that this gateway is, and counts in `metrics`.
    pub(crate) async fn make(
        url: &StoreUrl,
        access: &StoreAccess,
        candidate: Candidate,
        metrics: &Metrics,
        fatal: mpsc::Sender<String>,
    ) -> Result<Self, StoreError> {
        let sole = |store: Arc<dyn Store>| Self::Sole(Some(store));
        Ok(match url {
            StoreUrl::Memory => sole(Arc::new(MemoryStore::new())),
            StoreUrl::Embedded(path) => {
                let on_fatal: OnFatal = Arc::new(move |line| {
                    // The first line is the cause, and the channel holds one.
                    let _later = fatal.try_send(line);
                });
                let options = EmbeddedOptions::new(path.clone(), on_fatal);
                sole(Arc::new(EmbeddedStore::new(options)))
            }
            StoreUrl::Kubernetes(namespace) => {
                let opened =
                    kubernetes::open(namespace.as_deref(), candidate, metrics.clone()).await?;
                Self::Shared(opened)
            }
            StoreUrl::Etcd { endpoints, prefix } => {
                let access = etcd_access(access.clone());
                let opened = etcd::open(endpoints, prefix, access, candidate, metrics.clone())?;
                Self::Shared(opened)
            }
        })
    }

    /// The leader and the members of a shared store.
    pub(crate) fn members(&self) -> Option<Members> {
        match self {
            Self::Shared(shared) => Some(shared.members()),
            Self::Sole(_) => None,
        }
    }

    /// Removes this gateway from the members, when it ends for good.
    pub(crate) async fn leave(&mut self) {
        match self {
            Self::Shared(shared) => shared.leave().await,
            Self::Sole(_) => {}
        }
    }

    /// Waits until this gateway leads. On a store of its own it does at once, and never a second time.
    pub(crate) async fn next(&mut self) -> LeadershipTerm {
        match self {
            Self::Shared(shared) => {
                let term = shared.lead().await;
                LeadershipTerm {
                    store: term.store(),
                    term: Some(term),
                }
            }
            Self::Sole(store) => match store.take() {
                Some(store) => LeadershipTerm { store, term: None },
                None => std::future::pending().await,
            },
        }
    }

    /// Waits until a shared store was read once.
    pub(crate) async fn loaded(&self) {
        match self {
            Self::Shared(shared) => shared.loaded().await,
            Self::Sole(_) => {}
        }
    }
}

impl LeadershipTerm {
    /// The check that this gateway may answer from memory.
    pub(crate) fn leadership_check(&self) -> LeadershipCheck {
        match &self.term {
            Some(term) => {
                let check = term.check();
                let confirming = check.clone();
                LeadershipCheck::new(
                    move || check.is_valid(),
                    move || Box::pin(confirming.clone().is_valid_or_confirmed()),
                )
            }
            None => LeadershipCheck::default(),
        }
    }

    /// Releases leadership, when nothing is served any more.
    pub(crate) async fn release(self) {
        if let Some(term) = self.term {
            term.release().await;
        }
    }

    /// Returns when another gateway may lead.
    pub(crate) async fn lost(&mut self) {
        match &mut self.term {
            Some(term) => term.lost().await,
            None => std::future::pending().await,
        }
    }
}

/// The credentials of an etcd, as the etcd store takes them.
pub(crate) fn etcd_access(access: StoreAccess) -> etcd::Access {
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
