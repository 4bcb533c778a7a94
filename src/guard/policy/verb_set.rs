//! Sets of verbs.

use crate::model::Verb;

/// A set of verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct VerbSet(u16);

impl VerbSet {
    /// Every verb that is about keys.
    pub(super) const KEYS: Self = Self(0b1111_1111);

    pub(super) fn of(verbs: impl IntoIterator<Item = Verb>) -> Self {
        let mut set = Self::default();
        for verb in verbs {
            set.insert(verb);
        }
        set
    }

    pub(super) fn insert(&mut self, verb: Verb) {
        self.0 |= 1 << index(verb);
    }

    pub(super) fn contains(self, verb: Verb) -> bool {
        self.0 & (1 << index(verb)) != 0
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL
            .into_iter()
            .filter(move |verb| self.contains(*verb))
    }
}

/// The place of a verb among all.
pub(super) fn index(verb: Verb) -> usize {
    match verb {
        Verb::Read => 0,
        Verb::List => 1,
        Verb::Watch => 2,
        Verb::Create => 3,
        Verb::Write => 4,
        Verb::Cas => 5,
        Verb::Delete => 6,
        Verb::Lock => 7,
        Verb::Session => 8,
    }
}
