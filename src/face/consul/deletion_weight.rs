//! Weight of a deletion of subtrees: its entries and the bytes of their keys, counted before anything is decided.

use super::reply::Reply;
use super::request::ApiRequest;
use crate::fairness::Cost;
use crate::guard::REQUEST_BYTES;
use crate::model::Key;
use crate::space::{Denied, Lookup, View};
use crate::store::Limits;

/// The entries that are to be deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeletionWeight {
    /// How many; one more than was asked for where there are more.
    pub(super) entries: usize,
    /// The bytes of their keys.
    bytes: usize,
}

impl DeletionWeight {
    /// The weight of all entries with any of these prefixes, counted on a heavy thread where they are many; not past `most`
    /// entries.
    pub(super) async fn of_trees(
        request: &ApiRequest<'_>,
        prefixes: Vec<Key>,
        most: usize,
    ) -> Result<Self, Reply> {
        let view = request.face.space.read(&request.caller);
        let first = Self::count(&view, &prefixes, |weight| weight.cost().is_small());
        if first.cost().is_small() {
            return Ok(first);
        }
        let count = move || Self::count(&view, &prefixes, |weight| weight.entries <= most);
        let counted = request.face.fairness.run(request.flow, first.cost(), count);
        Ok(counted.await?)
    }

    fn count(view: &View, prefixes: &[Key], goes_on: impl Fn(Self) -> bool) -> Self {
        let mut weight = Self::default();
        for (key, _) in prefixes.iter().flat_map(|prefix| view.scan(prefix)) {
            weight.entries += 1;
            weight.bytes += key.as_bytes().len();
            if !goes_on(weight) {
                break;
            }
        }
        weight
    }

    /// Refuses more than one request may change, as the guard would after all of it was decided.
    pub(super) fn check(self, limits: Limits) -> Result<(), Denied> {
        if self.entries > limits.writes {
            let limit = limits.writes;
            let text = format!("more than {limit} changes in one request, which is the limit");
            return Err(Denied::TooMuch(text));
        }
        let limit = limits.commit_bytes.min(REQUEST_BYTES);
        if self.bytes > limit {
            let text =
                format!("more than {limit} bytes of keys in one request, which is the limit");
            return Err(Denied::TooMuch(text));
        }
        Ok(())
    }

    /// The cost of the change.
    pub(super) fn cost(self) -> Cost {
        Cost::new(self.entries, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::memory_keyspace;

    #[tokio::test]
    async fn what_the_guard_would_refuse_is_refused_before_it_is_decided() {
        let limits = memory_keyspace(u64::MAX).await.limits();
        let fits = |entries, bytes| DeletionWeight { entries, bytes }.check(limits).is_ok();
        assert!(fits(limits.writes, REQUEST_BYTES));
        assert!(!fits(limits.writes + 1, 0));
        assert!(!fits(1, REQUEST_BYTES + 1));
        let narrow = Limits {
            commit_bytes: 100,
            ..limits
        };
        let weight = |bytes| DeletionWeight { entries: 1, bytes };
        assert!(weight(100).check(narrow).is_ok() && weight(101).check(narrow).is_err());
    }
}
