//! Who leads, and which gateways there are, as the store tells it.

pub(super) mod member;
pub(super) mod registration;

use std::time::Duration;

use tokio::sync::watch;

use crate::store::shared::election::leader_record::Relay;
use crate::store::shared::members::member::Replica;
use crate::store::shared::watch_cache::cache::Status;

/// Who leads, and which gateways there are.
#[derive(Clone, Debug)]
pub struct Members {
    told: watch::Receiver<Status>,
    /// This gateway.
    holder: String,
}

impl Members {
    pub(in crate::store::shared) fn new(told: watch::Receiver<Status>, holder: &str) -> Self {
        Self {
            told,
            holder: holder.to_owned(),
        }
    }

    /// Where the gateway that leads takes connections that others relay; `None` where that is this one, where nobody
    /// leads, or where the one that does takes none.
    pub fn leader(&self) -> Option<Relay> {
        leader(&self.told.borrow(), &self.holder)
    }

    /// What people call the gateway that leads, be it this one, and the last term there was.
    pub fn leader_and_term(&self) -> (Option<String>, u64) {
        let told = self.told.borrow();
        let leader = told.lead.as_deref().filter(|lead| !lead.released);
        let last = told.last.as_deref().map_or(0, |lead| lead.term);
        (leader.map(|lead| lead.name.clone()), last.max(told.term))
    }

    /// Returns when that is somebody else.
    pub async fn is_no_more(&mut self, relay: Option<&Relay>) {
        let holder = &self.holder;
        let changed = self
            .told
            .wait_for(|told| leader(told, holder).as_ref() != relay)
            .await
            .is_ok();
        if !changed {
            // Nothing is told any more: this gateway ends.
            std::future::pending::<()>().await;
        }
    }

    /// The gateway that shows this certificate, by the SHA-256 of it in hexadecimal digits; one that has noted itself
    /// just now is waited for.
    pub async fn replica(&mut self, certificate: &str, patience: Duration) -> Option<Replica> {
        let known = self.told.wait_for(|told| find(told, certificate).is_some());
        let known = tokio::time::timeout(patience, known).await.ok()?.ok()?;
        find(&known, certificate).cloned()
    }
}

fn leader(told: &Status, own: &str) -> Option<Relay> {
    let lead = told.lead.as_deref()?;
    let another = lead.holder != own && !lead.released;
    lead.relay.clone().filter(|_| another)
}

fn find<'a>(told: &'a Status, certificate: &str) -> Option<&'a Replica> {
    let mut replicas = told.replicas.values();
    replicas.find(|replica| replica.certificate == certificate)
}
