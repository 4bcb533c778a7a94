//! Weight of an answer or a change: its entries and their bytes, counted before any of it is made.

use std::sync::Arc;

use crate::face::go::max_json_string;
use crate::fairness::Cost;
use crate::model::{Entry, Key};

/// The most bytes of an entry's JSON besides key and value, in a list or in the results of a transaction.
const ENTRY_BYTES: usize = 256;

/// The most bytes that an entry gains by indentation (`?pretty`).
const INDENTATION: usize = 256;

/// Entries, and the most bytes they can take as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// How many entries.
    pub(super) entries: usize,
    /// The bytes of their JSON, or those that are read.
    pub(super) bytes: usize,
}

impl Weight {
    /// The weight of so many bytes, which are no entries.
    pub(super) fn of_bytes(bytes: usize) -> Self {
        Self { entries: 0, bytes }
    }

    /// The weight of entries as JSON, counted on only while `goes_on` says so.
    pub(super) fn of<'a>(
        entries: impl IntoIterator<Item = (&'a Key, &'a Arc<Entry>)>,
        goes_on: fn(Self) -> bool,
    ) -> Self {
        let mut weight = Self::default();
        for (key, entry) in entries {
            weight.add(key, entry, true);
            if !goes_on(weight) {
                break;
            }
        }
        weight
    }

    /// The weight of keys as JSON, in the same way.
    pub(super) fn of_keys<'a>(
        keys: impl IntoIterator<Item = &'a Key>,
        goes_on: fn(Self) -> bool,
    ) -> Self {
        let mut weight = Self::default();
        for key in keys {
            weight.entries += 1;
            weight.bytes += max_json_string(key.as_bytes()) + 1;
            if !goes_on(weight) {
                break;
            }
        }
        weight
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, key: &Key, entry: &Entry, with_value: bool) {
        self.add_key(key);
        if with_value {
            // No value is so long that this overflows.
            let value = base64::encoded_len(entry.value().len(), true).unwrap_or(usize::MAX);
            self.bytes = self.bytes.saturating_add(value);
        }
    }

    /// Adds an entry that is shown without its value.
    pub(super) fn add_key(&mut self, key: &Key) {
        self.entries += 1;
        let bytes = max_json_string(key.as_bytes()) + ENTRY_BYTES;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_add(other.entries),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// The most bytes of it when it is indented.
    pub(super) fn indented(self) -> Self {
        let more = self.entries.saturating_mul(INDENTATION);
        Self {
            entries: self.entries,
            bytes: self.bytes.saturating_add(more),
        }
    }

    /// Whether it is so little that it is done where the request is served.
    pub(super) fn is_small(self) -> bool {
        self.cost().is_small()
    }

    /// The cost of making it.
    pub(super) fn cost(self) -> Cost {
        Cost::new(self.entries, self.bytes)
    }
}
