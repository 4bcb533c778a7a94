//! `Usage`: how much there is beneath a prefix.

use crate::model::{Entry, Key, Record};
use crate::space::QuotaResource;

/// How many keys there are, and the bytes of keys and values; or by how much that changes. Access lists and other attributes
/// do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) keys: i64,
    pub(crate) bytes: i64,
}

/// What a change does to what is beneath a prefix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    /// What there is, with what is on its way.
    pub(crate) before: Usage,
    pub(crate) added: Usage,
}

impl Usage {
    /// What an entry counts.
    pub(super) fn of(key: &Key, entry: &Entry) -> Self {
        Self::weighed(key.as_bytes().len(), &entry.record)
    }

    /// The same of one whose key has so many bytes.
    pub(super) fn weighed(key: usize, record: &Record) -> Self {
        let bytes = key.saturating_add(record.value.len());
        Self {
            keys: 1,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_add(other.keys),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_sub(other.keys),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// What it adds, without what it takes.
    pub(super) fn added(self) -> Self {
        Self {
            keys: self.keys.max(0),
            bytes: self.bytes.max(0),
        }
    }

    /// How much of something it is.
    pub(crate) fn of_resource(self, resource: QuotaResource) -> i64 {
        match resource {
            QuotaResource::Keys => self.keys,
            QuotaResource::Bytes => self.bytes,
        }
    }
}

impl Growth {
    /// Whether there would be more of something than a limit allows. What takes away, or keeps, never is too much.
    pub(crate) fn exceeds(self, resource: QuotaResource, limit: u64) -> bool {
        let added = self.added.of_resource(resource);
        let after = self.before.of_resource(resource).saturating_add(added);
        added > 0 && u64::try_from(after).is_ok_and(|after| after > limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_adds_beyond_the_limit_is_too_much() {
        let usage = |keys, bytes| Usage { keys, bytes };
        for (before, added, keys, bytes) in [
            (usage(9, 90), usage(1, 10), false, false),
            (usage(9, 90), usage(2, 11), true, true),
            (usage(20, 90), usage(0, 10), false, false),
            (usage(20, 200), usage(-1, 0), false, false),
            (usage(20, 200), usage(-1, 1), false, true),
            (usage(20, 0), usage(1, -50), true, false),
        ] {
            let growth = Growth { before, added };
            let too_much = (
                growth.exceeds(QuotaResource::Keys, 10),
                growth.exceeds(QuotaResource::Bytes, 100),
            );
            assert_eq!(too_much, (keys, bytes), "{growth:?}");
        }
    }
}
