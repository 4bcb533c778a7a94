//! Lookups: reading entries, from a view or from a draft with its own writes.

use std::sync::Arc;

use crate::model::{Entry, Key};

/// Entries in order, one after another.
pub type Scan<'a> = Box<dyn Iterator<Item = (&'a Key, &'a Arc<Entry>)> + 'a>;

/// Where entries can be looked up: a [`super::View`] or a [`super::Draft`].
pub trait Lookup {
    /// The entry of this key. Where it is hidden from the caller there is none, and a draft is forbidden from then on.
    fn get(&self, key: &Key) -> Option<&Arc<Entry>>;

    /// The entry of this key, where nothing is asked of the key itself, such as of those on the way to another: where it is
    /// hidden there is none, and nothing is forbidden.
    fn glance(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.get(key)
    }

    /// The entries whose keys begin with `prefix`, in byte order, from `from` on.
    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_>;

    /// As [`Lookup::scan_from`], without the entries that no tree can show (see [`Key::node`]): however many of them
    /// there are, they cost nothing.
    fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_>;

    /// The first entry of [`Lookup::nodes_from`].
    ///
    /// For questions about which keys there are: in a draft, a decision must not rest on what the entry holds.
    fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)>;

    /// The entries whose keys begin with `prefix`, in byte order.
    fn scan(&self, prefix: &Key) -> Scan<'_> {
        self.scan_from(prefix, prefix)
    }

    /// The same, without the entries that no tree can show.
    fn nodes(&self, prefix: &Key) -> Scan<'_> {
        self.nodes_from(prefix, prefix)
    }
}
