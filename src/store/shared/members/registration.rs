//! This gateway's own record among those of all gateways of the store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::store::shared::log::Log;
use crate::store::shared::members::member::{self, Replica};
use crate::store::shared::watch_cache::follower::Follower;

/// How long until a record that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a gateway that ends tries to remove its record: another one removes it else.
const LAST: Duration = Duration::from_secs(1);

/// A record that was sent and is not told after so long is sent once more.
const TOLD: Duration = Duration::from_secs(5);

/// Notes this gateway, and notes it again whenever its record is gone, until it is dropped.
pub(in crate::store::shared) async fn keep(
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    holder: String,
    own: Replica,
) {
    let mut told = follower.told();
    loop {
        let missing = told.wait_for(|told| told.loaded && told.replicas.get(&holder) != Some(&own));
        if missing.await.is_err() {
            return;
        }
        let Ok(value) = serde_json::to_vec(&own) else {
            return;
        };
        let sent = log.announce(member::key(&holder), Some(Bytes::from(value)));
        if let Err(error) = sent.await {
            tracing::debug!(%error, "this gateway is not noted yet");
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        let noted = told.wait_for(|told| told.replicas.get(&holder) == Some(&own));
        let _in_time = tokio::time::timeout(TOLD, noted).await;
    }
}

/// Removes this gateway's record, which nobody needs any more.
pub(in crate::store::shared) async fn leave(log: &dyn Log, holder: &str) {
    let removed = log.announce(member::key(holder), None);
    if !matches!(tokio::time::timeout(LAST, removed).await, Ok(Ok(()))) {
        tracing::debug!("this gateway's record is left for another one to remove");
    }
}

/// Removes the records of all other gateways: those that live note themselves again.
pub(in crate::store::shared) async fn call_the_roll(
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    holder: String,
) {
    let others = Arc::clone(&follower.told().borrow().replicas);
    for other in others.keys().filter(|other| **other != holder) {
        if let Err(error) = log.announce(member::key(other), None).await {
            tracing::debug!(%error, "another gateway's record cannot be removed");
        }
    }
}
