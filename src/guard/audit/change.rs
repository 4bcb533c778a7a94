//! `ChangeLines`: the lines of a change, made when it is decided and written when its outcome is known.

use std::fmt::Write as _;
use std::sync::Arc;

use super::line::{AuditLine, key_text, part};
use super::queue::AuditQueue;
use crate::model::{DirMark, Entry, Key, Lease, LeaseId, Realm, Record, Target, Verb, Write};
use crate::space::{AuditedChange, ChangeOutcome, Draft, built_in_path};

/// The most keys of one change that have a line each; more are one line.
const MOST_LINES: usize = 256;

/// What a line has besides the parts that were made before, at most, in bytes.
const LINE_EXTRA: usize = 256;

/// One line of a change.
#[derive(Debug)]
struct ChangeLine {
    event: &'static str,
    /// JSON, each with its comma before it.
    parts: String,
    /// The key is this parent's child that is named by the revision.
    in_order: Option<Key>,
}

/// The lines of a change.
#[derive(Debug)]
pub(super) struct ChangeLines {
    queue: Arc<AuditQueue>,
    /// How many bytes of the queue are promised to it.
    reserved: usize,
    gateway: Arc<str>,
    number: u64,
    /// Who made it, as parts of a line.
    who: String,
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
    /// which only the ends of sessions are told.
    pub(super) fn new(
        queue: &Arc<AuditQueue>,
        (gateway, number): (&Arc<str>, u64),
        who: String,
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
            gateway: Arc::clone(gateway),
            number,
            who,
            lines,
            stage: ChangeStage::Decided,
        })
    }

    /// Reserves room for its lines; says whether there is some.
    pub(super) fn reserve(&mut self) -> bool {
        let line = |line: &ChangeLine| {
            let name = line.in_order.as_ref().map_or(0, |_| LINE_EXTRA);
            line.parts.len() + self.who.len() + LINE_EXTRA + name
        };
        let bytes = self.lines.iter().map(line).sum();
        let is_reserved = self.queue.reserve(bytes).is_ok();
        if is_reserved {
            self.reserved = bytes;
        }
        is_reserved
    }

    fn write(&mut self, index: Option<u64>, is_known: bool) {
        let mut all = Vec::new();
        for line in &self.lines {
            let mut one = AuditLine::new(line.event, (&self.gateway, self.number))
                .parts(&self.who)
                .parts(&line.parts);
            if let Some(parent) = &line.in_order {
                let mut key = parent.as_bytes().to_vec();
                if let Some(revision) = index {
                    key.extend_from_slice(format!("{revision:020}").as_bytes());
                }
                one = one.text("key", &key_text(&key));
            }
            one = one.text("decision", "allowed").some_number("index", index);
            if !is_known {
                one = one.text("outcome", "unknown");
            }
            all.append(&mut one.end());
        }
        if self.reserved > 0 {
            self.queue.push_reserved(self.reserved, &all);
            self.reserved = 0;
        } else {
            // The writer counts what is lost.
            let _has_room = self.queue.push(&all);
        }
    }
}

impl AuditedChange for ChangeLines {
    fn hand_over(&mut self, revision: Option<u64>) {
        self.stage = ChangeStage::HandedOver(revision);
    }

    fn settle(mut self: Box<Self>, outcome: ChangeOutcome) {
        match outcome {
            ChangeOutcome::Made(revision) => self.write(Some(revision), true),
            // It is told of when this is dropped.
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
            self.write(revision, false);
        }
        if self.reserved > 0 {
            self.queue.release(self.reserved);
        }
    }
}

/// A line for each write that a client asked for; what follows by itself has none.
fn lines(draft: &Draft<'_>, writes: &[Write], is_own: bool) -> Vec<ChangeLine> {
    let ended = writes.iter().find_map(session_end);
    if let Some(mut line) = ended {
        // What it locked or bound goes with it.
        let others = writes.iter().filter(|write| realm(write) == Realm::User);
        let _written = write!(line.parts, r#","changes":{}"#, others.count());
        return vec![line];
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

/// The line of a lease that ends.
fn session_end(write: &Write) -> Option<ChangeLine> {
    let Target::Key(key) = &write.target else {
        return None;
    };
    if !LeaseId::is_record(key) || write.put.is_some() {
        return None;
    }
    let before = write.before.as_ref()?;
    let lease = Lease::read(before.value())?;
    let mut parts = part("verb", Verb::Session.name());
    parts.push_str(&part("session", &lease.id.to_string()));
    parts.push_str(&part("owner", &lease.owner.to_string()));
    Some(ChangeLine {
        event: "session-end",
        parts,
        in_order: None,
    })
}

fn line_of(draft: &Draft<'_>, write: &Write) -> Option<ChangeLine> {
    let key = match &write.target {
        Target::Key(key) => key,
        Target::InOrder(parent) => {
            return Some(ChangeLine {
                event: "write",
                parts: part("verb", Verb::Create.name()),
                in_order: Some(parent.clone()),
            });
        }
    };
    let named = match key.realm() {
        Realm::User => part("key", &key_text(key.as_bytes())),
        Realm::System if LeaseId::is_record(key) => {
            let put = write.put.as_ref()?;
            part("session", &Lease::read(&put.value)?.id.to_string())
        }
        // What is set of a node that is always there; all other records follow from these.
        Realm::System => part("key", &key_text(built_in_path(key)?)),
    };
    let verb = verb(draft, key, (write.before.as_deref(), write.put.as_ref()))?;
    let mut parts = part("verb", verb.name());
    parts.push_str(&named);
    Some(ChangeLine {
        event: "write",
        parts,
        in_order: None,
    })
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
    ranges.retain(|(_, key)| key.realm() == Realm::User);
    ranges.dedup();
    let line = |(verb, key): (Verb, Key)| {
        let mut parts = part("verb", verb.name());
        parts.push_str(&part("prefix", &key_text(key.as_bytes())));
        ChangeLine {
            event: "write",
            parts,
            in_order: None,
        }
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
    let mut parts = part("verb", verb.name());
    parts.push_str(&part("prefix", &key_text(common.unwrap_or_default())));
    let _written = write!(parts, r#","changes":{}"#, users.count());
    ChangeLine {
        event: "write",
        parts,
        in_order: None,
    }
}
