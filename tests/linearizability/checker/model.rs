//! Model of an object: a few entries with their indexes and locks, and the operations that clients invoked on them.

use std::fmt;

/// The number of an entry within an object. A register has one entry, a group that transactions change has several.
pub type EntrySlot = usize;

/// A value: its writer, and its number among the writer's values. No value is written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    pub writer: u32,
    pub number: u32,
}

/// The writer of the final value of each entry, which every watcher waits for.
pub const LAST_WRITER: u32 = u32::MAX;

/// Stands for every value that no operation observed.
pub const UNOBSERVED: Value = Value {
    writer: u32::MAX - 1,
    number: 0,
};

impl Value {
    pub fn new(writer: u32, number: u32) -> Self {
        Self { writer, number }
    }

    /// The stored text. Some texts are long, so that a truncated or mixed-up one is noticed.
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

    /// Parses a stored text. `None` for a text that no writer wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (writer, rest) = text.split_once('.')?;
        let (number, _) = rest.split_once('_')?;
        let value = Self::new(writer.parse().ok()?, number.parse().ok()?);
        (value.text() == text).then_some(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == UNOBSERVED {
            return f.write_str("an unobserved value");
        }
        if self.writer == LAST_WRITER {
            return write!(f, "last.{}", self.number);
        }
        write!(f, "{}.{}", self.writer, self.number)
    }
}

/// An entry as an answer reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedEntry {
    pub value: Value,
    pub index: u64,
    pub holder: LockHolder,
    /// The number of writes since it was created, if the protocol reports it.
    pub version: Option<i32>,
}

/// The holder of an entry's lock, as an answer reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockHolder {
    /// The protocol does not report lock holders.
    NotReported,
    Unlocked,
    Session(u32),
}

/// A precondition of an operation on one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    Always,
    Absent,
    Present,
    Index(u64),
    /// Consul's delete with `cas` succeeds on an entry that does not exist.
    AbsentOrIndex(u64),
    Value(Value),
    /// Absent, or of this version.
    Version(i32),
    /// Unlocked, or locked by this session.
    Free(u32),
    HeldBy(u32),
}

/// The effect of a write on the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockEffect {
    Keep,
    Take(u32),
    Release,
}

/// The effect of an operation on one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Set(Value, LockEffect),
    Delete,
}

/// The outcome of an operation as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    Unknown,
}

/// The preconditions that failed, by position, as a refusal reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailedPreconditions {
    /// Exactly these.
    All(Vec<usize>),
    /// This one, and none before it.
    First(usize),
}

/// An operation on one object, with the times of its call and its return.
#[derive(Clone, Debug)]
pub struct Operation {
    pub client: u32,
    pub called: u64,
    /// When the answer arrived. If the outcome is unknown: when the gateway process that received the request was dead,
    /// after which the operation can no longer take effect; `u64::MAX` while that process lives.
    pub returned: u64,
    pub outcome: Outcome,
    pub preconditions: Vec<(EntrySlot, Precondition)>,
    pub effects: Vec<(EntrySlot, Effect)>,
    /// Entries as the answer reported them, as of before the operation.
    pub observed: Vec<(EntrySlot, Option<ObservedEntry>)>,
    /// The index of the change, if it is known.
    pub index: Option<u64>,
    /// The preconditions that a refusal reported as failed.
    pub failed: Option<FailedPreconditions>,
}

impl Operation {
    /// Whether the operation leaves the object unchanged: it is a read or was refused.
    pub fn changes_nothing(&self) -> bool {
        self.effects.is_empty() || self.outcome == Outcome::Refused
    }
}

/// An entry in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModelEntry {
    pub value: Value,
    /// Unknown if no client ever observed it.
    pub index: Option<u64>,
    pub session: Option<u32>,
    /// The number of writes since it was created, if that is counted.
    pub version: Option<i32>,
}

/// The state of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectState {
    pub entries: Vec<Option<ModelEntry>>,
    /// The highest known index of a change so far.
    pub highest_index: u64,
    /// Whether writes are counted. Where nobody asks for versions, counts would only tell states apart that are the same.
    pub counts_versions: bool,
}

impl ObjectState {
    pub fn empty(slots: usize) -> Self {
        Self {
            entries: vec![None; slots],
            highest_index: 0,
            counts_versions: false,
        }
    }

    /// The state before a history.
    pub fn before(ops: &[Operation], slots: usize) -> Self {
        let observes = |op: &Operation| {
            let mut entries = op.observed.iter().filter_map(|(_, entry)| *entry);
            entries.any(|entry| entry.version.is_some())
        };
        let asks = |op: &Operation| {
            let mut all = op.preconditions.iter();
            all.any(|(_, one)| matches!(one, Precondition::Version(_)))
        };
        Self {
            counts_versions: ops.iter().any(|op| observes(op) || asks(op)),
            ..Self::empty(slots)
        }
    }

    fn holds(&self, slot: EntrySlot, precondition: Precondition) -> bool {
        let entry = self.entries[slot];
        match precondition {
            Precondition::Always => true,
            Precondition::Absent => entry.is_none(),
            Precondition::Present => entry.is_some(),
            // A client names only indexes that it observed, so an entry with an unobserved index never matches.
            Precondition::Index(index) => entry.is_some_and(|entry| entry.index == Some(index)),
            Precondition::AbsentOrIndex(index) => {
                entry.is_none_or(|entry| entry.index == Some(index))
            }
            Precondition::Value(value) => entry.is_some_and(|entry| entry.value == value),
            Precondition::Version(version) => {
                entry.is_none_or(|entry| entry.version == Some(version))
            }
            Precondition::Free(session) => entry
                .and_then(|entry| entry.session)
                .is_none_or(|holder| holder == session),
            Precondition::HeldBy(session) => {
                entry.is_some_and(|entry| entry.session == Some(session))
            }
        }
    }

    fn matches(&self, slot: EntrySlot, observed: Option<ObservedEntry>) -> bool {
        match (self.entries[slot], observed) {
            (None, None) => true,
            (Some(entry), Some(observed)) => {
                entry.value == observed.value
                    && entry.index == Some(observed.index)
                    && (observed.version.is_none() || observed.version == entry.version)
                    && match observed.holder {
                        LockHolder::NotReported => true,
                        LockHolder::Unlocked => entry.session.is_none(),
                        LockHolder::Session(session) => entry.session == Some(session),
                    }
            }
            _ => false,
        }
    }

    /// Whether this state explains an operation's outcome, its failed preconditions and the entries it observed.
    pub fn explains(&self, op: &Operation) -> bool {
        let fails =
            |(slot, precondition): &(EntrySlot, Precondition)| !self.holds(*slot, *precondition);
        let outcome_explained = match (op.outcome, &op.failed) {
            (Outcome::Refused, Some(failed)) => {
                let mut expected =
                    (0..op.preconditions.len()).filter(|at| fails(&op.preconditions[*at]));
                match failed {
                    FailedPreconditions::All(failed) => expected.eq(failed.iter().copied()),
                    FailedPreconditions::First(failed) => expected.next() == Some(*failed),
                }
            }
            (Outcome::Refused, None) => op.preconditions.iter().any(fails),
            _ => !op.preconditions.iter().any(fails),
        };
        outcome_explained
            && op
                .observed
                .iter()
                .all(|(slot, entry)| self.matches(*slot, *entry))
    }

    /// The state after an operation. `None` if the operation cannot take effect in this state.
    pub fn apply(&self, op: &Operation) -> Option<Self> {
        if !self.explains(op) {
            return None;
        }
        let mut next = self.clone();
        if let Some(index) = op.index {
            // Every change has a higher index than all before it.
            if index <= self.highest_index {
                return None;
            }
            next.highest_index = index;
        }
        for (slot, effect) in &op.effects {
            let before = self.entries[*slot];
            let held = before.and_then(|entry| entry.session);
            next.entries[*slot] = match *effect {
                Effect::Delete => None,
                Effect::Set(value, lock) => Some(ModelEntry {
                    value,
                    index: op.index,
                    session: match lock {
                        LockEffect::Keep => held,
                        LockEffect::Take(session) => Some(session),
                        LockEffect::Release => None,
                    },
                    version: self.counts_versions.then(|| {
                        let last = before.and_then(|entry| entry.version);
                        last.map_or(0, |last| last.wrapping_add(1))
                    }),
                }),
            };
        }
        Some(next)
    }
}
