//! `KeyspaceQuotas`: the quotas of a policy in one keyspace.

use std::sync::{Arc, Weak};

use super::client_rights::ClientRights;
use super::policy_in_force::PolicyInForce;
use super::policy_mode::PolicyMode;
use super::quota::{Growth, QuotaLedger, SummedChanges};
use crate::model::{Caller, Commit, Key, Write};
use crate::space::{
    Denied, EntrySource, OverQuota, QuotaReservation, QuotaSum, Quotas, ReservedOrder,
};

/// Judges the changes of clients by the quotas of the policy in force.
#[derive(Debug)]
pub(super) struct KeyspaceQuotas {
    policy: Arc<PolicyInForce>,
    ledger: Arc<QuotaLedger>,
}

/// What is written, and what that comes to where it was summed up before.
type SummedWrites<'a> = (&'a [Write], Option<&'a SummedChanges>);

type Judged = Result<Option<Box<dyn QuotaReservation>>, OverQuota>;

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
        writes: SummedWrites<'_>,
        order: ReservedOrder,
    ) -> (Judged, Vec<OverQuota>) {
        let policy = self.policy.current();
        let mut warned = Vec::new();
        let judge = |path: &[u8], growth: Growth, written: Option<&Key>| {
            let own = client.quotas.of_path(path).iter();
            let mut quotas = own.chain(policy.quotas_of_all.of_path(path));
            let too_small = quotas.find_map(|quota| {
                Some(OverQuota {
                    resource: quota.refuses(growth)?,
                    quota: quota.name().to_owned(),
                    key: written.map_or_else(|| Key::user(path), Key::clone),
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

/// What the ledger has summed up.
fn summed(sum: Option<&QuotaSum>) -> Option<&SummedChanges> {
    sum.and_then(QuotaSum::get)
}

impl Quotas for KeyspaceQuotas {
    fn begin(&self, entries: Weak<dyn EntrySource>) {
        self.ledger.begin(entries);
    }

    fn follow(&self, commits: &[Arc<Commit>], sum: Option<&QuotaSum>) {
        self.ledger.follow(commits, summed(sum));
    }

    fn sum_of_writes(&self, writes: &[Write]) -> Option<QuotaSum> {
        let sum = || QuotaSum::new(self.ledger.sum_writes(writes));
        (!self.ledger.is_idle()).then(sum)
    }

    fn sum_of_commit(&self, commit: &Commit) -> Option<QuotaSum> {
        let sum = || QuotaSum::new(self.ledger.sum_commit(commit));
        (!self.ledger.is_idle()).then(sum)
    }

    fn reserve(
        &self,
        caller: &Caller,
        (writes, sum): (&[Write], Option<&QuotaSum>),
        order: ReservedOrder,
    ) -> Result<Option<Box<dyn QuotaReservation>>, Denied> {
        let writes = (writes, summed(sum));
        if self.ledger.is_idle() {
            return Ok(None);
        }
        let Some(client) = self.policy.rights_of(caller) else {
            // What ends must be able to end. It counts all the same.
            let reserved = self
                .ledger
                .reserve(writes, order, |_, _, _| Ok::<_, Denied>(()));
            return reserved.map(boxed);
        };
        let (reserved, warned) = self.reserve_for(&client, writes, order);
        for too_small in warned {
            self.note(caller, &too_small);
        }
        reserved.map_err(Denied::OverQuota)
    }

    fn note(&self, caller: &Caller, denied: &OverQuota) {
        self.policy.note_over_quota(caller, denied);
    }
}
