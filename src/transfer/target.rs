//! The target of an import: a store opened as a gateway opens it, so that no gateway writes to it meanwhile.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::source::store;
use super::{Error, ImportProgress, Item, Items, LeftOutReason, Listing, OnProgress, printable};
use crate::config::{StoreAccess, StoreUrl};
use crate::gateway::stores::{LeadershipTerm, Stores};
use crate::guard;
use crate::model::{AccessList, Caller, Key, Record, time};
use crate::space::{ChangeError, Draft, Keyspace, Lookup};
use crate::store::Limits;
use crate::store::shared::{Candidate, Metrics, SharedStore};

/// How long the leadership lasts if this process dies.
const LEADERSHIP: Duration = Duration::from_secs(10);

/// How long a shared store may take to be read.
const READABLE: Duration = Duration::from_secs(60);

/// Added to twice the duration of a leadership: a gateway that still leads after that is alive and renewing.
const GRACE: Duration = Duration::from_secs(5);

/// A store that only this process writes to.
pub(super) struct ImportTarget {
    pub(super) space: Keyspace,
    term: LeadershipTerm,
    /// Follows the store, if it is shared.
    _stores: Stores,
    /// Receives a failure of the store; its writes then fail, too.
    _fatal: mpsc::Receiver<String>,
}

/// The record in the target of an import that has begun and not ended: the entries there came from it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImportMarker {
    /// The source of the import.
    pub(super) from: String,
}

/// The key of the marker, which no client can name.
fn marker_key() -> Key {
    Key::system("import")
}

impl ImportTarget {
    /// Opens a store and takes its leadership in the name of a command, unless another gateway holds on to that.
    pub(super) async fn open(
        name: &str,
        url: &StoreUrl,
        access: &StoreAccess,
        progress: OnProgress<'_>,
    ) -> Result<Self, Error> {
        let (on_fatal, fatal) = mpsc::channel(1);
        let candidate = Candidate {
            name: name.to_owned(),
            relay: None,
            duration: LEADERSHIP,
        };
        let mut stores =
            Stores::make(url, access, candidate, &Metrics::default(), on_fatal).await?;
        let patience = match &stores {
            Stores::Shared(shared) => Some(patience(shared, progress).await?),
            Stores::Sole(_) => None,
        };
        let term = match patience {
            None => stores.next().await,
            Some(patience) => match tokio::time::timeout(patience, stores.next()).await {
                Ok(term) => term,
                Err(_) => return Err(leadership_held(&stores)),
            },
        };
        let admit = guard::for_store(term.store.limits(), u64::MAX, None);
        let store = Arc::clone(&term.store);
        let (space, expiry) = Keyspace::open(store, admit, &mut Registry::default()).await?;
        // Sessions must not expire: their clients cannot renew them during the import.
        expiry.abort();
        Ok(Self {
            space,
            term,
            _stores: stores,
            _fatal: fatal,
        })
    }

    /// The entries of clients in it.
    pub(super) fn entries(&self) -> Listing {
        let mut listing = Listing {
            read_ms: time::unix_ms(),
            ..Listing::default()
        };
        let view = self.space.read(&Caller::Operator);
        let root = view.built_in("");
        listing.root = root.and_then(|entry| store::item_of(entry, listing.read_ms).into_root());
        let items = view.scan(&Key::user(""));
        listing.items = items
            .map(|(key, entry)| {
                (
                    key.as_bytes().to_vec(),
                    store::item_of(entry, listing.read_ms),
                )
            })
            .collect();
        listing
    }

    /// Moves the items that exceed the limits of the store to those left out.
    pub(super) fn leave_out_unfit(&self, listing: &mut Listing) {
        let limits = self.space.limits();
        let all = std::mem::take(&mut listing.items);
        let mut fits = Items::new();
        for (key, item) in all {
            match unfit(&limits, &key, &item) {
                Some(why) => {
                    listing.leave_out(LeftOutReason::Unfit, format!("{}: {why}", printable(&key)));
                }
                None => {
                    fits.insert(key, item);
                }
            }
        }
        listing.items = fits;
        if let Some(why) = listing
            .root
            .as_ref()
            .and_then(|item| too_long(&limits, item))
        {
            listing.root = None;
            listing.leave_out(LeftOutReason::Unfit, format!("/: {why}"));
        }
    }

    /// The marker of an import that has begun and not ended.
    pub(super) fn marker(&self) -> Option<ImportMarker> {
        let view = self.space.read(&Caller::Operator);
        let entry = view.get(&marker_key())?;
        serde_json::from_slice(entry.value()).ok()
    }

    /// Marks an import as begun.
    pub(super) async fn set_marker(&self, from: &str) -> Result<(), Error> {
        let from = from.to_owned();
        let value = serde_json::to_vec(&ImportMarker { from }).unwrap_or_default();
        let put = |draft: &mut Draft<'_>| {
            let mut record = draft.successor(&marker_key());
            record.value = Bytes::from(value.clone());
            draft.put(&marker_key(), record);
            Ok::<_, Infallible>(())
        };
        self.change(put).await
    }

    /// Marks the import as ended.
    pub(super) async fn clear_marker(&self) -> Result<(), Error> {
        self.change(|draft: &mut Draft<'_>| {
            draft.delete(&marker_key());
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
            .map_err(|error| failed("the marker of this import", &error))
    }

    /// Closes the store, and releases its leadership.
    pub(super) async fn close(self) {
        self.space.close().await;
        self.term.release().await;
    }

    /// Closes the store and reads it back from its backend. The leadership is released only after that.
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
        let contents = store::read(url, access).await;
        self.term.release().await;
        store::add_all_entries(&mut listing, &contents?);
        Ok(listing)
    }
}

/// Waits until a shared store was read; returns how long to wait for its leadership.
async fn patience(shared: &SharedStore, progress: OnProgress<'_>) -> Result<Duration, Error> {
    if tokio::time::timeout(READABLE, shared.loaded())
        .await
        .is_err()
    {
        let problem = shared.problem().borrow().clone();
        let problem = problem.unwrap_or_else(|| "the store does not answer".to_owned());
        return Err(Error::Store(problem));
    }
    let leader = shared.leader().filter(|record| !record.released);
    let lasts = leader
        .as_ref()
        .map_or(LEADERSHIP, |record| record.duration());
    if let Some(record) = leader {
        let name = record.name.clone();
        progress(ImportProgress::WaitingForLeadership { name });
    }
    Ok(lasts * 2 + GRACE)
}

/// The error when another gateway leads.
fn leadership_held(stores: &Stores) -> Error {
    let leader = match stores {
        Stores::Shared(shared) => shared.leader().map(|record| record.name.clone()),
        Stores::Sole(_) => None,
    };
    Error::Store(match leader {
        Some(name) => format!(
            "a gateway ({}) leads this store: stop its gateways first",
            name.escape_debug()
        ),
        None => "the leadership of this store cannot be taken".to_owned(),
    })
}

/// Why an entry exceeds the limits of a store, if it does.
fn unfit(limits: &Limits, key: &[u8], item: &Item) -> Option<String> {
    if key.is_empty() {
        Some("it has no name".to_owned())
    } else if key.len() > limits.key_bytes {
        let most = limits.key_bytes;
        Some(format!(
            "a name of {} bytes; the store takes {most}",
            key.len()
        ))
    } else {
        too_long(limits, item)
    }
}

/// Why an entry's value or access list exceeds the limits of a store, if it does.
fn too_long(limits: &Limits, item: &Item) -> Option<String> {
    let value = item.value.len();
    let list = item.znode.as_ref().and_then(|znode| znode.acl.as_ref());
    let list = list.map_or(0, AccessList::stored_bytes);
    if value > limits.value_bytes {
        let most = limits.value_bytes;
        Some(format!("a value of {value} bytes; the store takes {most}"))
    } else if list > AccessList::MAX_BYTES {
        let most = AccessList::MAX_BYTES;
        Some(format!(
            "an access list of {list} bytes; the store takes {most}"
        ))
    } else if list > 0 && value + list > limits.value_bytes {
        let (both, most) = (value + list, limits.value_bytes);
        Some(format!(
            "value and access list of {both} bytes; the store takes {most}"
        ))
    } else {
        None
    }
}

/// The error of a failed write.
pub(super) fn failed<E>(what: &str, error: &ChangeError<E>) -> Error {
    let why = match error {
        ChangeError::Refused { .. } => "it was refused".to_owned(),
        ChangeError::Denied(denied) => denied.to_string(),
        ChangeError::Failed(failed) => failed.to_string(),
    };
    Error::Store(format!(
        "cannot write {what}: {why}; entries written so far stay, and the same command continues from there"
    ))
}

/// The record of an item that overwrites `before`.
pub(super) fn record_of(before: Record, item: &Item, ends_ms: Option<i64>) -> Record {
    let mut record = before;
    record.value = item.value.clone();
    record.attrs.flags = item.flags;
    record.attrs.dir = item.dir;
    record.attrs.deadline = ends_ms
        .zip(item.ttl_left_ms)
        .map(|(at_ms, ttl_ms)| crate::model::Deadline { at_ms, ttl_ms });
    if let Some(znode) = &item.znode {
        znode.apply(&mut record);
    }
    if let Some(versions) = item.versions {
        record.attrs.import_versions(versions.data, versions.acl);
    }
    // Null is the data of one version: the last one set.
    if item.znode.as_ref().is_some_and(|znode| znode.null) {
        record.set_data(None);
    }
    record
}
