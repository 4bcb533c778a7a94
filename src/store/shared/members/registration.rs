//! Registration of this gateway as a member, and pruning of the other members' records.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::store::shared::log::Log;
use crate::store::shared::members::member::{self, Member};
use crate::store::shared::watch_cache::follower::Follower;

/// The pause before a record that could not be written is sent again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long a gateway that ends tries to remove its record; after that, the leader prunes it some day.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(1);

/// A record that the watch does not deliver within this time is sent again.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(5);

/// Registers this gateway, and registers it again whenever its record is gone, until the future is dropped.
pub(in crate::store::shared) async fn keep_registered(
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    holder: String,
    own: Member,
) {
    let mut status = follower.status();
    loop {
        let missing =
            status.wait_for(|status| status.loaded && status.members.get(&holder) != Some(&own));
        if missing.await.is_err() {
            return;
        }
        let Ok(value) = serde_json::to_vec(&own) else {
            return;
        };
        let sent = log.announce(member::key(&holder), Some(Bytes::from(value)));
        if let Err(error) = sent.await {
            tracing::debug!(%error, "this gateway could not register as a member; trying again");
            tokio::time::sleep(RETRY_PAUSE).await;
            continue;
        }
        let registered = status.wait_for(|status| status.members.get(&holder) == Some(&own));
        let _in_time = tokio::time::timeout(DELIVERY_PATIENCE, registered).await;
    }
}

/// Removes this gateway's record, when it relays to the leader no more.
pub(in crate::store::shared) async fn deregister(log: &dyn Log, holder: &str) {
    let removed = log.announce(member::key(holder), None);
    if !matches!(
        tokio::time::timeout(REMOVAL_PATIENCE, removed).await,
        Ok(Ok(()))
    ) {
        tracing::debug!("this gateway could not remove its member record; the leader prunes it");
    }
}

/// Removes the records of all other members: those that live register again.
pub(in crate::store::shared) async fn prune_others(
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    holder: String,
) {
    let members = Arc::clone(&follower.status().borrow().members);
    for other in members.keys().filter(|other| **other != holder) {
        if let Err(error) = log.announce(member::key(other), None).await {
            tracing::debug!(%error, "the record of another member could not be pruned");
        }
    }
}
