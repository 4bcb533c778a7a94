//! Entries as objects, and objects as entries.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::model::{Attrs, Deadline, Key, LeaseId, Mark, Realm, Record};
use crate::store::kubernetes::definition::resource::{Attributes, EntrySpec, SpecRealm};

/// Reads what people write, too: the API server takes base64 whose last letter has bits to spare.
const AS_WRITTEN: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The largest number that the API server takes. An edit by hand may bring a counter there, and the next write beyond.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Why an object is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undecodable {
    /// Neither key nor keyBase64, or both, or no base64.
    #[error("spec.key or spec.keyBase64 must name the key")]
    Key,
    /// Value and valueBase64, or no base64.
    #[error("spec.value and spec.valueBase64 exclude each other, and base64 must be base64")]
    Value,
    /// Flags that are no number, a lease that is no UUID.
    #[error("spec.attributes cannot be read")]
    Attributes,
}

/// The spec of an entry. What it is in the log (write id, cause, step) is left to the caller.
pub(crate) fn encode(key: &Key, record: &Record) -> EntrySpec {
    let (value, value_base64) = text_or_base64(&record.value);
    EntrySpec {
        value,
        value_base64,
        size: i64::try_from(record.value.len()).unwrap_or(i64::MAX),
        attributes: attributes(&record.attrs),
        ..named(key)
    }
}

/// The spec of an object that says that its entry is deleted.
pub(crate) fn tombstone(key: &Key) -> EntrySpec {
    EntrySpec {
        deleted: true,
        ..named(key)
    }
}

fn named(key: &Key) -> EntrySpec {
    let (text, base64) = match key.as_str().filter(|text| is_plain(text)) {
        Some(text) => (Some(text.to_owned()), None),
        None => (None, Some(BASE64_STANDARD.encode(key.as_bytes()))),
    };
    EntrySpec {
        key: text,
        key_base64: base64,
        realm: match key.realm() {
            Realm::User => SpecRealm::User,
            Realm::System => SpecRealm::System,
        },
        ..EntrySpec::default()
    }
}

/// The key an object is about.
pub(crate) fn key(spec: &EntrySpec) -> Result<Key, Undecodable> {
    let bytes = match (&spec.key, &spec.key_base64) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(base64)) => AS_WRITTEN.decode(base64).map_err(|_| Undecodable::Key)?,
        _ => return Err(Undecodable::Key),
    };
    let realm = match spec.realm {
        SpecRealm::User => Realm::User,
        SpecRealm::System => Realm::System,
    };
    Ok(Key::new(realm, bytes))
}

/// The record an object holds.
pub(crate) fn record(spec: &EntrySpec) -> Result<Record, Undecodable> {
    let value = match (&spec.value, &spec.value_base64) {
        (Some(text), None) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(base64)) => AS_WRITTEN
            .decode(base64)
            .map_err(|_| Undecodable::Value)?
            .into(),
        (None, None) => Bytes::new(),
        (Some(_), Some(_)) => return Err(Undecodable::Value),
    };
    let attrs = attrs(&spec.attributes).ok_or(Undecodable::Attributes)?;
    Ok(Record { value, attrs })
}

/// A value as text, where it is text that takes no more room so than as base64.
fn text_or_base64(value: &Bytes) -> (Option<String>, Option<String>) {
    if value.is_empty() {
        return (None, None);
    }
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| is_plain(text));
    // JSON escapes these with a backslash, and etcd's limit is on what is escaped.
    let escaped = |text: &str| {
        text.bytes()
            .filter(|byte| b"\"\\\n\r\t".contains(byte))
            .count()
    };
    match text {
        Some(text) if escaped(text) * 3 <= text.len() => (Some(text.to_owned()), None),
        _ => (None, Some(BASE64_STANDARD.encode(value))),
    }
}

/// Whether people can read it: no control characters but those of text.
fn is_plain(text: &str) -> bool {
    !text
        .chars()
        .any(|letter| letter.is_control() && !['\n', '\r', '\t'].contains(&letter))
}

fn attributes(attrs: &Attrs) -> Attributes {
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
        other,
    } = attrs;
    let mark = |mark: &Mark| match mark {
        Mark::ThisWrite => None,
        Mark::At(revision) => Some(*revision),
    };
    Attributes {
        flags: (*flags != 0).then(|| flags.to_string()),
        version: (*version).min(LARGEST),
        ctime_ms: *ctime_ms,
        mtime_ms: (mtime_ms != ctime_ms).then_some(*mtime_ms),
        created: mark(created),
        placed: mark(placed),
        dir: (*dir).into(),
        lock: lock.map(|lock| lock.to_string()),
        lock_index: (*lock_index).min(LARGEST),
        bound: bound.map(|bound| bound.to_string()),
        deadline_ms: deadline.map(|deadline| deadline.at_ms),
        ttl_ms: deadline.map(|deadline| deadline.ttl_ms.min(LARGEST)),
        other: other.clone(),
    }
}

fn attrs(attributes: &Attributes) -> Option<Attrs> {
    let Attributes {
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
        deadline_ms,
        ttl_ms,
        other,
    } = attributes;
    let mark = |revision: Option<u64>| revision.map_or(Mark::ThisWrite, Mark::At);
    let lease = |text: &Option<String>| match text {
        None => Some(None),
        Some(text) => text.parse::<LeaseId>().ok().map(Some),
    };
    let deadline = match (deadline_ms, ttl_ms) {
        (None, None) => None,
        (Some(at_ms), Some(ttl_ms)) => Some(Deadline {
            at_ms: *at_ms,
            ttl_ms: *ttl_ms,
        }),
        _ => return None,
    };
    Some(Attrs {
        flags: match flags {
            None => 0,
            Some(text) => text.parse().ok()?,
        },
        version: *version,
        ctime_ms: *ctime_ms,
        mtime_ms: mtime_ms.unwrap_or(*ctime_ms),
        created: mark(*created),
        placed: mark(*placed),
        dir: (*dir).into(),
        lock: lease(lock)?,
        lock_index: *lock_index,
        bound: lease(bound)?,
        deadline,
        other: BTreeMap::clone(other),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::DirMark;

    fn full() -> Record {
        let attrs = Attrs {
            flags: u64::MAX,
            version: 3,
            ctime_ms: 5,
            mtime_ms: 6,
            created: Mark::At(7),
            placed: Mark::At(8),
            dir: DirMark::Implied,
            lock: Some(LeaseId(9)),
            lock_index: 10,
            bound: Some(LeaseId(11)),
            deadline: Some(Deadline {
                at_ms: 12,
                ttl_ms: 13,
            }),
            other: [("acl".to_owned(), serde_json::json!([{"perms": 31}]))].into(),
        };
        Record {
            value: "Grüße\n".into(),
            attrs,
        }
    }

    fn through_json(spec: &EntrySpec) -> EntrySpec {
        serde_json::from_str(&serde_json::to_string(spec).unwrap()).unwrap()
    }

    #[test]
    fn everything_comes_back() {
        let spec = through_json(&encode(&Key::user("a/b"), &full()));
        assert_eq!(spec.value.as_deref(), Some("Grüße\n"));
        assert_eq!(key(&spec), Ok(Key::user("a/b")));
        assert_eq!(record(&spec), Ok(full()));
    }

    #[test]
    fn no_number_is_larger_than_json_readers_hold() {
        let text = serde_json::to_string(&encode(&Key::user("a"), &full())).unwrap();
        assert!(
            text.contains("\"flags\":\"18446744073709551615\""),
            "{text}"
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let spec = EntrySpec::default();
        assert_eq!(key(&spec), Err(Undecodable::Key));
        let spec = EntrySpec {
            value_base64: Some("%".to_owned()),
            ..EntrySpec::default()
        };
        assert_eq!(record(&spec), Err(Undecodable::Value));
        let attributes = Attributes {
            lock: Some("me".to_owned()),
            ..Attributes::default()
        };
        let spec = EntrySpec {
            attributes,
            ..EntrySpec::default()
        };
        assert_eq!(record(&spec), Err(Undecodable::Attributes));
    }

    #[test]
    fn what_people_write_is_read() {
        for text in ["QQ==", "QR==", "QQ"] {
            let spec = EntrySpec {
                key_base64: Some(text.to_owned()),
                value_base64: Some(text.to_owned()),
                ..EntrySpec::default()
            };
            assert_eq!(key(&spec), Ok(Key::user("A")));
            assert_eq!(record(&spec).unwrap().value, "A");
        }
    }

    #[test]
    fn counters_stay_within_what_the_api_server_takes() {
        let mut record = full();
        record.attrs.version = LARGEST + 1;
        record.attrs.lock_index = LARGEST + 1;
        record.attrs.deadline = Some(Deadline {
            at_ms: 12,
            ttl_ms: u64::MAX,
        });
        let attributes = encode(&Key::user("a"), &record).attributes;
        assert_eq!(attributes.version, LARGEST);
        assert_eq!(attributes.lock_index, LARGEST);
        assert_eq!(attributes.ttl_ms, Some(LARGEST));
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(name in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..200)) {
            let record_of = Record { value: value.into(), ..Record::default() };
            let spec = through_json(&encode(&Key::system(&name), &record_of));
            prop_assert_eq!(key(&spec).unwrap(), Key::system(&name));
            prop_assert_eq!(record(&spec).unwrap(), record_of);
        }

        #[test]
        fn any_value_takes_at_most_a_third_more_room(value in "[\"\\\\\n a-z]{30,200}") {
            let spec = encode(&Key::user("k"), &Record { value: value.clone().into(), ..Record::default() });
            let room = spec.value.map(|text| serde_json::to_string(&text).unwrap().len()).or(spec.value_base64.map(|text| text.len()));
            prop_assert!(room.unwrap() <= value.len() * 4 / 3 + 4);
        }
    }
}
