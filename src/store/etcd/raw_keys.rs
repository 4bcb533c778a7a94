//! Keys of an etcd that no gateway keeps, read as they are.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use etcd_client::{GetOptions, SortOrder, SortTarget};

use super::connection::access::Access;
use super::connection::error::Failure;
use super::connection::pool::ConnectionPool;
use super::list::load::{LONGEST, PAGE, PATIENCE, TRIES, count, place, revision};
use crate::store::StoreError;
use crate::store::shared::Metrics;
use crate::store::shared::metrics::Verb;

/// What a store of kubekv's has under its prefix, whatever else is there.
const LEAD: &[u8] = b"/.kubekv/lead";

/// Keys as of one revision.
#[derive(Debug, Default)]
pub struct RawKeys {
    /// The revision.
    pub revision: u64,
    /// The keys, in order.
    pub keys: Vec<RawKey>,
}

/// A key as it is.
#[derive(Debug)]
pub struct RawKey {
    /// Its name, whole.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Bytes,
    /// What is left of its lease, in seconds; 0 where that has just ended.
    pub lease_left: Option<u64>,
}

/// Reads every key that begins so, as of one revision; with an empty prefix, every key that etcd shows us.
pub async fn plain(
    endpoints: &[String],
    prefix: &[u8],
    access: Access,
) -> Result<RawKeys, StoreError> {
    let links = ConnectionPool::new(endpoints.to_vec(), access, Metrics::default())?;
    let failed = |failure: Failure| StoreError(failure.to_string());
    let mut left = TRIES;
    let (at, found) = loop {
        match pages(&links, prefix).await {
            // It is so long that what it began with is compacted.
            Err(Failure::Compacted) if left > 1 => left -= 1,
            read => break read.map_err(failed)?,
        }
    };
    if let Some((name, ..)) = found.iter().find(|(name, ..)| name.ends_with(LEAD)) {
        let store = name.strip_suffix(LEAD).unwrap_or_default().escape_ascii();
        let line = format!("{store} is a store of kubekv's: read it as etcd://HOST:PORT/{store}");
        return Err(StoreError(line));
    }
    let leases: HashSet<i64> = found.iter().map(|(.., lease)| *lease).collect();
    let mut ends = HashMap::new();
    for lease in leases.into_iter().filter(|lease| *lease != 0) {
        let answer = links.call(Verb::Get, PATIENCE, |client| {
            let mut client = client.lease_client();
            async move { client.time_to_live(lease, None).await }
        });
        // A lease that is gone has -1 left.
        ends.insert(lease, count(answer.await.map_err(failed)?.ttl()));
    }
    let keys = found.into_iter().map(|(name, value, lease)| RawKey {
        name,
        value,
        lease_left: ends.get(&lease).copied(),
    });
    Ok(RawKeys {
        revision: at,
        keys: keys.collect(),
    })
}

/// A key, its value, and its lease or 0.
type Found = (Vec<u8>, Bytes, i64);

async fn pages(links: &ConnectionPool, prefix: &[u8]) -> Result<(u64, Vec<Found>), Failure> {
    // A key of one zero byte and an end of one stand for "from the first to the last".
    let mut from = if prefix.is_empty() {
        vec![0]
    } else {
        prefix.to_vec()
    };
    let end = end(prefix);
    let (mut found, mut fixed) = (Vec::new(), 0);
    loop {
        let options = GetOptions::new()
            .with_range(end.clone())
            .with_limit(PAGE)
            .with_sort(SortTarget::Key, SortOrder::Ascend)
            .with_revision(revision(fixed));
        let page = links.call(Verb::List, PATIENCE, |client| {
            let (from, options) = (from.clone(), options.clone());
            let mut client = client.kv_client().max_decoding_message_size(LONGEST);
            async move { client.get(from, Some(options)).await }
        });
        let page = page.await?;
        if fixed == 0 {
            (fixed, _) = place(&page)?;
        }
        for pair in page.kvs() {
            let value = Bytes::copy_from_slice(pair.value());
            found.push((pair.key().to_vec(), value, pair.lease()));
        }
        match page.kvs().last() {
            Some(last) if page.more() => {
                from = last.key().to_vec();
                from.push(0);
            }
            _ => return Ok((fixed, found)),
        }
    }
}

/// The first key that is no key with this prefix any more, as etcd counts.
fn end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}
