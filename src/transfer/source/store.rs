//! A store of kubekv's.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::{StoreAccess, StoreUrl};
use crate::gateway::stores::etcd_access;
use crate::model::{Entry, Key, Lease, LeaseEnd, LeaseId, Realm};
use crate::store::{StoreContents, StoreError, embedded, etcd, kubernetes};
use crate::transfer::{Error, Item, Left, Listing, shown};

/// What a store is called, without secrets.
pub(in crate::transfer) fn name(url: &StoreUrl) -> String {
    match url {
        StoreUrl::Embedded(path) => format!("embedded {}", path.display()),
        StoreUrl::Memory => "memory".to_owned(),
        StoreUrl::Kubernetes(None) => "kubernetes".to_owned(),
        StoreUrl::Kubernetes(Some(namespace)) => format!("kubernetes {namespace}"),
        StoreUrl::Etcd { endpoints, prefix } => format!("etcd {}/{prefix}", endpoints.join(",")),
    }
}

/// Reads a store from where it is kept, as of one revision, and writes nothing there. One that a gateway has to itself
/// must not be in use.
pub(in crate::transfer) async fn open(
    url: &StoreUrl,
    access: &StoreAccess,
) -> Result<StoreContents, Error> {
    let opened = match url {
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
        StoreUrl::Memory => return Err(Error::Store("memory: is another process's".to_owned())),
    };
    Ok(opened)
}

/// What clients have in a store: what a session only lends goes without it.
pub(in crate::transfer) fn take(listing: &mut Listing, opened: &StoreContents, prefix: &[u8]) {
    listing.index = Some(opened.revision);
    let leases = leases(opened);
    for lease in leases.values() {
        let name = lease.labels.get("name").map_or("", String::as_str);
        let text = if name.is_empty() {
            lease.id.to_string()
        } else {
            format!("{} ({})", lease.id, name.escape_debug())
        };
        listing.leave(Left::Session, text);
    }
    for (key, entry) in entries(opened, prefix) {
        let attrs = entry.attrs();
        if let Some(id) = attrs.lock {
            let held = format!("{} (by {id})", shown(key));
            let ends = leases.get(&id).map(|lease| lease.on_end);
            if ends == Some(LeaseEnd::Delete) {
                listing.leave(Left::Ephemeral, held);
                continue;
            }
            listing.leave(Left::Lock, held);
        }
        if let Some(id) = attrs.bound {
            listing.leave(Left::Ephemeral, format!("{} (by {id})", shown(key)));
            continue;
        }
        let item = item(entry, listing.read_ms);
        if item.ttl_left_ms == Some(0) {
            listing.leave(Left::Ended, shown(key));
            continue;
        }
        listing.items.insert(key.to_vec(), item);
    }
}

/// Everything clients have in a store, held or not.
pub(in crate::transfer) fn take_all(listing: &mut Listing, opened: &StoreContents) {
    listing.index = Some(opened.revision);
    let items = entries(opened, b"");
    listing.items = items
        .map(|(key, entry)| (key.to_vec(), item(entry, listing.read_ms)))
        .collect();
}

/// What is moved of an entry.
pub(in crate::transfer) fn item(entry: &Entry, now_ms: i64) -> Item {
    let attrs = entry.attrs();
    let left = attrs.deadline.map(|deadline| {
        let left = deadline.at_ms.saturating_sub(now_ms).max(0);
        // As at a gateway's start: a clock that was set back makes nobody live longer than asked for.
        u64::try_from(left).unwrap_or(0).min(deadline.ttl_ms)
    });
    Item {
        value: entry.value().clone(),
        flags: attrs.flags,
        dir: attrs.dir,
        ttl_left_ms: left,
    }
}

fn entries<'a>(
    opened: &'a StoreContents,
    prefix: &'a [u8],
) -> impl Iterator<Item = (&'a [u8], &'a Arc<Entry>)> {
    let clients = opened.entries.iter();
    clients.filter_map(move |(key, entry)| {
        let ours = key.realm() == Realm::User && key.as_bytes().starts_with(prefix);
        ours.then_some((key.as_bytes(), entry))
    })
}

fn leases(opened: &StoreContents) -> HashMap<LeaseId, Lease> {
    let prefix: Key = LeaseId::records();
    let records = opened.entries.iter();
    records
        .filter(|(key, _)| key.starts_with(&prefix))
        .filter_map(|(_, entry)| serde_json::from_slice::<Lease>(entry.value()).ok())
        .map(|lease| (lease.id, lease))
        .collect()
}
