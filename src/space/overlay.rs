//! Overlays: newer versions of some entries laid over a range of older ones, read as one range.

use std::sync::Arc;

use super::lookup::Scan;
use crate::model::{Entry, Key};

/// Entries in order of keys: the newer version of a key where there is one, which may be that it is gone, else the older.
/// Both come in order of keys.
pub(crate) fn overlay<'a>(
    older: Scan<'a>,
    newer: impl Iterator<Item = (&'a Key, Option<&'a Arc<Entry>>)> + 'a,
) -> Scan<'a> {
    let mut newer = newer.peekable();
    if newer.peek().is_none() {
        return older;
    }
    let mut older = older.peekable();
    Box::new(std::iter::from_fn(move || {
        loop {
            let newer_first = match (newer.peek(), older.peek()) {
                (None, None) => return None,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((new, _)), Some((old, _))) => {
                    if new == old {
                        older.next();
                        true
                    } else {
                        new < old
                    }
                }
            };
            if !newer_first {
                return older.next();
            }
            if let Some((key, Some(entry))) = newer.next() {
                return Some((key, entry));
            }
        }
    }))
}
