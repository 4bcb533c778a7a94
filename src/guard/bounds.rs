//! Size bounds: a change must fit the store it is written to, and the keyspace the memory it is given.

use std::sync::Arc;

use super::audit::AuditLog;
use super::size_limit::SizeLimit;
use crate::model::{AccessList, Caller, Record, Target, Write};
use crate::space::{Admit, Audit, Denied, Draft, Visibility};
use crate::store::Limits;

/// The most bytes of keys and new values a client may write in one request. A store takes more in one commit: what
/// a lease has locked is written again when it ends, in one commit too.
pub const REQUEST_BYTES: usize = 64 << 20;

/// Lets everybody see and change everything, within the limits of the store and of the memory.
#[derive(Debug)]
pub struct Bounds {
    limits: Limits,
    size_limit: SizeLimit,
    audit: Option<Arc<AuditLog>>,
}

impl Bounds {
    /// A guard for a store with these limits, of a keyspace of any size.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            size_limit: SizeLimit::new(u64::MAX),
            audit: None,
        }
    }

    /// The same with a limit for the memory that all entries may take, in bytes.
    #[must_use]
    pub fn with_entries_bytes(self, entries_bytes: u64) -> Self {
        Self {
            size_limit: SizeLimit::new(entries_bytes),
            ..self
        }
    }

    /// The same with a log of what callers do.
    #[must_use]
    pub fn with_audit(self, audit: Option<Arc<AuditLog>>) -> Self {
        Self { audit, ..self }
    }

    /// Takes note of the size of a keyspace that was opened, in bytes: the log says where it is near the limit or beyond.
    pub fn observe(&self, keyspace_bytes: u64) {
        self.size_limit.observe(keyspace_bytes);
    }

    fn check_write(&self, write: &Write) -> Result<usize, Denied> {
        // A name given by the store is 20 digits long.
        let (realm, key) = match &write.target {
            Target::Key(key) => (key.realm(), key.as_bytes().len()),
            Target::InOrder(parent) => (parent.realm(), parent.as_bytes().len() + 20),
        };
        let value = write.put.as_ref().map_or(0, |record| record.value.len());
        let list = self.check_access(write, value)?;
        let limit = self.limits.longest_key(realm);
        if write.put.is_some() && key > limit {
            return Err(Denied::KeyTooLong { len: key, limit });
        }
        if value > self.limits.value_bytes {
            return Err(Denied::ValueTooLong {
                len: value,
                limit: self.limits.value_bytes,
            });
        }
        let kept = |record: &Record| {
            let before = write.before.as_ref();
            before.is_some_and(|before| *before.value() == record.value)
        };
        let new = !write.put.as_ref().is_some_and(kept);
        Ok(key + list + if new { value } else { 0 })
    }

    /// The bytes of a write's access list, which stands beside the value in one request to the store.
    fn check_access(&self, write: &Write, value: usize) -> Result<usize, Denied> {
        let put = write.put.as_ref();
        let list = put.map_or(0, |record| record.attrs.access_bytes());
        let most = AccessList::MAX_BYTES;
        if list > most {
            return Err(Denied::TooMuch(format!(
                "an access list of {list} bytes is longer than the limit of {most} bytes"
            )));
        }
        let (both, limit) = (value + list, self.limits.value_bytes);
        if list > 0 && both > limit {
            return Err(Denied::TooMuch(format!(
                "value and access list of {both} bytes are longer than the limit of {limit} bytes"
            )));
        }
        Ok(list)
    }
}

impl Admit for Bounds {
    fn check(&self, caller: &Caller, draft: &Draft<'_>, writes: &[Write]) -> Result<(), Denied> {
        let keyspace_bytes = draft.keyspace_bytes();
        self.observe(keyspace_bytes);
        // The gateway's own records are made here, not by clients; what ends must be able to end.
        if *caller == Caller::System {
            return Ok(());
        }
        if writes.len() > self.limits.writes {
            let (count, limit) = (writes.len(), self.limits.writes);
            return Err(Denied::TooMuch(format!(
                "{count} changes in one request are more than the limit of {limit}"
            )));
        }
        let mut bytes = 0;
        for write in writes {
            bytes += self.check_write(write)?;
        }
        let limit = self.limits.commit_bytes.min(REQUEST_BYTES);
        if bytes > limit {
            return Err(Denied::TooMuch(format!(
                "{bytes} bytes in one request are more than the limit of {limit} bytes"
            )));
        }
        self.size_limit.check(keyspace_bytes, writes)
    }

    fn visibility(&self, _caller: &Caller) -> Visibility {
        Visibility::All
    }

    fn audit(&self) -> Option<&dyn Audit> {
        let audit: &dyn Audit = self.audit.as_deref()?;
        Some(audit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    use crate::guard::memory_keyspace::{any_client, keyspace_within, memory_keyspace};
    use crate::model::{AccessEntry, Entry, Key, Revision};
    use crate::space::{ChangeError, Keyspace};
    use crate::store::{MemoryStore, Store as _};
    use std::convert::Infallible;
    use std::sync::Arc;

    #[tokio::test]
    async fn bounds_apply_to_operators_but_not_to_the_gateway_itself() {
        let space = memory_keyspace(u64::MAX).await;
        let limits = space.limits();
        for (caller, bounded) in [
            (any_client(), true),
            (Caller::Operator, true),
            (Caller::System, false),
        ] {
            let put = |draft: &mut Draft<'_>| {
                let mut record = draft.successor(&Key::user("k"));
                record.value = vec![0; limits.value_bytes + 1].into();
                draft.put(&Key::user("k"), record);
                Ok::<_, Infallible>(())
            };
            let done = space.commit(&caller, put).await;
            let too_long = matches!(done, Err(ChangeError::Denied(Denied::ValueTooLong { .. })));
            assert_eq!(too_long, bounded, "{caller:?}");
        }
    }

    /// Whether a client may put these keys and values, or delete the keys, in one change.
    async fn fits(space: &Keyspace, writes: &[(String, Option<Bytes>)]) -> bool {
        let write = |draft: &mut Draft<'_>| {
            for (key, value) in writes {
                let key = Key::user(key);
                let mut record = draft.successor(&key);
                match value {
                    Some(value) => {
                        record.value = value.clone();
                        draft.put(&key, record);
                    }
                    None => drop(draft.delete(&key)),
                }
            }
            Ok::<_, Infallible>(())
        };
        space.commit(&any_client(), write).await.is_ok()
    }

    #[tokio::test]
    async fn each_bound_refuses_what_is_beyond_it_and_no_more() {
        let limits = Limits {
            key_bytes: 10,
            value_bytes: 100,
            writes: 3,
            commit_bytes: 150,
        };
        let space = keyspace_within(limits, u64::MAX).await;
        let own = Key::user("k".repeat(11));
        let long = |draft: &mut Draft<'_>| {
            let record = draft.successor(&own);
            draft.put(&own, record);
            Ok::<_, Infallible>(())
        };
        space.commit(&Caller::System, long).await.unwrap();
        let put = |key: &str, bytes| (key.to_owned(), Some(Bytes::from(vec![b'v'; bytes])));
        for (fitting, writes) in [
            (true, vec![put(&"k".repeat(10), 1)]),
            (false, vec![put(&"k".repeat(11), 1)]),
            (true, vec![("k".repeat(11), None)]),
            (true, vec![put("a", 100)]),
            (false, vec![put("a", 101)]),
            (true, vec![put("b", 1), put("c", 1), put("d", 1)]),
            (
                false,
                vec![put("b", 2), put("c", 2), put("d", 2), put("e", 2)],
            ),
            (false, vec![put("f", 75), put("g", 74)]),
            (true, vec![put("f", 74), put("g", 74)]),
            (true, vec![put("h", 100)]),
            // Values that stay are not counted: what a lease has locked is written again when it ends.
            (true, vec![put("a", 100), put("h", 100), put("i", 10)]),
        ] {
            assert_eq!(fits(&space, &writes).await, fitting, "{writes:?}");
        }
    }

    #[tokio::test]
    async fn one_request_writes_no_more_than_64_mib_however_much_its_store_takes() {
        let space = memory_keyspace(u64::MAX).await;
        let value = Bytes::from(vec![0; 512 << 10]);
        let puts = |count| {
            let put = |number| (format!("{number}"), Some(value.clone()));
            (0..count).map(put).collect::<Vec<_>>()
        };
        assert!(fits(&space, &puts(127)).await);
        let space = memory_keyspace(u64::MAX).await;
        assert!(!fits(&space, &puts(128)).await);
    }

    fn closed(value: usize, id: usize) -> Record {
        let mut record = Record {
            value: vec![b'v'; value].into(),
            ..Record::default()
        };
        record.attrs.set_access(AccessList::from(vec![AccessEntry {
            perms: 1,
            scheme: "digest".to_owned(),
            id: "i".repeat(id),
        }]));
        record
    }

    #[test]
    fn access_list_is_bounded_alone_and_beside_its_value() {
        let limits = MemoryStore::new().limits();
        let guard = Bounds::new(limits);
        let check = |before: Option<Record>, put: Record| {
            let before = before.map(|record| {
                let modified = Revision::new(1, 0);
                Arc::new(Entry { record, modified })
            });
            guard.check_write(&Write {
                target: Target::Key(Key::user("k")),
                before,
                put: Some(put),
            })
        };
        let most = AccessList::MAX_BYTES;
        let list = closed(0, most - 100).attrs.access_bytes();
        assert!((most - 100..most).contains(&list), "{list}");
        assert_eq!(check(None, closed(10, most - 100)), Ok(1 + 10 + list));
        let again = check(Some(closed(10, 1)), closed(10, most - 100));
        assert_eq!(again, Ok(1 + list), "the value stays");
        let long = check(None, closed(0, most)).unwrap_err();
        assert!(
            long.to_string()
                .contains("longer than the limit of 16384 bytes"),
            "{long}"
        );
        let beside = check(None, closed(limits.value_bytes - 10, 10)).unwrap_err();
        assert!(matches!(beside, Denied::TooMuch(_)), "{beside}");
        assert!(check(None, closed(limits.value_bytes - 100, 10)).is_ok());
    }

    async fn put(space: &Keyspace, caller: &Caller, key: &str, bytes: usize) -> Result<(), Denied> {
        let put = |draft: &mut Draft<'_>| {
            let mut record = draft.successor(&Key::user(key));
            record.value = vec![b'v'; bytes].into();
            draft.put(&Key::user(key), record);
            Ok::<_, Infallible>(())
        };
        match space.commit(caller, put).await {
            Ok(_) => Ok(()),
            Err(ChangeError::Denied(denied)) => Err(denied),
            Err(error) => panic!("{error:?}"),
        }
    }

    #[tokio::test]
    async fn full_keyspace_takes_what_makes_room_and_the_gateways_own_records() {
        let space = memory_keyspace(10_000).await;
        let client = any_client();
        for key in ["a", "b"] {
            put(&space, &client, key, 4_000).await.unwrap();
        }
        let full = put(&space, &client, "c", 1_000).await.unwrap_err();
        let words = "the entries take 0 of 0 MiB of memory that they may take: delete some, or give the gateway more \
                     (--memory-limit)";
        assert_eq!(full.to_string(), words);
        put(&space, &client, "a", 4_000).await.unwrap();
        put(&space, &client, "b", 5_200).await.unwrap_err();
        put(&space, &Caller::System, "own", 5_000).await.unwrap();
        put(&space, &client, "a", 10).await.unwrap();
        let delete = |draft: &mut Draft<'_>| Ok::<_, Infallible>(draft.delete(&Key::user("own")));
        assert!(space.commit(&client, delete).await.unwrap().reply);
        put(&space, &client, "c", 1_000).await.unwrap();
    }
}
