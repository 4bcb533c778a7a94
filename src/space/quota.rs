//! `Quotas`: how much may be beneath prefixes, counted as changes are handed to the store and delivered.
//!
//! What a change adds is reserved in the critical section, when nothing can keep it from the store any more, and counts until
//! it is delivered or has surely failed. So two changes that are on their way never share the last place.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Weak};

use super::denied::Denied;
use super::over_quota::OverQuota;
use crate::model::{Caller, Commit, Entry, Key, Write};

/// The quotas of a keyspace. The guard keeps them; nothing in it waits.
pub trait Quotas: fmt::Debug + Send + Sync {
    /// Counts the entries, which it may do again later. Called once, before the first change; commits are followed already.
    fn begin(&self, entries: Weak<dyn EntrySource>);

    /// Takes in commits as they are delivered, before the view shows them and before they are answered. Of one commit alone it
    /// may have been summed up before what it does.
    fn follow(&self, commits: &[Arc<Commit>], sum: Option<&QuotaSum>);

    /// Sums up what writes do, before the turn in which they are reserved: then that costs what differs between prefixes, not
    /// what is written. `None` where nothing is counted.
    fn sum_of_writes(&self, writes: &[Write]) -> Option<QuotaSum>;

    /// The same of a commit that is to be delivered.
    fn sum_of_commit(&self, commit: &Commit) -> Option<QuotaSum>;

    /// Reserves what a caller's writes add, until the reservation is dropped or [`Quotas::follow`] has the commit. `None`
    /// where nothing of it is counted. It may have been summed up before what they do.
    ///
    /// # Errors
    ///
    /// [`Denied::OverQuota`] where it would be more than the caller's quotas allow.
    fn reserve(
        &self,
        caller: &Caller,
        writes: (&[Write], Option<&QuotaSum>),
        order: ReservedOrder,
    ) -> Result<Option<Box<dyn QuotaReservation>>, Denied>;

    /// Takes note of a change that a quota refused.
    fn note(&self, caller: &Caller, denied: &OverQuota);
}

/// What a change does beneath counted prefixes, summed up. Where other prefixes are counted by its turn, it is summed up again.
pub struct QuotaSum(Box<dyn Any + Send + Sync>);

impl QuotaSum {
    /// A sum, which its quotas alone know.
    pub fn new(sum: impl Any + Send + Sync) -> Self {
        Self(Box::new(sum))
    }

    /// The sum, where it is of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for QuotaSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuotaSum")
    }
}

/// What a change adds, or takes, until it is delivered or this is dropped.
pub trait QuotaReservation: fmt::Debug + Send {}

/// What a reservation rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservedOrder {
    /// The store accepts in order: what comes after this change fails with it, so what it deletes is gone.
    Accepted,
    /// Its outcome is uncertain: what it deletes still counts.
    Uncertain,
}

/// The entries of a keyspace, for those who count them.
pub trait EntrySource: Send + Sync {
    /// Visits every entry that clients can name, of one revision, which it returns.
    fn each_entry(&self, visit: &mut dyn FnMut(&Key, &Entry)) -> u64;
}
