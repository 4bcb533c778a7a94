//! The size limit of a keyspace: a keyspace that no longer fits the memory refuses to grow, before the kernel ends the
//! gateway.
//!
//! Reads, deletions, values that become shorter and the gateway's own records go on, so that clients can make room and
//! sessions end. A store that is larger from the start is served so, too. The size is that of the last commit: commits on
//! their way to the store are not in it, and can exceed the limit by their own size.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::model::{Key, Record, Target, Write};
use crate::space::{Denied, ENTRY_BYTES};

/// The parts of the limit, in percent, from which on a line in the log says so.
const REPORTED_PERCENT: [u64; 3] = [80, 95, 100];

/// How far below such a part the keyspace must shrink until the log says so again, in percent of the limit.
const HYSTERESIS_PERCENT: u64 = 10;

/// The most bytes that the entries of a keyspace may take in memory, and what the log last said about it.
#[derive(Debug)]
pub(super) struct SizeLimit {
    bytes: u64,
    /// How many of [`REPORTED_PERCENT`] were passed by the log's last line.
    reported: AtomicU8,
}

impl SizeLimit {
    /// A limit in bytes, counted as [`crate::space::Draft::keyspace_bytes`] counts.
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            bytes,
            reported: AtomicU8::new(0),
        }
    }

    /// Refuses writes that make a keyspace of `size` bytes grow beyond the limit.
    pub(super) fn check(&self, size: u64, writes: &[Write]) -> Result<(), Denied> {
        let growth = writes.iter().map(growth).fold(0, i64::saturating_add);
        if growth <= 0 || size.saturating_add_signed(growth) <= self.bytes {
            return Ok(());
        }
        Err(Denied::KeyspaceFull {
            bytes: size,
            limit: self.bytes,
        })
    }

    /// Takes note of the keyspace's size, and logs when it comes near the limit or passes it: once each, until the keyspace
    /// has shrunk clearly below.
    pub(super) fn observe(&self, size: u64) {
        let reported = self.reported.load(Ordering::Relaxed);
        let passed = passed(size, self.bytes, reported);
        // Two callers may find the same: one of them logs it.
        let is_news = passed != reported
            && self
                .reported
                .compare_exchange(reported, passed, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_news || passed < reported {
            return;
        }
        let (bytes, limit) = (size, self.bytes);
        if passed < 3 {
            tracing::warn!(
                bytes,
                limit,
                "the entries take almost as much memory as they may: at the limit, writes that add to them are refused; \
                 delete entries, or give the gateway more (--memory-limit)"
            );
        } else {
            tracing::error!(
                bytes,
                limit,
                "the entries take as much memory as they may: writes that add to them are refused, and reads and \
                 deletions go on; delete entries, or give the gateway more (--memory-limit)"
            );
        }
    }
}

/// How many of [`REPORTED_PERCENT`] a size has passed, where `reported` of them were reported.
fn passed(size: u64, limit: u64, reported: u8) -> u8 {
    let size = u128::from(size) * 100;
    let percent = |percent: u64| u128::from(limit) * u128::from(percent);
    let is_passed = |(number, part): (u8, u64)| {
        let part = if number <= reported {
            part - HYSTERESIS_PERCENT
        } else {
            part
        };
        size >= percent(part)
    };
    let numbered = (1..).zip(REPORTED_PERCENT);
    let highest = numbered.filter(|part| is_passed(*part)).last();
    highest.map_or(0, |(number, _)| number)
}

/// By how many bytes a write makes the keyspace grow.
fn growth(write: &Write) -> i64 {
    // A name given by the store is 20 digits long.
    let (key, name) = match &write.target {
        Target::Key(key) => (key, 0),
        Target::InOrder(parent) => (parent, 20),
    };
    let before = write.before.as_ref();
    let before = before.map_or(0, |entry| weight(key, name, &entry.record));
    let after = write.put.as_ref();
    let after = after.map_or(0, |record| weight(key, name, record));
    after.saturating_sub(before)
}

fn weight(key: &Key, name: usize, record: &Record) -> i64 {
    let bytes = key.as_bytes().len() + name;
    let bytes = bytes + record.value.len() + record.attrs.extra_memory_bytes();
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    i64::try_from(bytes.saturating_add(ENTRY_BYTES)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AccessEntry, AccessList, Attrs, Entry, Revision};

    fn write(before: Option<usize>, put: Option<usize>) -> Write {
        let record = |length| Record {
            value: vec![b'v'; length].into(),
            ..Record::default()
        };
        let modified = Revision::new(1, 0);
        Write {
            target: Target::Key(Key::user("key")),
            before: before
                .map(record)
                .map(|record| Arc::new(Entry { record, modified })),
            put: put.map(record),
        }
    }

    #[test]
    fn only_growth_beyond_the_limit_is_refused() {
        let limit = SizeLimit::new(10_000);
        let full = Err(Denied::KeyspaceFull {
            bytes: 9_990,
            limit: 10_000,
        });
        let check = |writes: &[Write]| limit.check(9_990, writes);
        assert_eq!(check(&[write(Some(5), Some(15))]), Ok(()));
        assert_eq!(check(&[write(Some(5), Some(16))]), full);
        assert_eq!(check(&[write(None, Some(0))]), full);
        assert_eq!(check(&[write(Some(5), None), write(None, Some(5))]), Ok(()));
        // A store that is larger from the start.
        let over = |writes: &[Write]| limit.check(50_000, writes);
        assert_eq!(over(&[write(Some(5), Some(5))]), Ok(()));
        assert_eq!(over(&[write(Some(5), Some(4))]), Ok(()));
        assert_eq!(over(&[write(Some(5), None)]), Ok(()));
        assert!(over(&[write(Some(5), Some(6))]).is_err());
    }

    #[test]
    fn access_list_counts_as_growth() {
        let limit = SizeLimit::new(10_000);
        let mut closed = write(Some(5), Some(5));
        let entry = AccessEntry {
            perms: 1,
            scheme: "digest".to_owned(),
            id: "i".repeat(300),
        };
        let mut attrs = Attrs::default();
        attrs.set_access(AccessList::from(vec![entry]));
        closed.put.as_mut().unwrap().attrs = attrs;
        assert_eq!(limit.check(9_000, std::slice::from_ref(&closed)), Ok(()));
        assert!(limit.check(9_800, &[closed]).is_err());
    }

    #[test]
    fn each_part_is_reported_once_until_the_keyspace_has_shrunk_clearly_below() {
        let limit = SizeLimit::new(1_000);
        let mut reported = Vec::new();
        for size in [
            0, 799, 800, 790, 800, 950, 999, 1_000, 990, 1_200, 899, 849, 699, 800,
        ] {
            limit.observe(size);
            reported.push(limit.reported.load(Ordering::Relaxed));
        }
        assert_eq!(reported, [0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 2, 1, 0, 1]);
    }

    #[test]
    fn no_limit_is_never_reached() {
        let limit = SizeLimit::new(u64::MAX);
        limit.observe(u64::MAX / 2);
        assert_eq!(limit.reported.load(Ordering::Relaxed), 0);
        assert_eq!(
            limit.check(u64::MAX / 2, &[write(None, Some(1 << 20))]),
            Ok(())
        );
    }
}
