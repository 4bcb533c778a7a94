//! The store entries go to, opened as by a gateway: nobody else writes there meanwhile.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::source::store;
use super::{Error, Items, Left, Listing, Step, Tell, shown};
use crate::config::{StoreAccess, StoreUrl};
use crate::gateway::stores::{LeadershipTerm, Stores};
use crate::guard;
use crate::model::{Caller, Key, Record, time};
use crate::space::{CommitError, Draft, Keyspace, Lookup};
use crate::store::Limits;
use crate::store::shared::{Candidate, Metrics, SharedStore};

/// How long the lead lasts if this process dies.
const LEAD: Duration = Duration::from_secs(10);

/// How long a store may take until it can be read.
const READABLE: Duration = Duration::from_secs(60);

/// Added to twice the time a lead lasts: whoever still has it then goes on having it.
const GRACE: Duration = Duration::from_secs(5);

/// A store that this process has to itself.
pub(super) struct Target {
    pub(super) space: Keyspace,
    tenure: LeadershipTerm,
    /// Follows the store, where others use it as well.
    _stores: Stores,
    /// Where a store says that it failed; its writes then fail, too.
    _fatal: mpsc::Receiver<String>,
}

/// Says in the target that an import has begun and not ended: what is there came from it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// Where its entries come from.
    pub(super) from: String,
}

/// Its key, which no client can name.
fn marker() -> Key {
    Key::system("import")
}

impl Target {
    /// Opens a store and takes the lead of it, unless another gateway keeps that.
    pub(super) async fn open(
        url: &StoreUrl,
        access: &StoreAccess,
        tell: Tell<'_>,
    ) -> Result<Self, Error> {
        let (on_fatal, fatal) = mpsc::channel(1);
        let candidate = Candidate {
            name: "kubekv import".to_owned(),
            relay: None,
            duration: LEAD,
        };
        let mut stores =
            Stores::make(url, access, candidate, &Metrics::default(), on_fatal).await?;
        let patience = match &stores {
            Stores::Shared(shared) => Some(patience(shared, tell).await?),
            Stores::Sole(_) => None,
        };
        let tenure = match patience {
            None => stores.next().await,
            Some(patience) => match tokio::time::timeout(patience, stores.next()).await {
                Ok(tenure) => tenure,
                Err(_) => return Err(kept(&stores)),
            },
        };
        let admit = guard::for_store(tenure.store.limits());
        let store = Arc::clone(&tenure.store);
        let (space, expiry) = Keyspace::open(store, admit, &mut Registry::default()).await?;
        // Sessions that nobody can renew meanwhile must not run out.
        expiry.abort();
        Ok(Self {
            space,
            tenure,
            _stores: stores,
            _fatal: fatal,
        })
    }

    /// What clients have in it.
    pub(super) fn holds(&self) -> Listing {
        let mut listing = Listing {
            read_ms: time::unix_ms(),
            ..Listing::default()
        };
        let view = self.space.read(&Caller::Operator);
        let items = view.scan(&Key::user(""));
        listing.items = items
            .map(|(key, entry)| (key.as_bytes().to_vec(), store::item(entry, listing.read_ms)))
            .collect();
        listing
    }

    /// Takes out of a listing what does not fit.
    pub(super) fn sift(&self, listing: &mut Listing) {
        let limits = self.space.limits();
        let all = std::mem::take(&mut listing.items);
        let mut fits = Items::new();
        for (key, item) in all {
            match unfit(&limits, &key, item.value.len()) {
                Some(why) => listing.leave(Left::Unfit, format!("{}: {why}", shown(&key))),
                None => {
                    fits.insert(key, item);
                }
            }
        }
        listing.items = fits;
    }

    /// The import that has begun and not ended, if there is one.
    pub(super) fn begun(&self) -> Option<Begun> {
        let view = self.space.read(&Caller::Operator);
        let entry = view.get(&marker())?;
        serde_json::from_slice(entry.value()).ok()
    }

    /// Notes that an import has begun.
    pub(super) async fn begin(&self, from: &str) -> Result<(), Error> {
        let from = from.to_owned();
        let value = serde_json::to_vec(&Begun { from }).unwrap_or_default();
        let put = |draft: &mut Draft<'_>| {
            let mut record = draft.successor(&marker());
            record.value = Bytes::from(value.clone());
            draft.put(&marker(), record);
            Ok::<_, Infallible>(())
        };
        self.change(put).await
    }

    /// Notes that it has ended.
    pub(super) async fn end(&self) -> Result<(), Error> {
        self.change(|draft: &mut Draft<'_>| {
            draft.delete(&marker());
            Ok::<_, Infallible>(())
        })
        .await
    }

    async fn change(
        &self,
        decide: impl Fn(&mut Draft<'_>) -> Result<(), Infallible>,
    ) -> Result<(), Error> {
        let done = self.space.commit(&Caller::Operator, decide).await;
        done.map(|_committed| ())
            .map_err(|error| failed("a note about this import", &error))
    }

    /// Lets go of it, and reads it from where it is kept. Nobody else leads it until that is done.
    pub(super) async fn read_back(
        self,
        url: &StoreUrl,
        access: &StoreAccess,
    ) -> Result<Listing, Error> {
        self.space.close().await;
        let mut listing = Listing {
            read_ms: time::unix_ms(),
            ..Listing::default()
        };
        let opened = store::open(url, access).await;
        self.tenure.release().await;
        store::take_all(&mut listing, &opened?);
        Ok(listing)
    }
}

/// Waits until a shared store was read; says how long to wait for its lead.
async fn patience(shared: &SharedStore, tell: Tell<'_>) -> Result<Duration, Error> {
    if tokio::time::timeout(READABLE, shared.followed())
        .await
        .is_err()
    {
        let problem = shared.problem().borrow().clone();
        let problem = problem.unwrap_or_else(|| "the store does not answer".to_owned());
        return Err(Error::Store(problem));
    }
    let leader = shared.leader().filter(|lead| !lead.released);
    let lasts = leader.as_ref().map_or(LEAD, |lead| lead.duration());
    if let Some(lead) = leader {
        let name = lead.name.clone();
        tell(Step::WaitsForLead { name });
    }
    Ok(lasts * 2 + GRACE)
}

/// Somebody else leads.
fn kept(stores: &Stores) -> Error {
    let leader = match stores {
        Stores::Shared(shared) => shared.leader().map(|lead| lead.name.clone()),
        Stores::Sole(_) => None,
    };
    Error::Store(match leader {
        Some(name) => format!(
            "a gateway ({}) leads this store: stop its gateways first",
            name.escape_debug()
        ),
        None => "the lead of this store cannot be taken".to_owned(),
    })
}

/// Why a store does not take an entry.
fn unfit(limits: &Limits, key: &[u8], value: usize) -> Option<String> {
    if key.is_empty() {
        Some("it has no name".to_owned())
    } else if key.len() > limits.key_bytes {
        let most = limits.key_bytes;
        Some(format!(
            "a name of {} bytes; the store takes {most}",
            key.len()
        ))
    } else if value > limits.value_bytes {
        let most = limits.value_bytes;
        Some(format!("a value of {value} bytes; the store takes {most}"))
    } else {
        None
    }
}

/// A write that failed, named by its key.
pub(super) fn failed<E>(what: &str, error: &CommitError<E>) -> Error {
    let why = match error {
        CommitError::Refused { .. } => "it was refused".to_owned(),
        CommitError::Denied(denied) => denied.to_string(),
        CommitError::Failed(failed) => failed.to_string(),
    };
    Error::Store(format!(
        "cannot write {what}: {why}; what was written is there, and the same command goes on from it"
    ))
}

/// The record of an item over the one that is there.
pub(super) fn record(before: Record, item: &super::Item, ends_ms: Option<i64>) -> Record {
    let mut record = before;
    record.value = item.value.clone();
    record.attrs.flags = item.flags;
    record.attrs.dir = item.dir;
    record.attrs.deadline = ends_ms
        .zip(item.ttl_left_ms)
        .map(|(at_ms, ttl_ms)| crate::model::Deadline { at_ms, ttl_ms });
    record
}
