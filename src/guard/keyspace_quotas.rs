//! `KeyspaceQuotas`: the quotas of a policy in one keyspace.

use std::sync::{Arc, Weak};

use super::client_rights::ClientRights;
use super::policy_in_force::PolicyInForce;
use super::policy_mode::PolicyMode;
use super::quota::{Growth, QuotaLedger};
use crate::model::{Caller, Commit, Key, Realm, Target, Write};
use crate::space::{
    Denied, EntrySource, OverQuota, QuotaReservation, QuotaResource, Quotas, ReservedOrder,
};

/// Judges the changes of clients by the quotas of the policy in force.
#[derive(Debug)]
pub(super) struct KeyspaceQuotas {
    policy: Arc<PolicyInForce>,
    ledger: Arc<QuotaLedger>,
}

/// A quota that has too little left for a change.
struct QuotaTooSmall {
    path: Box<[u8]>,
    quota: String,
    resource: QuotaResource,
}

type Judged = Result<Option<Box<dyn QuotaReservation>>, QuotaTooSmall>;

impl KeyspaceQuotas {
    /// Those of a keyspace that is to be opened.
    pub(super) fn new(policy: Arc<PolicyInForce>) -> Self {
        let ledger = policy.new_ledger();
        Self { policy, ledger }
    }

    /// Reserves what a client's writes add; the quotas that only warn are logged and counted.
    fn reserve_for(
        &self,
        client: &ClientRights,
        (writes, order): (&[Write], ReservedOrder),
    ) -> (Judged, Vec<QuotaTooSmall>) {
        let policy = self.policy.current();
        let mut warned = Vec::new();
        let judge = |path: &[u8], growth: Growth| {
            let own = client.quotas.of_path(path).iter();
            let mut quotas = own.chain(policy.quotas_of_all.of_path(path));
            let too_small = quotas.find_map(|quota| {
                Some(QuotaTooSmall {
                    path: path.into(),
                    resource: quota.refuses(growth)?,
                    quota: quota.name().to_owned(),
                })
            });
            match too_small {
                Some(too_small) if self.policy.mode() == PolicyMode::Enforce => Err(too_small),
                Some(too_small) => {
                    warned.push(too_small);
                    Ok(())
                }
                None => Ok(()),
            }
        };
        let reserved = self.ledger.reserve(writes, order, judge);
        (reserved.map(boxed), warned)
    }
}

fn boxed<R: QuotaReservation + 'static>(reserved: Option<R>) -> Option<Box<dyn QuotaReservation>> {
    let reserved: Box<dyn QuotaReservation> = Box::new(reserved?);
    Some(reserved)
}

impl QuotaTooSmall {
    /// With the first key that a change adds to beneath the path.
    fn of(self, writes: &[Write]) -> OverQuota {
        let mut written = writes.iter().filter(|write| write.put.is_some());
        let found = written.find_map(|write| {
            let (Target::Key(key) | Target::InOrder(key)) = &write.target;
            let is_own = key.realm() == Realm::User && key.as_bytes().starts_with(&self.path);
            is_own.then(|| key.clone())
        });
        OverQuota {
            quota: self.quota,
            resource: self.resource,
            key: found.unwrap_or_else(|| Key::user(&self.path)),
        }
    }
}

impl Quotas for KeyspaceQuotas {
    fn begin(&self, entries: Weak<dyn EntrySource>) {
        self.ledger.begin(entries);
    }

    fn follow(&self, commits: &mut dyn Iterator<Item = &Commit>) {
        self.ledger.follow(commits);
    }

    fn reserve(
        &self,
        caller: &Caller,
        writes: &[Write],
        order: ReservedOrder,
    ) -> Result<Option<Box<dyn QuotaReservation>>, Denied> {
        if self.ledger.is_idle() {
            return Ok(None);
        }
        let Some(client) = self.policy.rights_of(caller) else {
            // What ends must be able to end. It counts all the same.
            let reserved = self
                .ledger
                .reserve(writes, order, |_, _| Ok::<_, Denied>(()));
            return reserved.map(boxed);
        };
        let (reserved, warned) = self.reserve_for(&client, (writes, order));
        for too_small in warned {
            self.note(caller, &too_small.of(writes));
        }
        reserved.map_err(|too_small| Denied::OverQuota(too_small.of(writes)))
    }

    fn note(&self, caller: &Caller, denied: &OverQuota) {
        self.policy.note_over_quota(caller, denied);
    }
}
