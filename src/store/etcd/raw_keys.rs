//! Raw keys of an etcd that is no store of kubekv, for import and export.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::connection::access::Access;
use super::connection::error::EtcdError;
use super::connection::pool::ConnectionPool;
use super::encoding::revision;
use super::list::pages::{READ_TIMEOUT, list_now};
use crate::store::StoreError;
use crate::store::shared::Metrics;
use crate::store::shared::metrics::StoreVerb;

/// The end of a key that every store of kubekv has under its prefix: the leader record's.
const LEADER: &[u8] = b"/.kubekv/lead";

/// Keys as of one revision.
#[derive(Debug, Default)]
pub struct RawKeys {
    /// The revision.
    pub revision: u64,
    /// The keys, in order.
    pub keys: Vec<RawKey>,
}

/// A key as it is stored.
#[derive(Debug)]
pub struct RawKey {
    /// Its name, whole.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Bytes,
    /// What is left of its lease, in seconds; 0 where that has just ended.
    pub lease_left: Option<u64>,
}

/// Reads every key with a prefix, as of one revision; with an empty prefix, every key that the user may read.
pub async fn read_raw_keys(
    endpoints: &[String],
    prefix: &[u8],
    access: Access,
) -> Result<RawKeys, StoreError> {
    let pool = ConnectionPool::new(endpoints.to_vec(), access, Metrics::default())?;
    let failed = |error: EtcdError| StoreError(error.to_string());
    // A key of one zero byte and an end of one stand for "from the first to the last".
    let first: &[u8] = if prefix.is_empty() { &[0] } else { prefix };
    let end = prefix_end(prefix);
    let listed = list_now(&pool, (first, &end), |pair| {
        let value = Bytes::copy_from_slice(pair.value());
        Some((pair.key().to_vec(), value, pair.lease()))
    });
    let listed = listed.await.map_err(failed)?;
    let mut names = listed.keys.iter().map(|(name, ..)| name);
    if let Some(store) = names.find_map(|name| name.strip_suffix(LEADER)) {
        let store = store.escape_ascii();
        let line = format!("{store} is a store of kubekv: read it as etcd://HOST:PORT/{store}");
        return Err(StoreError(line));
    }
    // A key without a lease has lease 0.
    let leases = listed.keys.iter().map(|(.., lease)| *lease);
    let leases: HashSet<i64> = leases.filter(|lease| *lease != 0).collect();
    let mut seconds_left = HashMap::new();
    for lease in leases {
        let answer = pool.call(StoreVerb::Get, READ_TIMEOUT, |client| {
            let mut client = client.lease_client();
            async move { client.time_to_live(lease, None).await }
        });
        // A lease that has ended has -1 left.
        let left = revision::from_wire(answer.await.map_err(failed)?.ttl());
        seconds_left.insert(lease, left);
    }
    let keys = listed.keys.into_iter().map(|(name, value, lease)| RawKey {
        name,
        value,
        lease_left: seconds_left.get(&lease).copied(),
    });
    Ok(RawKeys {
        revision: listed.revision,
        keys: keys.collect(),
    })
}

/// The first key after all keys with a prefix, as etcd counts.
fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends_after_its_last_key() {
        assert_eq!(prefix_end(b"a/"), b"a0");
        assert_eq!(prefix_end(b"a\xff"), b"b");
        // To the last key.
        assert_eq!(prefix_end(b""), b"\0");
        assert_eq!(prefix_end(b"\xff"), b"\0");
    }
}
