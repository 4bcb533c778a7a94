//! Index of ended leases by owner: the revision at which each principal's last one ended.
//!
//! The record of a lease that ended is gone, and with it its owner. The index of the leases that a caller may see must
//! move when one of them ends, and only then.

use imbl::OrdMap;

use crate::model::Principal;

/// Owners remembered; past this the one whose lease ended first is forgotten, and the floor rises.
const MAX_OWNERS: usize = 4_096;

/// When the last lease of each owner ended. Cloning it costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndedLeases {
    last: OrdMap<Principal, u64>,
    /// Leases of any owner may have ended up to here.
    floor: u64,
}

impl EndedLeases {
    /// Begins where leases of owners that are not known any more ended at this revision at last.
    pub(crate) fn since(floor: u64) -> Self {
        let last = OrdMap::new();
        Self { last, floor }
    }

    /// Notes the end of a lease.
    pub(crate) fn note(&mut self, owner: Principal, revision: u64) {
        self.last.insert(owner, revision);
        if self.last.len() <= MAX_OWNERS {
            return;
        }
        let first = self.last.iter().min_by_key(|(_, revision)| **revision);
        if let Some((owner, revision)) = first.map(|(owner, revision)| (owner.clone(), *revision)) {
            self.last.remove(&owner);
            self.floor = self.floor.max(revision);
        }
    }

    /// When a lease of an owner that is `wanted` may have ended last.
    pub(crate) fn last_of(&self, wanted: impl Fn(&Principal) -> bool) -> u64 {
        let last = self.last.iter().filter(|(owner, _)| wanted(owner));
        let last = last.map(|(_, revision)| *revision).max();
        last.unwrap_or(0).max(self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owners_index_moves_only_by_its_own_leases_and_never_falls() {
        let mut ends = EndedLeases::since(5);
        let [a, b] = ["a", "b"].map(Principal::named);
        let of = |ends: &EndedLeases, wanted: &Principal| ends.last_of(|owner| owner == wanted);
        assert_eq!(of(&ends, &a), 5);
        ends.note(a.clone(), 7);
        ends.note(b.clone(), 8);
        assert_eq!((of(&ends, &a), of(&ends, &b)), (7, 8));
        for n in 0..5_000 {
            ends.note(Principal::named(&n.to_string()), 10 + n);
        }
        assert!(ends.last.len() <= MAX_OWNERS);
        assert!(of(&ends, &a) >= 7 && of(&ends, &b) >= 8);
    }
}
