//! Opening a keyspace: what its store holds is taken in, and what runs out begins to end.

use std::sync::{Arc, Weak};

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;

use super::admit::Admit;
use super::applier::Applier;
use super::expiry;
use super::keyspace::Keyspace;
use super::metrics::KeyspaceCounters;
use crate::model::Proposal;
use crate::store::{CommitSink, Store, StoreError};

impl Keyspace {
    /// Opens the keyspace of a store and begins to end what runs out. Must be called within a tokio runtime.
    pub async fn open(
        store: Arc<dyn Store>,
        admit: Arc<dyn Admit>,
        registry: &mut Registry,
    ) -> Result<(Self, JoinHandle<()>), StoreError> {
        let quotas = admit.quotas();
        let applier = Applier::new(admit.sieve()).counting(quotas.clone());
        let applier = Arc::new(applier.of_shared_store(store.derives_directories()));
        let sink: Arc<dyn CommitSink> = Arc::<Applier>::clone(&applier);
        let contents = store.open(sink).await?;
        applier.load(&contents);
        if let Some(quotas) = &quotas {
            let entries: Weak<Applier> = Arc::downgrade(&applier);
            quotas.begin(entries);
        }
        if contents.revision == 0 {
            use_first_revision(store.as_ref()).await?;
        }
        let metrics = KeyspaceCounters::default();
        metrics.register(registry);
        let space = Self::new(store, (admit, quotas), applier, metrics, contents.identity);
        let expiry = tokio::spawn(expiry::run(space.clone()));
        Ok((space, expiry))
    }
}

/// Uses up the first revision of an empty store.
///
/// Consul's clients get index 1 where nothing has happened yet, because 0 would not make them wait. They would not notice a
/// change at revision 1.
async fn use_first_revision(store: &dyn Store) -> Result<(), StoreError> {
    let failed = |error| StoreError(format!("could not write the first revision: {error}"));
    store.commit(Proposal::default()).await.map_err(failed)?;
    Ok(())
}
