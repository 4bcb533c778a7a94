//! A store of kubekv as a source.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{StoreAccess, StoreUrl};
use crate::gateway::stores::etcd_access;
use crate::model::{Entry, Key, Lease, LeaseEnd, LeaseId, Realm};
use crate::space::is_root_record;
use crate::store::{StoreContents, StoreError, embedded, etcd, kubernetes};
use crate::transfer::{Error, Item, ItemVersions, LeftOutReason, Listing, ZnodeItem, printable};

/// A store as text, without secrets.
pub(in crate::transfer) fn name(url: &StoreUrl) -> String {
    match url {
        StoreUrl::Embedded(path) => format!("embedded {}", path.display()),
        StoreUrl::Memory => "memory".to_owned(),
        StoreUrl::Kubernetes(None) => "kubernetes".to_owned(),
        StoreUrl::Kubernetes(Some(namespace)) => format!("kubernetes {namespace}"),
        StoreUrl::Etcd { endpoints, prefix } => format!("etcd {}/{prefix}", endpoints.join(",")),
    }
}

/// Reads a store from its backend, as of one revision, and writes nothing to it. An embedded store must not be in use.
pub(in crate::transfer) async fn read(
    url: &StoreUrl,
    access: &StoreAccess,
) -> Result<StoreContents, Error> {
    let contents = match url {
        StoreUrl::Embedded(path) => {
            let path = path.clone();
            let reading = tokio::task::spawn_blocking(move || embedded::entries(&path));
            let ended = || StoreError("the store's files could not be read".to_owned());
            reading.await.map_err(|_| ended())??
        }
        StoreUrl::Kubernetes(namespace) => kubernetes::read(namespace.as_deref()).await?,
        StoreUrl::Etcd { endpoints, prefix } => {
            etcd::read(endpoints, prefix, etcd_access(access.clone())).await?
        }
        StoreUrl::Memory => {
            return Err(Error::Store(
                "the entries of a memory store cannot be read from another process".to_owned(),
            ));
        }
    };
    Ok(contents)
}

/// Adds the entries of clients to a listing, except those that are deleted with a session.
pub(in crate::transfer) fn add_entries(
    listing: &mut Listing,
    contents: &StoreContents,
    prefix: &[u8],
) {
    listing.index = Some(contents.revision);
    let leases = leases(contents);
    for lease in leases.values() {
        let name = lease.labels.get("name").map_or("", String::as_str);
        let text = if name.is_empty() {
            lease.id.to_string()
        } else {
            format!("{} ({})", lease.id, name.escape_debug())
        };
        listing.leave_out(LeftOutReason::Session, text);
    }
    listing.root = prefix
        .is_empty()
        .then(|| root(contents, listing.read_ms))
        .flatten();
    for (key, entry) in client_entries(contents, prefix) {
        let attrs = entry.attrs();
        if let Some(id) = attrs.lock {
            let held = format!("{} (by {id})", printable(key));
            let ends = leases.get(&id).map(|lease| lease.on_end);
            if ends == Some(LeaseEnd::Delete) {
                listing.leave_out(LeftOutReason::Ephemeral, held);
                continue;
            }
            listing.leave_out(LeftOutReason::Lock, held);
        }
        if let Some(id) = attrs.bound {
            listing.leave_out(
                LeftOutReason::Ephemeral,
                format!("{} (by {id})", printable(key)),
            );
            continue;
        }
        let item = item_of(entry, listing.read_ms);
        if item.ttl_left_ms == Some(0) {
            listing.leave_out(LeftOutReason::Ended, printable(key));
            continue;
        }
        listing.items.insert(key.to_vec(), item);
    }
}

/// Makes a listing's items all entries of clients, also those that are deleted with a session.
pub(in crate::transfer) fn add_all_entries(listing: &mut Listing, contents: &StoreContents) {
    listing.index = Some(contents.revision);
    listing.root = root(contents, listing.read_ms);
    let items = client_entries(contents, b"");
    listing.items = items
        .map(|(key, entry)| (key.to_vec(), item_of(entry, listing.read_ms)))
        .collect();
}

/// The attributes of an entry that are moved.
pub(in crate::transfer) fn item_of(entry: &Entry, now_ms: i64) -> Item {
    let attrs = entry.attrs();
    let left = attrs.deadline.map(|deadline| {
        let left = deadline.at_ms.saturating_sub(now_ms).max(0);
        // As when a gateway starts: a clock that was set back extends no TTL beyond its full length.
        u64::try_from(left).unwrap_or(0).min(deadline.ttl_ms)
    });
    Item {
        value: entry.value().clone(),
        flags: attrs.flags,
        dir: attrs.dir,
        ttl_left_ms: left,
        znode: Some(ZnodeItem::of(entry)),
        versions: Some(ItemVersions::of(attrs)),
    }
}

/// What clients of ZooKeeper set of the root.
fn root(contents: &StoreContents, now_ms: i64) -> Option<Item> {
    let mut entries = contents.entries.iter();
    let (_, entry) = entries.find(|(key, _)| is_root_record(key))?;
    item_of(entry, now_ms).into_root()
}

fn client_entries<'a>(
    contents: &'a StoreContents,
    prefix: &'a [u8],
) -> impl Iterator<Item = (&'a [u8], &'a Arc<Entry>)> {
    let entries = contents.entries.iter();
    entries.filter_map(move |(key, entry)| {
        let is_wanted = key.realm() == Realm::User && key.as_bytes().starts_with(prefix);
        is_wanted.then_some((key.as_bytes(), entry))
    })
}

fn leases(contents: &StoreContents) -> HashMap<LeaseId, Lease> {
    let prefix: Key = LeaseId::records();
    let records = contents.entries.iter();
    records
        .filter(|(key, _)| key.starts_with(&prefix))
        .filter_map(|(_, entry)| serde_json::from_slice::<Lease>(entry.value()).ok())
        .map(|lease| (lease.id, lease))
        .collect()
}
