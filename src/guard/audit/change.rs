//! `ChangeLines`: the lines of a change, made when it is decided and written when its outcome is known.

use std::fmt::Write as _;
use std::sync::Arc;

use super::line::{LineBuffer, PartName, is_plain_key, key_bytes, key_text, part};
use super::queue::AuditQueue;
use super::who::AuditedCaller;
use crate::model::{DirMark, Entry, Key, Lease, LeaseId, Realm, Record, Target, Verb, Write};
use crate::space::{AuditedChange, ChangeOutcome, Draft, built_in_path};

/// The most keys of one change that have a line each; more are one line.
const MOST_LINES: usize = 256;

/// What a line has besides its key, its own parts and those of who made it, at most, in bytes.
const LINE_EXTRA: usize = 384;

/// One line of a change. It is written when the outcome is known: while the change is decided, others wait.
#[derive(Debug)]
struct ChangeLine {
    event: &'static str,
    verb: Verb,
    about: About,
}

/// What a line of a change is about.
#[derive(Debug)]
enum About {
    /// A key that a line has as it is.
    PlainKey(Key),
    /// A key.
    Key(Key),
    /// This parent's child that is named by the revision.
    InOrder(Key),
    /// What these parts of the line say, which are JSON, each with its comma before it.
    Parts(String),
}

/// The lines of a change.
#[derive(Debug)]
pub(super) struct ChangeLines {
    queue: Arc<AuditQueue>,
    /// How many bytes of the queue are promised to it.
    reserved: usize,
    number: u64,
    /// Who made it.
    caller: AuditedCaller,
    lines: Vec<ChangeLine>,
    stage: ChangeStage,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChangeStage {
    /// It is decided, and the store may never get it.
    Decided,
    /// The store has it; with the revision, if that is known.
    HandedOver(Option<u64>),
    /// Its outcome is known.
    Settled,
}

impl ChangeLines {
    /// The lines of these writes; none where a client asked for none of them. `is_own` of a change of the gateway itself, of
    /// which only the ends of sessions are recorded.
    pub(super) fn new(
        queue: &Arc<AuditQueue>,
        number: u64,
        caller: AuditedCaller,
        (draft, writes): (&Draft<'_>, &[Write]),
        is_own: bool,
    ) -> Option<Self> {
        let mut lines = lines(draft, writes, is_own);
        if lines.len() > MOST_LINES {
            lines = vec![summary(draft, writes)];
        }
        if lines.is_empty() {
            return None;
        }
        if !is_own {
            lines.extend(range_lines(draft));
        }
        Some(Self {
            queue: Arc::clone(queue),
            reserved: 0,
            number,
            caller,
            lines,
            stage: ChangeStage::Decided,
        })
    }

    /// Reserves room for its lines; says whether there is some.
    pub(super) fn reserve(&mut self) -> bool {
        let line = |line: &ChangeLine| LINE_EXTRA + self.caller.bytes() + line.about.bytes();
        let bytes = self.lines.iter().map(line).sum();
        let is_reserved = self.queue.reserve(bytes).is_ok();
        if is_reserved {
            self.reserved = bytes;
        }
        is_reserved
    }

    fn record(&mut self, index: Option<u64>, is_known: bool) {
        let reserved = std::mem::take(&mut self.reserved);
        let write = |buffer: &mut LineBuffer| {
            for line in &self.lines {
                self.write(buffer, line, (index, is_known));
            }
        };
        if reserved > 0 {
            self.queue.push_reserved(reserved, write);
        } else {
            // The writer counts what is lost.
            let _has_room = self.queue.push(write);
        }
    }

    fn write(
        &self,
        buffer: &mut LineBuffer,
        ChangeLine { event, verb, about }: &ChangeLine,
        (index, is_known): (Option<u64>, bool),
    ) {
        let line = buffer.line(event, self.number);
        let line = self.caller.record(line).word(PartName::VERB, verb.name());
        let line = match about {
            About::PlainKey(key) => line.plain_key(PartName::KEY, key.as_bytes()),
            About::Key(key) => line.text(PartName::KEY, &key_text(key.as_bytes())),
            About::InOrder(parent) => {
                let mut key = parent.as_bytes().to_vec();
                if let Some(revision) = index {
                    key.extend_from_slice(format!("{revision:020}").as_bytes());
                }
                line.text(PartName::KEY, &key_text(&key))
            }
            About::Parts(parts) => line.parts(parts),
        };
        line.word(PartName::DECISION, "allowed")
            .some_number(PartName::INDEX, index)
            .some_text(PartName::OUTCOME, (!is_known).then_some("unknown"))
            .end();
    }
}

impl About {
    fn key(key: Key) -> Self {
        if is_plain_key(key.as_bytes()) {
            Self::PlainKey(key)
        } else {
            Self::Key(key)
        }
    }

    /// About how many bytes of a line it takes.
    fn bytes(&self) -> usize {
        match self {
            Self::PlainKey(key) => key.as_bytes().len(),
            Self::Key(key) | Self::InOrder(key) => key_bytes(key.as_bytes()),
            Self::Parts(parts) => parts.len(),
        }
    }
}

impl AuditedChange for ChangeLines {
    fn hand_over(&mut self, revision: Option<u64>) {
        self.stage = ChangeStage::HandedOver(revision);
    }

    fn settle(mut self: Box<Self>, outcome: ChangeOutcome) {
        match outcome {
            ChangeOutcome::Made(revision) => self.record(Some(revision), true),
            // It is recorded when this is dropped.
            ChangeOutcome::Unknown => return,
            ChangeOutcome::NotMade => {}
        }
        self.stage = ChangeStage::Settled;
    }
}

impl Drop for ChangeLines {
    fn drop(&mut self) {
        // Nobody waited for the outcome.
        if let ChangeStage::HandedOver(revision) = self.stage {
            self.record(revision, false);
        }
        if self.reserved > 0 {
            self.queue.release(self.reserved);
        }
    }
}

/// A line for each write that a client asked for; what follows by itself has none.
fn lines(draft: &Draft<'_>, writes: &[Write], is_own: bool) -> Vec<ChangeLine> {
    if let Some(mut parts) = writes.iter().find_map(session_end) {
        // What it locked or bound goes with it.
        let others = writes.iter().filter(|write| realm(write) == Realm::User);
        let _written = write!(parts, r#","changes":{}"#, others.count());
        return vec![ChangeLine {
            event: "session-end",
            verb: Verb::Session,
            about: About::Parts(parts),
        }];
    }
    if is_own {
        return Vec::new();
    }
    writes
        .iter()
        .filter_map(|write| line_of(draft, write))
        .take(MOST_LINES + 1)
        .collect()
}

fn realm(write: &Write) -> Realm {
    let (Target::Key(key) | Target::InOrder(key)) = &write.target;
    key.realm()
}

/// What the line of a lease that ends says of it.
fn session_end(write: &Write) -> Option<String> {
    let Target::Key(key) = &write.target else {
        return None;
    };
    if !LeaseId::is_record(key) || write.put.is_some() {
        return None;
    }
    let before = write.before.as_ref()?;
    let lease = Lease::read(before.value())?;
    let mut parts = part(PartName::SESSION, &lease.id.to_string());
    parts.push_str(&part(PartName::OWNER, &lease.owner.to_string()));
    Some(parts)
}

fn line_of(draft: &Draft<'_>, write: &Write) -> Option<ChangeLine> {
    let line = |verb, about| ChangeLine {
        event: "write",
        verb,
        about,
    };
    let key = match &write.target {
        Target::Key(key) => key,
        Target::InOrder(parent) => {
            return Some(line(Verb::Create, About::InOrder(parent.clone())));
        }
    };
    let about = match key.realm() {
        Realm::User => About::key(key.clone()),
        Realm::System if LeaseId::is_record(key) => {
            let put = write.put.as_ref()?;
            let session = Lease::read(&put.value)?.id.to_string();
            About::Parts(part(PartName::SESSION, &session))
        }
        // What is set of a node that is always there; all other records follow from these.
        Realm::System => About::key(Key::user(built_in_path(key)?)),
    };
    let verb = verb(draft, key, (write.before.as_deref(), write.put.as_ref()))?;
    Some(line(verb, about))
}

/// What is done to a key; `None` where it follows by itself from what is done to another.
fn verb(
    draft: &Draft<'_>,
    key: &Key,
    (before, put): (Option<&Entry>, Option<&Record>),
) -> Option<Verb> {
    if LeaseId::is_record(key) {
        return Some(Verb::Session);
    }
    match (before, put) {
        (None, None) => None,
        (Some(before), None) => (before.attrs().dir != DirMark::Implied).then_some(Verb::Delete),
        (_, Some(put)) if put.attrs.dir == DirMark::Implied => None,
        (_, Some(_)) if draft.is_locked_by_request(key) => Some(Verb::Lock),
        (_, Some(_)) => Some(draft.verb_of_put(key)),
    }
}

/// A line for everything that a request did to a whole tree, besides those of its keys: a policy asks for the right to all
/// that could be there.
fn range_lines(draft: &Draft<'_>) -> Vec<ChangeLine> {
    let mut ranges = draft.ranges_of_request();
    if ranges.is_empty() {
        return Vec::new();
    }
    ranges.retain(|(_, key)| key.realm() == Realm::User);
    ranges.dedup();
    let line = |(verb, key): (Verb, Key)| ChangeLine {
        event: "write",
        verb,
        about: About::Parts(part(PartName::PREFIX, &key_text(key.as_bytes()))),
    };
    ranges.into_iter().take(MOST_LINES).map(line).collect()
}

/// The one line of a change of many keys: what they all begin with, and how many they are.
fn summary(draft: &Draft<'_>, writes: &[Write]) -> ChangeLine {
    let users = writes
        .iter()
        .filter(|write| realm(write) == Realm::User && line_of(draft, write).is_some());
    let keys = users.clone().map(|write| {
        let (Target::Key(key) | Target::InOrder(key)) = &write.target;
        key.as_bytes()
    });
    let common = keys.reduce(|common, key| {
        let same = common
            .iter()
            .zip(key)
            .take_while(|(one, other)| one == other);
        common.get(..same.count()).unwrap_or_default()
    });
    let is_deletion = users.clone().all(|write| write.put.is_none());
    let verb = if is_deletion {
        Verb::Delete
    } else {
        Verb::Write
    };
    let mut parts = part(PartName::PREFIX, &key_text(common.unwrap_or_default()));
    let _written = write!(parts, r#","changes":{}"#, users.count());
    ChangeLine {
        event: "write",
        verb,
        about: About::Parts(parts),
    }
}
