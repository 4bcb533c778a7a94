//! Sieves: which entries are kept from clients because of what they hold.

use std::fmt::Debug;
use std::sync::Arc;

use super::visibility::{Coverage, LeaseRight, Visibility, VisibilityRules};
use crate::model::{Entry, Key, KeyRange, Principal, Verb};
use imbl::OrdSet;

/// Keeps entries from clients because of what they hold, whoever wrote them.
///
/// Read alone they are forbidden, lists leave them out, and events have no value. Writes see them, so that a client that has the
/// right to can replace or delete them.
pub trait EntrySieve: Send + Sync + Debug {
    /// A keyspace is opened: nothing is kept back yet.
    fn begin(&self);

    /// When the entry of this key has changed, it is to be looked at, and with it the entries on which this change decides: the keys
    /// of those. `None` where no entry of the key is ever kept back.
    fn concerned(&self, key: &Key, before: Option<&Entry>, now: Option<&Entry>)
    -> Option<Vec<Key>>;

    /// Whether the entry of a key, if there is one, is kept from clients. `beside` shows the other entries.
    fn holds_back(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> bool;

    /// The same of a state that is not shown yet: nobody is told, and nothing is noted.
    fn foresee(
        &self,
        key: &Key,
        entry: Option<&Entry>,
        beside: &dyn Fn(&Key) -> Option<Arc<Entry>>,
    ) -> Foreseen;
}

/// What a sieve will say of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// Whether the entry will be kept from clients.
    pub holds_back: bool,
    /// Whether that, or the reason, is another than was noted last.
    pub is_news: bool,
}

/// What a client may ask for, without what a sieve keeps back.
pub(super) struct Sifted {
    inner: Visibility,
    held_back: OrdSet<Key>,
}

impl Sifted {
    /// The visibility without these keys.
    pub(super) fn of(inner: Visibility, held_back: &OrdSet<Key>) -> Visibility {
        if held_back.is_empty() {
            return inner;
        }
        Visibility::Part(Arc::new(Self {
            inner,
            held_back: held_back.clone(),
        }))
    }

    fn holds_back_some(&self, range: &KeyRange) -> bool {
        self.held_back.range(range.bounds()).next().is_some()
    }
}

impl VisibilityRules for Sifted {
    fn allows(&self, verb: Verb, key: &Key) -> bool {
        !self.held_back.contains(key) && self.inner.allows(verb, key)
    }

    fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage {
        let inner = self.inner.covers(verb, range);
        match range {
            KeyRange::Exact(key) if self.held_back.contains(key) => Coverage::None,
            KeyRange::Prefix(_) if inner == Coverage::All && self.holds_back_some(range) => {
                Coverage::Part
            }
            KeyRange::Exact(_) | KeyRange::Prefix(_) => inner,
        }
    }

    fn class(&self, verb: Verb, range: &KeyRange) -> Vec<u8> {
        // What is kept back is kept from all clients, and changes with the entries of the range.
        match &self.inner {
            Visibility::All => Vec::new(),
            Visibility::Part(rules) => rules.class(verb, range),
        }
    }

    fn makes_leases(&self) -> bool {
        self.inner.makes_leases()
    }

    fn allows_lease(&self, owner: &Principal, right: LeaseRight) -> bool {
        self.inner.allows_lease(owner, right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::demand::Demand;

    #[test]
    fn what_is_held_back_is_left_out_and_nothing_else() {
        let held_back: OrdSet<Key> = [Key::user("a/2")].into_iter().collect();
        assert!(!Sifted::of(Visibility::All, &OrdSet::new()).is_part());
        let sifted = Sifted::of(Visibility::All, &held_back);
        let beneath = |prefix: &str| KeyRange::Prefix(Key::user(prefix));
        assert!(sifted.allows(Verb::Read, &Key::user("a/1")));
        assert!(!sifted.allows(Verb::Read, &Key::user("a/2")));
        assert_eq!(sifted.covers(Verb::List, &beneath("a/")), Coverage::Part);
        assert_eq!(sifted.covers(Verb::List, &beneath("b/")), Coverage::All);
        let alone = Demand::All(Verb::Read, KeyRange::Exact(Key::user("a/2")));
        assert!(!alone.is_met(&sifted));
        assert!(sifted.makes_leases());
    }
}
