//! Lookups of a draft: the stored entries with its own writes laid over them, as far as the caller may see.

use std::cell::LazyCell;
use std::ops::Bound;
use std::sync::Arc;

use super::Draft;
use crate::model::{Entry, Key, KeyRange, Verb};
use crate::space::lookup::{Lookup, Scan};
use crate::space::overlay::overlay;
use crate::space::read_write_set::Depth;
use crate::space::span::Span;

impl Lookup for Draft<'_> {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        if self.asks_for(key) {
            self.peek(key)
        } else {
            None
        }
    }

    fn glance(&self, key: &Key) -> Option<&Arc<Entry>> {
        if self.sees(key) { self.peek(key) } else { None }
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let entries = self.scan_everything(prefix, from);
        if self.allows_all(Verb::List, &KeyRange::Prefix(prefix.clone())) {
            return entries;
        }
        Box::new(entries.filter(|(key, _)| self.allows(Verb::List, key)))
    }

    fn nodes_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let nodes = self.all_nodes(prefix, from);
        if self.allows_all(Verb::List, &KeyRange::Prefix(prefix.clone())) {
            return nodes;
        }
        Box::new(nodes.filter(|(key, _)| self.allows(Verb::List, key)))
    }

    fn first_node(&self, prefix: &Key, from: &Key) -> Option<(&Key, &Arc<Entry>)> {
        // Beneath most nodes there is nothing to ask for.
        let whole =
            LazyCell::new(|| self.allows_all(Verb::List, &KeyRange::Prefix(prefix.clone())));
        self.first_by(prefix, from, |key| *whole || self.allows(Verb::List, key))
    }
}

impl Draft<'_> {
    /// As [`Lookup::get`], but of a hidden key as well: for the gateway's own records, and for what follows from a change.
    pub(crate) fn peek(&self, key: &Key) -> Option<&Arc<Entry>> {
        if let Some(own) = self.written.get(key) {
            return own.shown.as_ref();
        }
        self.note_key(key);
        self.stored(key)
    }

    /// As [`Lookup::scan_from`], of hidden keys as well.
    pub(crate) fn scan_everything(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        self.note_read(Span::new(from, end.clone()), Depth::Entries);
        self.merged(from, end)
    }

    /// As [`Lookup::nodes_from`], of hidden keys as well.
    pub(crate) fn all_nodes(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        self.note_read(Span::new(from, end.clone()), Depth::Entries);
        self.merged_nodes(from, end)
    }

    /// As [`Lookup::first_node`], of hidden keys as well.
    pub(crate) fn first_of_all_nodes(
        &self,
        prefix: &Key,
        from: &Key,
    ) -> Option<(&Key, &Arc<Entry>)> {
        self.first_by(prefix, from, |_| true)
    }

    fn first_by(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: impl Fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        let mut nodes = self.merged_nodes(from, end.clone());
        let found = nodes.find(|(key, _)| wanted(key));
        drop(nodes);
        // Only what was passed over was read: what comes or goes behind the first one changes nothing.
        let to = found.map_or(end, |(key, _)| Bound::Included(key.clone()));
        self.note_read(Span::new(from, to), Depth::Keys);
        found
    }

    /// The entries decided on, with the draft's own laid over them.
    fn merged(&self, from: &Key, end: Bound<Key>) -> Scan<'_> {
        let bounds = (Bound::Included(from.clone()), end);
        if bound_is_empty(&bounds) {
            return Box::new(std::iter::empty());
        }
        let own = self.own(bounds.clone());
        let entries = overlay(self.base.range(bounds), own);
        Box::new(entries.take_while(|_| self.scans_on()))
    }

    /// The same, without the entries that no tree can show.
    fn merged_nodes(&self, from: &Key, end: Bound<Key>) -> Scan<'_> {
        let bounds = (Bound::Included(from.clone()), end);
        if bound_is_empty(&bounds) {
            return Box::new(std::iter::empty());
        }
        let own = self.own(bounds.clone());
        let own = own.filter(|(key, _)| key.node().is_some());
        let entries = overlay(self.base.nodes(bounds), own);
        Box::new(entries.take_while(|_| self.scans_on()))
    }

    fn own(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
    ) -> impl Iterator<Item = (&Key, Option<&Arc<Entry>>)> {
        let own = self.written.range(bounds);
        own.map(|(key, written)| (key, written.shown.as_ref()))
    }
}

fn bound_is_empty((from, end): &(Bound<Key>, Bound<Key>)) -> bool {
    match (from, end) {
        (Bound::Included(from), Bound::Excluded(end)) => from >= end,
        _ => false,
    }
}
