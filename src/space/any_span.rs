//! Spans for tests: any, or what begins with a prefix.

use std::ops::Bound;

use proptest::prelude::*;

use super::span::Span;
use crate::model::{Key, Realm};

/// All keys that begin with a prefix.
pub(super) fn beneath(prefix: &str) -> Span {
    let prefix = Key::user(prefix);
    let end = prefix.prefix_end();
    Span::new(&prefix, end.map_or(Bound::Unbounded, Bound::Excluded))
}

/// Few keys, of which many begin alike.
pub(super) fn keys() -> impl Strategy<Value = Key> {
    let realm = prop_oneof![3 => Just(Realm::User), 1 => Just(Realm::System)];
    let bytes = prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(255)], 0..4);
    (realm, bytes).prop_map(|(realm, bytes)| Key::new(realm, bytes))
}

/// Spans of such keys.
pub(super) fn spans() -> impl Strategy<Value = Span> {
    let end = prop_oneof![
        keys().prop_map(|key| key.prefix_end().map_or(Bound::Unbounded, Bound::Excluded)),
        keys().prop_map(Bound::Included),
        keys().prop_map(Bound::Excluded),
        Just(Bound::Unbounded),
    ];
    (keys(), end).prop_map(|(from, to)| Span::new(&from, to))
}
