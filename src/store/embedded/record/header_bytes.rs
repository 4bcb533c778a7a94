//! Header bytes: the JSON of a change's header, byte for byte as serde writes it from the same fields.
//!
//! Each record has one, most of few fields, and serde's way through flattened and left out ones took a tenth of what a create takes.
//! Serde writes the fields that are rare.

use serde::Serialize;

use super::entries_digest::EntriesDigest;
use super::header::{ChangeHeader, CommitHeader, RowKind};
use crate::model::{Attrs, DirMark, Mark, Revision};

/// Appends a change's header.
pub(super) fn write_header(
    header: &ChangeHeader<'_>,
    to: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    let ChangeHeader {
        kind,
        system,
        before,
        attrs,
        commit,
    } = header;
    let mut object = ObjectWriter::begin(to);
    let kind: &[u8] = match kind {
        RowKind::Put => b"\"put\"",
        RowKind::Delete => b"\"delete\"",
        RowKind::Nothing => b"\"nothing\"",
    };
    object.field("kind").extend_from_slice(kind);
    if *system {
        object.field("system").extend_from_slice(b"true");
    }
    if let Some(Revision { main, sub }) = before {
        let mut before = ObjectWriter::begin(object.field("before"));
        before.number("main", *main);
        before.number("sub", u64::from(*sub));
        before.end();
    }
    if let Some(attrs) = attrs {
        write_attrs(attrs, object.field("attrs"))?;
    }
    if let Some(commit) = commit {
        write_commit(commit, object.field("commit"))?;
    }
    object.end();
    Ok(())
}

fn write_attrs(attrs: &Attrs, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    // By name, so that none is forgotten.
    let Attrs {
        flags,
        version,
        ctime_ms,
        mtime_ms,
        created,
        placed,
        dir,
        lock,
        lock_index,
        bound,
        deadline,
        znode,
        other,
    } = attrs;
    let mut object = ObjectWriter::begin(to);
    object.number_unless_0("flags", *flags);
    object.number_unless_0("version", *version);
    object.signed("ctime_ms", *ctime_ms);
    object.signed("mtime_ms", *mtime_ms);
    object.mark("created", *created);
    object.mark("placed", *placed);
    match dir {
        DirMark::No => {}
        DirMark::Made => object.field("dir").extend_from_slice(b"\"made\""),
        DirMark::Implied => object.field("dir").extend_from_slice(b"\"implied\""),
    }
    object.json("lock", lock.as_ref())?;
    object.number_unless_0("lock_index", *lock_index);
    object.json("bound", bound.as_ref())?;
    object.json("deadline", deadline.as_ref())?;
    object.json("znode", znode.as_ref())?;
    for (name, value) in other {
        object.comma();
        serde_json::to_writer(&mut *object.to, name)?;
        object.to.push(b':');
        serde_json::to_writer(&mut *object.to, value)?;
    }
    object.end();
    Ok(())
}

fn write_commit(commit: &CommitHeader, to: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let CommitHeader {
        cause,
        subject,
        changes,
        digest: EntriesDigest { entries, sum },
    } = commit;
    let mut object = ObjectWriter::begin(to);
    object.json("cause", Some(cause))?;
    object.json("subject", subject.as_ref())?;
    object.number("changes", u64::from(*changes));
    let mut state = ObjectWriter::begin(object.field("state"));
    state.number("entries", *entries);
    state.number("sum", *sum);
    state.end();
    object.end();
    Ok(())
}

/// A writer of one object.
struct ObjectWriter<'a> {
    to: &'a mut Vec<u8>,
    has_fields: bool,
}

impl<'a> ObjectWriter<'a> {
    fn begin(to: &'a mut Vec<u8>) -> Self {
        to.push(b'{');
        Self {
            to,
            has_fields: false,
        }
    }

    fn end(self) {
        self.to.push(b'}');
    }

    fn comma(&mut self) {
        if self.has_fields {
            self.to.push(b',');
        }
        self.has_fields = true;
    }

    /// Begins a field whose name has nothing to be escaped; its value is appended next.
    fn field(&mut self, name: &str) -> &mut Vec<u8> {
        self.comma();
        self.to.push(b'"');
        self.to.extend_from_slice(name.as_bytes());
        self.to.extend_from_slice(b"\":");
        self.to
    }

    fn number(&mut self, name: &str, value: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value);
        self.field(name).extend_from_slice(digits.as_bytes());
    }

    fn number_unless_0(&mut self, name: &str, value: u64) {
        if value != 0 {
            self.number(name, value);
        }
    }

    fn signed(&mut self, name: &str, value: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value);
        self.field(name).extend_from_slice(digits.as_bytes());
    }

    fn mark(&mut self, name: &str, mark: Mark) {
        match mark {
            Mark::ThisWrite => {}
            Mark::At(main) => {
                let mut object = ObjectWriter::begin(self.field(name));
                object.number("at", main);
                object.end();
            }
        }
    }

    fn json(
        &mut self,
        name: &str,
        value: Option<&impl Serialize>,
    ) -> Result<(), serde_json::Error> {
        match value {
            Some(value) => serde_json::to_writer(self.field(name), value),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{AccessEntry, AccessList, Cause, Deadline, Key, LeaseId};
    use crate::store::embedded::record::header::{StoredKey, realm};

    const CAUSES: [Cause; 8] = [
        Cause::Set,
        Cause::Create,
        Cause::Update,
        Cause::CompareAndSwap,
        Cause::Delete,
        Cause::CompareAndDelete,
        Cause::Expire,
        Cause::Refresh,
    ];

    fn mark() -> impl Strategy<Value = Mark> {
        any::<Option<u64>>().prop_map(|at| at.map_or(Mark::ThisWrite, Mark::At))
    }

    fn dir() -> impl Strategy<Value = DirMark> {
        prop_oneof![
            Just(DirMark::No),
            Just(DirMark::Made),
            Just(DirMark::Implied)
        ]
    }

    prop_compose! {
        fn attrs()(
            (flags, version, lock_index) in any::<(u64, Option<u64>, Option<u64>)>(),
            (ctime_ms, mtime_ms) in any::<(i64, i64)>(),
            (created, placed, dir) in (mark(), mark(), dir()),
            (lock, bound) in any::<(Option<u128>, Option<u128>)>(),
            deadline in any::<Option<(i64, u64)>>(),
            (list, container) in any::<(Option<String>, bool)>(),
            other in proptest::collection::btree_map(any::<String>(), any::<Option<i64>>(), 0..3),
        ) -> Attrs {
            let names: BTreeMap<_, _> = other
                .into_iter()
                .map(|(name, value)| (format!("x-{name}"), serde_json::json!(value)))
                .collect();
            let mut attrs = Attrs {
                flags,
                version: version.unwrap_or(0),
                ctime_ms,
                mtime_ms,
                created,
                placed,
                dir,
                lock: lock.map(LeaseId),
                lock_index: lock_index.unwrap_or(0),
                bound: bound.map(LeaseId),
                deadline: deadline.map(|(at_ms, ttl_ms)| Deadline { at_ms, ttl_ms }),
                other: names,
                ..Attrs::default()
            };
            if let Some(id) = list {
                let entry = AccessEntry { perms: 1, scheme: "digest".to_owned(), id };
                attrs.set_access(AccessList::from(vec![entry]));
            }
            attrs.set_container(container);
            attrs
        }
    }

    prop_compose! {
        fn commit()(
            cause in 0..CAUSES.len(), subject in any::<Option<(bool, Vec<u8>)>>(),
            changes in any::<u32>(), (entries, sum) in any::<(u64, u64)>(),
        ) -> CommitHeader {
            let key = |(system, key): (bool, Vec<u8>)| StoredKey(Key::new(realm(system), key));
            CommitHeader {
                cause: CAUSES[cause],
                subject: subject.map(key),
                changes,
                digest: EntriesDigest { entries, sum },
            }
        }
    }

    proptest! {
        /// Records are compared and sealed by their bytes, and other releases write them with serde.
        #[test]
        fn a_header_has_the_bytes_that_serde_writes(
            kind in 0..3, system in any::<bool>(), before in any::<Option<(u64, u32)>>(),
            attrs in proptest::option::of(attrs()), commit in proptest::option::of(commit()),
        ) {
            let header = ChangeHeader {
                kind: match kind {
                    0 => RowKind::Put,
                    1 => RowKind::Delete,
                    _ => RowKind::Nothing,
                },
                system,
                before: before.map(|(main, sub)| Revision::new(main, sub)),
                attrs: attrs.map(Cow::Owned),
                commit,
            };
            let mut bytes = Vec::new();
            write_header(&header, &mut bytes).unwrap();
            let by_serde = serde_json::to_vec(&header).unwrap();
            prop_assert_eq!(bytes.escape_ascii().to_string(), by_serde.escape_ascii().to_string());
        }
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for value in [0, 9, 10, 1_700_000_000_000, u64::MAX] {
            let mut bytes = Vec::new();
            ObjectWriter::begin(&mut bytes).number("n", value);
            assert_eq!(bytes, format!("{{\"n\":{value}").into_bytes());
        }
    }
}
