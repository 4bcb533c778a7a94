//! `ChangeTurn`: what a change keeps from one attempt to the next, and where it is decided.

use std::sync::Arc;

use super::asked_for::AskedFor;
use super::critical_section::{Ticket, WriteLocks};
use super::decision::DecidedWhere;
use super::lock_table::Compared;
use super::quota::QuotaSum;
use super::read_write_set::ReadWriteSet;
use crate::store::QueueRoom;

/// How often others may write what a change was decided on before it locks that first; and then, before it is decided inside
/// the critical section.
const MAX_DISTURBED: u32 = 3;

/// Where a change is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecisionPlace {
    /// Inside the critical section.
    Inside,
    /// Outside, and checked inside.
    Outside,
    /// Outside, with what it is expected to read and write locked before: nobody writes that meanwhile.
    OutsideLocked,
}

/// What a change keeps from one attempt to the next.
#[derive(Debug, Default)]
pub(crate) struct ChangeTurn {
    /// Its place among those that wait.
    pub(crate) ticket: Option<Ticket>,
    /// What it was given of the store's queue.
    pub(crate) room: Option<QueueRoom>,
    /// Whether an answer without writes waits until what it rests on is durable.
    pub(crate) waits_for_durability: bool,
    /// Where it is decided: a change that was too wide inside the critical section is decided outside.
    pub(crate) is_wide: bool,
    /// Whether the store prepares it beside the others, rather than accept it in order.
    pub(crate) is_prepared: bool,
    /// What it does beneath prefixes that have quotas, where that was summed up outside.
    pub(crate) sum: Option<QuotaSum>,
    /// How often others wrote what it was decided on outside.
    pub(crate) disturbed: u32,
    /// What it was found to read and write when others disturbed it last.
    pub(crate) expected: Option<Arc<ReadWriteSet>>,
    /// What its set was compared with outside.
    pub(crate) compared: Compared,
    /// Its locks, where it has them before it is decided.
    pub(crate) reserved: Option<WriteLocks>,
    /// Locks to be given back outside the critical section: giving them back enters it.
    pub(crate) unused: Option<WriteLocks>,
    /// What the last decision asked for.
    pub(crate) asked: AskedFor,
}

impl ChangeTurn {
    /// Of a change in a lane: its answer rests on those before it, be they durable or not.
    pub(crate) fn in_lane() -> Self {
        Self {
            waits_for_durability: true,
            ..Self::default()
        }
    }

    /// Gives it up, with what was decided: another one takes its place.
    pub(crate) fn abandon(mut self) {
        self.asked.forget();
    }

    /// Where it is decided. Others must not keep it from being decided for ever.
    pub(crate) fn place_of_decision(&self) -> DecisionPlace {
        if self.is_wide && self.disturbed < MAX_DISTURBED {
            DecisionPlace::Outside
        } else if self.is_wide && self.disturbed < 2 * MAX_DISTURBED {
            DecisionPlace::OutsideLocked
        } else {
            DecisionPlace::Inside
        }
    }

    /// Notes that others wrote what it was decided on.
    pub(crate) fn was_disturbed(&mut self, set: Arc<ReadWriteSet>) {
        self.disturbed += 1;
        self.expected = Some(set);
        self.give_back();
    }

    /// Gives back what it has locked, once it has left the critical section.
    fn give_back(&mut self) {
        if let Some(locks) = self.reserved.take() {
            self.unused = Some(locks);
        }
    }

    /// How long it may be decided once the critical section is entered.
    pub(crate) fn place(&self) -> DecidedWhere {
        if self.is_wide {
            DecidedWhere::Anywhere
        } else {
            DecidedWhere::Inside
        }
    }

    /// Gives back what is not needed after an attempt, outside the critical section: giving it back enters it.
    pub(crate) fn leave(&mut self, waits: bool) {
        self.unused = None;
        if !waits {
            self.ticket = None;
        }
    }
}
