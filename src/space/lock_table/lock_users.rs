//! `LockUsers`: the changes that hold one key or one span, and those that wait for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Key;

/// The number of a change in the order in which changes came.
pub(crate) type TicketNumber = u64;

/// Whether a change has its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockState {
    /// It is in flight.
    Held,
    /// It waits for its turn.
    Waiting,
}

/// The changes that use one key, or one span, in their ways `M`: mostly there is just one.
#[derive(Debug)]
pub(super) enum LockUsers<M> {
    One(M, TicketNumber, LockState),
    Many(Box<LockQueues<M>>),
}

#[derive(Debug)]
pub(super) struct LockQueues<M> {
    held: BTreeSet<(M, TicketNumber)>,
    waiting: BTreeSet<(M, TicketNumber)>,
}

impl<M: Copy + Ord> LockUsers<M> {
    pub(super) fn add(&mut self, mode: M, number: TicketNumber, state: LockState) {
        if let Self::One(own, first, first_state) = *self {
            let mut queues = LockQueues {
                held: BTreeSet::new(),
                waiting: BTreeSet::new(),
            };
            queues.of(first_state).insert((own, first));
            *self = Self::Many(Box::new(queues));
        }
        if let Self::Many(queues) = self {
            queues.of(state).insert((mode, number));
        }
    }

    /// Gives one that waits its lock.
    pub(super) fn hold(&mut self, mode: M, number: TicketNumber) {
        match self {
            Self::One(_, _, state) => *state = LockState::Held,
            Self::Many(queues) => {
                queues.waiting.remove(&(mode, number));
                queues.held.insert((mode, number));
            }
        }
    }

    /// Says whether nobody is left.
    pub(super) fn remove(&mut self, mode: M, number: TicketNumber) -> bool {
        match self {
            Self::One(..) => true,
            Self::Many(queues) => {
                queues.held.remove(&(mode, number));
                queues.waiting.remove(&(mode, number));
                queues.held.is_empty() && queues.waiting.is_empty()
            }
        }
    }

    /// The one that came last of those in flight and those that wait and came before `number`. One that waits is behind all
    /// of them that it clashes with, so it stands for those before it.
    pub(super) fn latest(&self, mode: M, number: TicketNumber) -> Option<TicketNumber> {
        match self {
            Self::One(own, first, state) => {
                let blocks = *own == mode && (*state == LockState::Held || *first < number);
                blocks.then_some(*first)
            }
            Self::Many(queues) => {
                let last = |queue: &BTreeSet<(M, TicketNumber)>, end| {
                    let mut before = queue.range((mode, 0)..(mode, end));
                    before.next_back().map(|(_, last)| *last)
                };
                last(&queues.waiting, number).max(last(&queues.held, TicketNumber::MAX))
            }
        }
    }
}

impl<M: Ord> LockQueues<M> {
    fn of(&mut self, state: LockState) -> &mut BTreeSet<(M, TicketNumber)> {
        match state {
            LockState::Held => &mut self.held,
            LockState::Waiting => &mut self.waiting,
        }
    }
}

pub(super) fn enter<M: Copy + Ord>(
    all: &mut BTreeMap<Key, LockUsers<M>>,
    key: &Key,
    mode: M,
    number: TicketNumber,
    state: LockState,
) {
    match all.get_mut(key) {
        Some(users) => users.add(mode, number, state),
        None => {
            all.insert(key.clone(), LockUsers::One(mode, number, state));
        }
    }
}

pub(super) fn hold<M: Copy + Ord>(users: Option<&mut LockUsers<M>>, mode: M, number: TicketNumber) {
    if let Some(users) = users {
        users.hold(mode, number);
    }
}

pub(super) fn leave<M: Copy + Ord>(
    all: &mut BTreeMap<Key, LockUsers<M>>,
    key: &Key,
    mode: M,
    number: TicketNumber,
) {
    if all
        .get_mut(key)
        .is_some_and(|users| users.remove(mode, number))
    {
        all.remove(key);
    }
}
