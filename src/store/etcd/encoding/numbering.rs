//! Numbering: which index a commit has, by etcd's revision of its transaction and its place among the commits in it.
//!
//! Up to the *switch*, the revision at which a gateway first led that puts several commits into a transaction, an index is the
//! revision plus the offset, as it always was. From then on each revision has [`PLACES`] indexes, one for each commit that its
//! transaction may have. Most are never used: indexes have gaps anyway.

use serde::{Deserialize, Serialize};

use crate::store::shared::election::leader_record::LeaderRecord;

/// How many indexes a revision has after the switch.
pub(crate) const PLACES: u64 = 128;

/// The last place.
pub(crate) const LAST_PLACE: u8 = 127;

/// How indexes follow from revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// The distance of an index from its revision, up to the switch.
    offset: u64,
    /// The last revision that has one index; `None` where all have one.
    switch: Option<u64>,
}

/// A numbering as the leader record and the term record have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NumberingRecord {
    offset: u64,
    /// The switch; absent where it is the revision of this record, which nobody knows beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    switch: Option<u64>,
}

impl NumberingRecord {
    /// The numbering that a leader record asks for. The first record of a term switches, where none before it has.
    pub(crate) fn of(record: &LeaderRecord) -> Option<Self> {
        let (offset, switch) = (record.offset, record.switch);
        (switch.is_some() || record.beat == 0).then_some(Self { offset, switch })
    }

    /// The numbering, of a record that was written at this revision.
    pub(crate) fn read(self, modified: u64) -> Numbering {
        let switch = Some(self.switch.unwrap_or(modified));
        Numbering {
            offset: self.offset,
            switch,
        }
    }
}

impl Numbering {
    /// The numbering of a leader record that was read.
    pub(crate) fn of(record: &LeaderRecord) -> Self {
        Self {
            offset: record.offset,
            switch: record.switch,
        }
    }

    pub(crate) fn offset(self) -> u64 {
        self.offset
    }

    pub(crate) fn switch(self) -> Option<u64> {
        self.switch
    }

    /// The index of the commit at a place of a revision's transaction; before the switch there is one place.
    pub(crate) fn index(self, revision: u64, place: u8) -> u64 {
        match self.switch.filter(|switch| *switch < revision) {
            None => revision.saturating_add(self.offset),
            Some(switch) => {
                let first = self.first_after(switch, revision);
                first.saturating_add(u64::from(place.min(LAST_PLACE)))
            }
        }
    }

    /// The last index of a revision: whoever has seen this one has seen every commit up to that revision.
    pub(crate) fn through(self, revision: u64) -> u64 {
        self.index(revision, LAST_PLACE)
    }

    /// The revision of an index; `None` where the index is below all.
    pub(crate) fn revision(self, index: u64) -> Option<u64> {
        let Some(switch) = self.switch else {
            return index.checked_sub(self.offset);
        };
        if index <= switch.saturating_add(self.offset) {
            return index.checked_sub(self.offset);
        }
        let first = self.first_after(switch, switch);
        Some(switch.saturating_add(index.saturating_sub(first) / PLACES))
    }

    /// The first index of a revision after the switch. All of them are multiples of [`PLACES`].
    fn first_after(self, switch: u64, revision: u64) -> u64 {
        let base = switch.saturating_add(self.offset);
        let base = base.checked_next_multiple_of(PLACES).unwrap_or(base);
        let after = revision.saturating_sub(switch).saturating_mul(PLACES);
        base.saturating_add(after)
    }

    /// Whether two numberings give the same indexes up to a revision.
    pub(crate) fn agrees(self, other: Self, revision: u64) -> bool {
        let is_later = |numbering: Self| numbering.switch.is_none_or(|switch| switch >= revision);
        let is_same_so_far = self.offset == other.offset && is_later(self) && is_later(other);
        self == other || is_same_so_far
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbering(offset: u64, switch: Option<u64>) -> Numbering {
        Numbering { offset, switch }
    }

    #[test]
    fn indexes_up_to_the_switch_are_what_they_were() {
        let (before, after) = (numbering(100, None), numbering(100, Some(50)));
        for revision in 1..=50 {
            assert_eq!(after.index(revision, 0), before.index(revision, 0));
            assert_eq!(after.through(revision), before.through(revision));
        }
        // 150 is not a multiple: the next one is.
        assert_eq!(after.index(51, 0), 256 + 128);
        assert_eq!(after.index(51, 5), 256 + 128 + 5);
        assert_eq!(after.through(51) + 1, after.index(52, 0));
        assert!(before.agrees(after, 50) && !before.agrees(after, 51));
        assert!(!after.agrees(numbering(101, Some(50)), 1));
    }

    #[test]
    fn index_stays_exact_in_json_for_centuries() {
        // A thousand transactions a second for two thousand years.
        let revision = 1_000 * 86_400 * 365 * 2_000;
        assert!(numbering(0, Some(1)).through(revision) < 1 << 53);
    }

    #[test]
    fn switch_of_a_new_record_is_its_own_revision() {
        let mut record = LeaderRecord {
            offset: 7,
            ..LeaderRecord::default()
        };
        let written = NumberingRecord::of(&record).unwrap();
        assert_eq!(written.read(30), numbering(7, Some(30)));
        (record.switch, record.beat) = (Some(30), 4);
        let written = NumberingRecord::of(&record).unwrap();
        assert_eq!(written.read(99), numbering(7, Some(30)));
        record.switch = None;
        assert_eq!(NumberingRecord::of(&record), None, "only a fence switches");
    }

    proptest! {
        #[test]
        fn indexes_grow_and_lead_back_to_their_revisions(
            offset in 0..1_000_u64,
            switch in proptest::option::of(1..60_u64),
            revisions in proptest::collection::vec((1..100_u64, 0..128_u8), 2..20),
        ) {
            let numbering = numbering(offset, switch);
            for (revision, place) in &revisions {
                let index = numbering.index(*revision, *place);
                prop_assert_eq!(numbering.revision(index), Some(*revision));
                prop_assert!(index <= numbering.through(*revision));
                prop_assert!(numbering.through(*revision) < numbering.index(revision + 1, 0));
            }
        }
    }
}
