//! What is checked: a few entries with their indexes, and operations on them as a client saw them.

use std::fmt;

/// The place of an entry within an object: a register has one, a group that transactions change several.
pub type Slot = usize;

/// A value: who wrote it, and the how manieth of the writer's it is. No value is written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    pub writer: u32,
    pub number: u32,
}

/// The writer of the last value of each entry.
pub const LAST_WRITER: u32 = u32::MAX;

/// Stands for any value that no operation saw.
pub const UNSEEN: Value = Value {
    writer: u32::MAX - 1,
    number: 0,
};

impl Value {
    pub fn new(writer: u32, number: u32) -> Self {
        Self { writer, number }
    }

    /// As it is stored. Some are long, so that one which is cut or mixed up shows.
    pub fn text(self) -> String {
        let length = if self.number.is_multiple_of(16) {
            self.number.wrapping_mul(37) % 3000
        } else {
            0
        };
        format!(
            "{}.{}_{}",
            self.writer,
            self.number,
            "x".repeat(usize::try_from(length).unwrap())
        )
    }

    /// Reads one back; `None` for what no writer wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (writer, rest) = text.split_once('.')?;
        let (number, _) = rest.split_once('_')?;
        let value = Self::new(writer.parse().ok()?, number.parse().ok()?);
        (value.text() == text).then_some(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == UNSEEN {
            return f.write_str("a value that nobody saw");
        }
        if self.writer == LAST_WRITER {
            return write!(f, "last.{}", self.number);
        }
        write!(f, "{}.{}", self.writer, self.number)
    }
}

/// An entry as an answer showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub value: Value,
    pub index: u64,
    pub holder: Holder,
}

/// Who holds the lock of an entry, as an answer showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The protocol does not tell.
    Untold,
    Nobody,
    Session(u32),
}

/// What must be so for an operation to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Always,
    Absent,
    Present,
    Index(u64),
    /// Consul's delete with `cas` is content with an entry that is gone.
    AbsentOrIndex(u64),
    Value(Value),
    /// Held by nobody, or by this session.
    Free(u32),
    HeldBy(u32),
}

/// What becomes of the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    Keep,
    Take(u32),
    Release,
}

/// What an operation that is done does to one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Set(Value, Lock),
    Delete,
}

/// What a client knows of whether its operation was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Yes,
    No,
    Unknown,
}

/// An operation on one object, with the times of its call and its return.
#[derive(Clone, Debug)]
pub struct Op {
    pub client: u32,
    pub called: u64,
    /// When the answer was there. Where the outcome is unknown: when the server that had been asked was dead, after
    /// which it cannot be done any more; `u64::MAX` while it lives.
    pub returned: u64,
    pub outcome: Outcome,
    pub conditions: Vec<(Slot, Condition)>,
    pub effects: Vec<(Slot, Effect)>,
    /// Entries as they were before.
    pub before: Vec<(Slot, Option<Seen>)>,
    /// The index of the change.
    pub index: Option<u64>,
    /// Which conditions did not hold, where a refusal tells: these and no others.
    pub failed: Option<Vec<usize>>,
}

impl Op {
    /// Whether it leaves everything as it is.
    pub fn is_pure(&self) -> bool {
        self.effects.is_empty() || self.outcome == Outcome::No
    }
}

/// One entry of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    pub value: Value,
    /// Unknown where nobody ever saw it.
    pub index: Option<u64>,
    pub session: Option<u32>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub entries: Vec<Option<Entry>>,
    /// The highest index of a change so far, of those that are known.
    pub high: u64,
}

impl State {
    pub fn empty(slots: usize) -> Self {
        Self {
            entries: vec![None; slots],
            high: 0,
        }
    }

    fn holds(&self, slot: Slot, condition: Condition) -> bool {
        let entry = self.entries[slot];
        match condition {
            Condition::Always => true,
            Condition::Absent => entry.is_none(),
            Condition::Present => entry.is_some(),
            // Whoever asks for an index has seen it, so an entry whose index nobody saw has another.
            Condition::Index(index) => entry.is_some_and(|entry| entry.index == Some(index)),
            Condition::AbsentOrIndex(index) => entry.is_none_or(|entry| entry.index == Some(index)),
            Condition::Value(value) => entry.is_some_and(|entry| entry.value == value),
            Condition::Free(session) => entry
                .and_then(|entry| entry.session)
                .is_none_or(|holder| holder == session),
            Condition::HeldBy(session) => entry.is_some_and(|entry| entry.session == Some(session)),
        }
    }

    fn shows(&self, slot: Slot, seen: Option<Seen>) -> bool {
        match (self.entries[slot], seen) {
            (None, None) => true,
            (Some(entry), Some(seen)) => {
                entry.value == seen.value
                    && entry.index == Some(seen.index)
                    && match seen.holder {
                        Holder::Untold => true,
                        Holder::Nobody => entry.session.is_none(),
                        Holder::Session(session) => entry.session == Some(session),
                    }
            }
            _ => false,
        }
    }

    /// Whether what a pure operation saw, or why it was refused, fits.
    pub fn fits(&self, op: &Op) -> bool {
        let failing = |(slot, condition): &(Slot, Condition)| !self.holds(*slot, *condition);
        let judged = match (op.outcome, &op.failed) {
            (Outcome::No, Some(failed)) => {
                let found: Vec<usize> = (0..op.conditions.len())
                    .filter(|at| failing(&op.conditions[*at]))
                    .collect();
                &found == failed
            }
            (Outcome::No, None) => op.conditions.iter().any(failing),
            _ => !op.conditions.iter().any(failing),
        };
        judged
            && op
                .before
                .iter()
                .all(|(slot, seen)| self.shows(*slot, *seen))
    }

    /// The object after an operation, where that can be done now.
    pub fn after(&self, op: &Op) -> Option<Self> {
        if !self.fits(op) {
            return None;
        }
        let mut next = self.clone();
        if let Some(index) = op.index {
            // Indexes grow with every change.
            if index <= self.high {
                return None;
            }
            next.high = index;
        }
        for (slot, effect) in &op.effects {
            let held = self.entries[*slot].and_then(|entry| entry.session);
            next.entries[*slot] = match *effect {
                Effect::Delete => None,
                Effect::Set(value, lock) => Some(Entry {
                    value,
                    index: op.index,
                    session: match lock {
                        Lock::Keep => held,
                        Lock::Take(session) => Some(session),
                        Lock::Release => None,
                    },
                }),
            };
        }
        Some(next)
    }
}
