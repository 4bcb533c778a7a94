//! Judgement of whole commits: each change of a record beside the others as the commit leaves them.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::docker::{
    IllegalChange, RecordChange, RecordKind, RecordLookup, RecordPlace, RecordRefusal,
};
use crate::model::{Attrs, DirMark, Entry, Key, Realm, Target, Verb, Write};
use crate::space::Draft;

/// The most entries of a directory that are looked at for records of Docker's.
const LOOKED_AT: usize = 4096;

/// Who makes a change of Docker's records. Asked only where there is one.
pub(super) trait RecordAuthor {
    /// The address of its host; `None` where any may be meant.
    fn host(&self) -> Option<IpAddr>;

    /// Whether it may delete a key, by the policy.
    fn may_delete(&self, key: &Key) -> bool;
}

/// What was found of a commit.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// The first refusal.
    pub(super) refusal: Option<(Key, RecordRefusal)>,
    /// What is not known here of records that are written.
    pub(super) unknown: Vec<(Key, String)>,
}

/// The records as the commit leaves them.
struct DraftRecords<'d, 'a>(&'d Draft<'a>);

impl RecordLookup for DraftRecords<'_, '_> {
    fn value(&self, keys: [Vec<u8>; 2]) -> Option<Vec<u8>> {
        let entry = |key: &Vec<u8>| self.0.peek(&Key::user(key)).map(|entry| value(entry));
        keys.iter().find_map(entry).map(<[u8]>::to_vec)
    }

    fn find(&self, directory: &[u8], is_enough: &mut dyn FnMut(&[u8], &[u8]) -> bool) {
        let directory = Key::user(directory);
        let mut beneath = self.0.scan_everything(&directory, &directory);
        let _found = beneath.any(|(key, entry)| is_enough(key.as_bytes(), value(entry)));
    }
}

fn value(entry: &Entry) -> &[u8] {
    entry.value()
}

/// Whether one of these writes is for a key of Docker's, or gives an end to a directory, which may hold some: there is nothing
/// to judge in others.
fn are_about_records(writes: &[Write]) -> bool {
    writes.iter().any(|write| {
        let key = user_key(write);
        key.is_some_and(|key| RecordPlace::of(key.as_bytes()).is_some())
            || write
                .put
                .as_ref()
                .is_some_and(|put| put.attrs.deadline.is_some() && put.attrs.dir != DirMark::No)
    })
}

/// Judges the writes of a client.
pub(super) fn judge(author: &dyn RecordAuthor, draft: &Draft<'_>, writes: &[Write]) -> Judgement {
    let mut judgement = Judgement::default();
    // Of one alone its judgement finds that out.
    if writes.len() > 1 && !are_about_records(writes) {
        return judgement;
    }
    // Each could excuse another: a network its count, that is deleted with it.
    if writes.len() > 1
        && let Some(second) = writes.iter().filter_map(record_key).nth(1)
    {
        judgement.refusal = Some((second.into_owned(), several(draft).into()));
        return judgement;
    }
    for write in writes {
        if let Some(refusal) = judge_write(author, draft, write, &mut judgement.unknown) {
            judgement.refusal = Some(refusal);
            break;
        }
    }
    judgement
}

fn judge_write(
    author: &dyn RecordAuthor,
    draft: &Draft<'_>,
    write: &Write,
    unknown: &mut Vec<(Key, String)>,
) -> Option<(Key, RecordRefusal)> {
    let key = user_key(write)?;
    let place = RecordPlace::of(key.as_bytes());
    if let Some(change) = judge_attributes(draft, (&key, place.as_ref()), write) {
        return Some((key.into_owned(), change.into()));
    }
    let place = place?;
    let is_record = !matches!(place.kind, RecordKind::Directory | RecordKind::Unknown);
    if write.put.is_none() && is_record && is_of_tree(draft, &key) {
        return Some((key.into_owned(), IllegalChange::TreeDeleted.into()));
    }
    let is_made = write.before.is_none() && write.put.is_some();
    if is_made && place.is_compared() && is_spelled_otherwise(draft, &key) {
        return Some((key.into_owned(), IllegalChange::OtherSpelling.into()));
    }
    let before = write.before.as_ref().map(|entry| value(entry));
    let after = write.put.as_ref().map(|record| record.value.as_ref());
    // The policy is asked only where its answer decides.
    let is_network = matches!(place.kind, RecordKind::Network(_));
    let change = RecordChange {
        place: &place,
        before,
        after,
        compares: before.is_none() || draft.verb_of_put(&key) != Verb::Write,
        host: author.host(),
        may_delete: is_network && author.may_delete(&key),
    };
    match change.judge(&DraftRecords(draft)) {
        Ok(None) => None,
        Ok(Some(fields)) => {
            unknown.push((key.into_owned(), fields));
            None
        }
        Err(refusal) => Some((key.into_owned(), refusal)),
    }
}

/// Judges what a write leaves beside the value: of an entry that ends by itself nobody is asked when it goes, and one with an
/// access list is hidden from daemons.
fn judge_attributes(
    draft: &Draft<'_>,
    (key, place): (&Key, Option<&RecordPlace<'_>>),
    write: &Write,
) -> Option<IllegalChange> {
    let attrs = &write.put.as_ref()?.attrs;
    let before = write.before.as_ref().map(|entry| entry.attrs());
    let deadline_before = before.and_then(|before| before.deadline);
    let ends = attrs.deadline.is_some() && attrs.deadline != deadline_before;
    let Some(place) = place else {
        let takes_all = ends && attrs.dir != DirMark::No;
        return (takes_all && may_hold_records(draft, key)).then_some(IllegalChange::Fleeting);
    };
    if !place.is_compared() && place.kind != RecordKind::Directory {
        return None;
    }
    let is_held = |own: Option<_>, before: Option<_>| own.is_some() && own != before;
    let is_fleeting = ends
        || attrs.childless_ttl_ms().is_some()
        || is_held(attrs.lock, before.and_then(|before| before.lock))
        || is_held(attrs.bound, before.and_then(|before| before.bound));
    if is_fleeting {
        Some(IllegalChange::Fleeting)
    } else if attrs.access() != before.and_then(Attrs::access) {
        Some(IllegalChange::AccessListed)
    } else {
        None
    }
}

/// Whether records of Docker's are in a directory that is none of theirs, or might be: of a very large one that is not found out.
fn may_hold_records(draft: &Draft<'_>, directory: &Key) -> bool {
    let mut prefix = directory.as_bytes().to_vec();
    if !prefix.ends_with(b"/") {
        prefix.push(b'/');
    }
    let prefix = Key::new(directory.realm(), prefix);
    let mut beneath = draft.scan_everything(&prefix, &prefix);
    let is_record = |(key, _): (&Key, _)| RecordPlace::of(key.as_bytes()).is_some();
    beneath.by_ref().take(LOOKED_AT).any(is_record) || beneath.next().is_some()
}

/// The key of a write that is for a client's key.
fn user_key(write: &Write) -> Option<Cow<'_, Key>> {
    let key = match &write.target {
        Target::Key(key) => Cow::Borrowed(key),
        // Its name is not known yet; whatever it will be, it stands beneath the parent.
        Target::InOrder(parent) => {
            let bytes = [parent.as_bytes(), b"0"].concat();
            Cow::Owned(Key::new(parent.realm(), bytes))
        }
    };
    (key.realm() == Realm::User).then_some(key)
}

/// The key of a write that is for a record which libnetwork writes by itself.
fn record_key(write: &Write) -> Option<Cow<'_, Key>> {
    let key = user_key(write)?;
    let is_compared = RecordPlace::of(key.as_bytes())?.is_compared();
    is_compared.then_some(key)
}

/// What a change of several records is called.
fn several(draft: &Draft<'_>) -> IllegalChange {
    let mut ranges = draft.ranges_of_request().into_iter();
    if ranges.any(|(verb, _)| verb == Verb::Delete) {
        IllegalChange::TreeDeleted
    } else {
        IllegalChange::Several
    }
}

/// Whether there is a record whose key is the same but for a slash at the end.
fn is_spelled_otherwise(draft: &Draft<'_>, key: &Key) -> bool {
    let bytes = key.as_bytes();
    let other = match bytes.strip_suffix(b"/") {
        Some(without) => Key::user(without),
        None => Key::user([bytes, b"/"].concat()),
    };
    let entry = draft.peek(&other);
    entry.is_some_and(|entry| !value(entry).is_empty())
}

/// Whether the request deletes everything that begins with some text, this key as well.
fn is_of_tree(draft: &Draft<'_>, key: &Key) -> bool {
    let ranges = draft.ranges_of_request();
    ranges
        .iter()
        .any(|(verb, prefix)| *verb == Verb::Delete && key.starts_with(prefix))
}
