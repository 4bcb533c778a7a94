//! `Blockers`: the changes that a read-write set waits for.

use super::lock_users::{LockUsers, TicketNumber};
use super::locked_set::{LockedSet, LockedSets};

/// How many changes one waits for, that it knows of: more are found when these are gone.
const MAX_BLOCKERS: usize = 64;

/// The changes that block the one with this number, each once.
pub(super) struct Blockers {
    pub(super) number: TicketNumber,
    pub(super) all: Vec<TicketNumber>,
    #[cfg(test)]
    pub(super) steps: usize,
}

impl Blockers {
    /// Adds those of the users who do one of these; `None` where there are enough.
    pub(super) fn add_users<'a, M: Copy + Ord + 'a>(
        &mut self,
        mut users: impl Iterator<Item = &'a LockUsers<M>>,
        modes: &[M],
    ) -> Option<()> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        users.try_for_each(|users| {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            for mode in modes {
                self.add(users.latest(*mode, self.number));
            }
            (self.all.len() < MAX_BLOCKERS).then_some(())
        })
    }

    /// Adds the changes of those sets that come before and clash; `None` where there are enough.
    pub(super) fn add_sets(
        &mut self,
        sets: &LockedSets,
        clashes: impl Fn(&LockedSet) -> bool,
    ) -> Option<()> {
        let number = self.number;
        let before = |(own, other): &(TicketNumber, &LockedSet)| other.precedes(*own, number);
        for (own, other) in sets.iter().filter(before) {
            #[cfg(test)]
            {
                self.steps += 1;
            }
            self.add(clashes(other).then_some(own));
            if self.all.len() >= MAX_BLOCKERS {
                return None;
            }
        }
        Some(())
    }

    fn add(&mut self, number: Option<TicketNumber>) {
        if let Some(number) = number.filter(|number| !self.all.contains(number)) {
            self.all.push(number);
        }
    }
}
