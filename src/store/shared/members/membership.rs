//! The leader and the members of a shared store, as the watch cache shows them.

use std::time::Duration;

use tokio::sync::watch;

use crate::store::shared::election::leader_record::Relay;
use crate::store::shared::members::member::Member;
use crate::store::shared::watch_cache::status::CacheStatus;

/// The leader and the members, as this gateway sees them now.
#[derive(Clone, Debug)]
pub struct Members {
    status: watch::Receiver<CacheStatus>,
    /// This gateway's process.
    holder: String,
}

impl Members {
    pub(in crate::store::shared) fn new(
        status: watch::Receiver<CacheStatus>,
        holder: &str,
    ) -> Self {
        Self {
            status,
            holder: holder.to_owned(),
        }
    }

    /// The leader's relay port; `None` if this gateway leads, if none does, or if the leader accepts no relayed
    /// connections.
    pub fn leader(&self) -> Option<Relay> {
        leader(&self.status.borrow(), &self.holder)
    }

    /// The name of the leader, this gateway or another, and the highest term so far.
    pub fn leader_and_term(&self) -> (Option<String>, u64) {
        let status = self.status.borrow();
        let leader = status.leader.as_deref().filter(|leader| !leader.released);
        let last = status.last_leader.as_deref().map_or(0, |last| last.term);
        (
            leader.map(|leader| leader.name.clone()),
            last.max(status.highest_term),
        )
    }

    /// Returns when the leader's relay port is no longer this one.
    pub async fn leader_changed(&mut self, relay: Option<&Relay>) {
        let holder = &self.holder;
        let changed = self
            .status
            .wait_for(|status| leader(status, holder).as_ref() != relay)
            .await
            .is_ok();
        if !changed {
            // The watch cache is gone: this gateway is ending.
            std::future::pending::<()>().await;
        }
    }

    /// The member whose certificate has this SHA-256, in hexadecimal digits. Waits a while for one that has just
    /// registered.
    pub async fn member(&mut self, certificate: &str, patience: Duration) -> Option<Member> {
        let registered = self
            .status
            .wait_for(|status| find(status, certificate).is_some());
        let status = tokio::time::timeout(patience, registered)
            .await
            .ok()?
            .ok()?;
        find(&status, certificate).cloned()
    }
}

fn leader(status: &CacheStatus, own: &str) -> Option<Relay> {
    let leader = status.leader.as_deref()?;
    let another = leader.holder != own && !leader.released;
    leader.relay.clone().filter(|_| another)
}

fn find<'a>(status: &'a CacheStatus, certificate: &str) -> Option<&'a Member> {
    let mut members = status.members.values();
    members.find(|member| member.certificate == certificate)
}
