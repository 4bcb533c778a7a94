//! `AheadCommits`: the revisions of commits whose deletions are recorded before they have one.

use std::collections::HashMap;

use crate::model::Revision;

/// Set in the main revision of a deletion that stands for that of its commit.
const PROVISIONAL: u64 = 1 << 63;

/// The number of a commit that has no revision yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store::embedded) struct AheadNumber(pub(in crate::store::embedded) u64);

impl AheadNumber {
    /// What stands for the revision of one of its changes.
    pub(super) fn provisional(self, sub: usize) -> Revision {
        Revision::new(PROVISIONAL | self.0, u32::try_from(sub).unwrap_or(u32::MAX))
    }

    fn of(at: Revision) -> Option<Self> {
        (at.main & PROVISIONAL != 0).then_some(Self(at.main & !PROVISIONAL))
    }
}

/// What became of the commits, while some of their deletions are recorded.
#[derive(Debug, Default)]
pub(super) struct AheadCommits(HashMap<AheadNumber, AheadCommit>);

#[derive(Clone, Copy, Debug)]
struct AheadCommit {
    /// How many of its deletions stand in the order of deletions.
    left: usize,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Undecided,
    /// It has this revision.
    Made(u64),
    /// It was refused.
    Void,
}

impl AheadCommits {
    /// Adds deletions of a commit.
    pub(super) fn add(&mut self, number: AheadNumber, deletions: usize) {
        let own = self.0.entry(number).or_insert(AheadCommit {
            left: 0,
            fate: Fate::Undecided,
        });
        own.left += deletions;
    }

    /// Notes the revision of a commit, or that it was refused.
    pub(super) fn decide(&mut self, number: AheadNumber, main: Option<u64>) {
        if let Some(own) = self.0.get_mut(&number) {
            own.fate = main.map_or(Fate::Void, Fate::Made);
        }
    }

    /// The revision of a deletion; `None` where its commit has none.
    pub(super) fn revision(&self, at: Revision) -> Option<Revision> {
        let Some(number) = AheadNumber::of(at) else {
            return Some(at);
        };
        match self.0.get(&number)?.fate {
            Fate::Made(main) => Some(Revision::new(main, at.sub)),
            Fate::Undecided | Fate::Void => None,
        }
    }

    /// Whether a deletion is one of a commit that was refused.
    pub(super) fn is_void(&self, at: Revision) -> bool {
        let own = AheadNumber::of(at).and_then(|number| self.0.get(&number));
        own.is_some_and(|own| own.fate == Fate::Void)
    }

    /// Notes that a deletion is no longer in the order of deletions.
    pub(super) fn forget_one(&mut self, at: Revision) {
        let Some(number) = AheadNumber::of(at) else {
            return;
        };
        if let Some(own) = self.0.get_mut(&number) {
            own.left = own.left.saturating_sub(1);
            // Whoever finds one of them in the map of deletions has found it in the order before.
            if own.left == 0 {
                self.0.remove(&number);
            }
        }
    }
}
