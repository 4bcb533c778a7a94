//! Reading entries, whether from a view or from a draft that has changes of its own.

use std::sync::Arc;

use crate::model::{Entry, Key};

/// Entries in order, one after another.
pub type Scan<'a> = Box<dyn Iterator<Item = (&'a Key, &'a Arc<Entry>)> + 'a>;

/// Where entries can be looked up: a [`super::View`] or a [`super::Draft`].
pub trait Lookup {
    /// The entry of this key.
    fn get(&self, key: &Key) -> Option<&Arc<Entry>>;

    /// The entries whose keys begin with `prefix`, in byte order, from `from` on.
    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_>;

    /// The first entry at or after `from` whose key begins with `prefix` and is `wanted`.
    ///
    /// For questions about which keys there are: in a draft, a decision must not rest on what the entry holds.
    fn first(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)>;

    /// The entries whose keys begin with `prefix`, in byte order.
    fn scan(&self, prefix: &Key) -> Scan<'_> {
        self.scan_from(prefix, prefix)
    }
}
