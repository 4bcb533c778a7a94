//! Encoding of a key and its record as the spec of an object, and decoding.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::model::{
    Attrs, Deadline, Entry, Key, LeaseId, Mark, Realm, Record, Revision, ZnodeAttrs,
};
use crate::store::kubernetes::definition::resource::{
    EntrySpec, SpecAttributes, SpecRealm, SpecStep,
};

/// Lenient base64, as people write it: the API server accepts base64 whose last letter has bits to spare.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The largest number that the API server accepts. An external write may set a counter to it, and the gateway's next write
/// would go beyond.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// The name of ZooKeeper's attributes among the other ones.
const ZNODE: &str = "znode";

/// Attributes by name, as JSON.
type Other = BTreeMap<String, serde_json::Value>;

/// Why a spec is not a valid entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undecodable {
    /// Neither key nor keyBase64, both, or invalid base64.
    #[error("spec.key or spec.keyBase64 must name the key")]
    Key,
    /// Both value and valueBase64, or invalid base64.
    #[error("spec.value and spec.valueBase64 exclude each other, and base64 must be base64")]
    Value,
    /// Flags that are not a number, or a lease that is not a UUID.
    #[error("spec.attributes cannot be read")]
    Attributes,
}

/// The spec of an entry, without what belongs to one write: write id, cause and step are the caller's.
pub(crate) fn encode(key: &Key, record: &Record) -> EntrySpec {
    let (value, value_base64) = text_or_base64(&record.value);
    EntrySpec {
        value,
        value_base64,
        size: i64::try_from(record.value.len()).unwrap_or(i64::MAX),
        attributes: attributes(&record.attrs),
        ..spec_of_key(key)
    }
}

/// The spec of an object whose entry is deleted.
pub(crate) fn tombstone(key: &Key) -> EntrySpec {
    EntrySpec {
        deleted: true,
        ..spec_of_key(key)
    }
}

/// The spec of an entry, or of its tombstone.
pub(crate) fn encode_or_tombstone(key: &Key, record: Option<&Record>) -> EntrySpec {
    record.map_or_else(|| tombstone(key), |record| encode(key, record))
}

/// The same, for an entry whose revision is not that of its object: a transaction's, or an earlier one.
pub(crate) fn encode_step(key: &Key, entry: Option<&Entry>, at: Revision) -> EntrySpec {
    EntrySpec {
        step: Some(SpecStep {
            revision: at.main,
            sub: at.sub,
        }),
        ..encode_or_tombstone(key, entry.map(|entry| &entry.record))
    }
}

fn spec_of_key(key: &Key) -> EntrySpec {
    let (text, base64) = match key.as_str().filter(|text| is_readable(text)) {
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

/// The key of a spec.
pub(crate) fn key(spec: &EntrySpec) -> Result<Key, Undecodable> {
    let bytes = match (&spec.key, &spec.key_base64) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(base64)) => LENIENT.decode(base64).map_err(|_| Undecodable::Key)?,
        _ => return Err(Undecodable::Key),
    };
    let realm = match spec.realm {
        SpecRealm::User => Realm::User,
        SpecRealm::System => Realm::System,
    };
    Ok(Key::new(realm, bytes))
}

/// The record of a spec.
pub(crate) fn record(spec: &EntrySpec) -> Result<Record, Undecodable> {
    let value = match (&spec.value, &spec.value_base64) {
        (Some(text), None) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(base64)) => LENIENT
            .decode(base64)
            .map_err(|_| Undecodable::Value)?
            .into(),
        (None, None) => Bytes::new(),
        (Some(_), Some(_)) => return Err(Undecodable::Value),
    };
    let attrs = attrs(&spec.attributes).ok_or(Undecodable::Attributes)?;
    Ok(Record { value, attrs })
}

/// A value as text, if it is text and no longer than as base64.
fn text_or_base64(value: &Bytes) -> (Option<String>, Option<String>) {
    if value.is_empty() {
        return (None, None);
    }
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| is_readable(text));
    // JSON escapes these with a backslash, and etcd limits the escaped size.
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

/// Whether people can read it: it has no control characters except line breaks and tabs.
fn is_readable(text: &str) -> bool {
    !text
        .chars()
        .any(|letter| letter.is_control() && !['\n', '\r', '\t'].contains(&letter))
}

fn attributes(attrs: &Attrs) -> SpecAttributes {
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
    let mark = |mark: &Mark| match mark {
        Mark::ThisWrite => None,
        Mark::At(revision) => Some(*revision),
    };
    SpecAttributes {
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
        other: encode_other(znode.as_deref(), other),
    }
}

/// The attributes of an object that earlier releases do not know: where they keep what they do not know, they keep these.
fn encode_other(znode: Option<&ZnodeAttrs>, other: &Other) -> Other {
    let mut all = other.clone();
    // It always is JSON: it has text for keys, and no numbers beyond 64 bits.
    if let Some(Ok(znode)) = znode.map(serde_json::to_value) {
        all.insert(ZNODE.to_owned(), znode);
    }
    all
}

/// The attributes that [`encode_other`] encoded; `None` where they cannot be read: an entry whose access list is unreadable
/// is not one that is open to all.
fn decode_other(all: &Other) -> Option<(Option<Box<ZnodeAttrs>>, Other)> {
    let mut other = all.clone();
    let znode = match other.remove(ZNODE) {
        None => None,
        Some(znode) => Some(serde_json::from_value(znode).ok()?),
    };
    Some((znode, other))
}

fn attrs(attributes: &SpecAttributes) -> Option<Attrs> {
    let SpecAttributes {
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
    let (znode, other) = decode_other(other)?;
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
        znode,
        other,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
            znode: None,
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
    fn every_field_survives_the_codec() {
        let spec = through_json(&encode(&Key::user("a/b"), &full()));
        assert_eq!(spec.value.as_deref(), Some("Grüße\n"));
        assert_eq!(key(&spec), Ok(Key::user("a/b")));
        assert_eq!(record(&spec), Ok(full()));
    }

    #[test]
    fn attributes_of_a_znode_stand_where_earlier_releases_keep_them() {
        let text = json!({
            "key": "a", "size": 0,
            "attributes": {"version": 6, "other": {
                "later": [1],
                "znode": {"acl": [{"perms": 1, "scheme": "digest", "id": "u:x"}], "aversion": 2,
                    "data": {"version": 6, "revision": 2}, "null": 6, "container": true, "ttl_ms": 60_000,
                    "imported_version": 6, "later": {}},
            }},
        });
        let spec: EntrySpec = serde_json::from_value(text.clone()).unwrap();
        let read = record(&spec).unwrap();
        assert_eq!(read.attrs.access().unwrap().entries()[0].id, "u:x");
        assert_eq!(read.attrs.childless_ttl_ms(), Some(60_000));
        let modified = Revision::new(9, 0);
        let entry = Entry {
            record: read.clone(),
            modified,
        };
        assert_eq!((entry.data(), entry.data_index()), (None, 2));
        assert!(!read.attrs.other.contains_key("znode"));
        let again = serde_json::to_value(encode(&Key::user("a"), &read)).unwrap();
        assert_eq!(again, text);
    }

    #[test]
    fn entry_with_an_unreadable_access_list_is_not_open_to_all() {
        for znode in [
            json!({"acl": "world"}),
            json!({"acl": [{"perms": 31}]}),
            json!(1),
        ] {
            let text = json!({"key": "a", "attributes": {"other": {"znode": znode}}});
            let spec: EntrySpec = serde_json::from_value(text).unwrap();
            assert_eq!(record(&spec), Err(Undecodable::Attributes), "{znode}");
        }
    }

    #[test]
    fn flags_of_64_bits_are_encoded_as_text() {
        let text = serde_json::to_string(&encode(&Key::user("a"), &full())).unwrap();
        assert!(
            text.contains("\"flags\":\"18446744073709551615\""),
            "{text}"
        );
    }

    #[test]
    fn invalid_spec_names_its_invalid_part() {
        let spec = EntrySpec::default();
        assert_eq!(key(&spec), Err(Undecodable::Key));
        let spec = EntrySpec {
            value_base64: Some("%".to_owned()),
            ..EntrySpec::default()
        };
        assert_eq!(record(&spec), Err(Undecodable::Value));
        let attributes = SpecAttributes {
            lock: Some("me".to_owned()),
            ..SpecAttributes::default()
        };
        let spec = EntrySpec {
            attributes,
            ..EntrySpec::default()
        };
        assert_eq!(record(&spec), Err(Undecodable::Attributes));
    }

    #[test]
    fn lenient_base64_is_decoded() {
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
    fn counters_stay_within_what_the_api_server_accepts() {
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
        fn any_bytes_survive_the_codec(name in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..200)) {
            let record_of = Record { value: value.into(), ..Record::default() };
            let spec = through_json(&encode(&Key::system(&name), &record_of));
            prop_assert_eq!(key(&spec).unwrap(), Key::system(&name));
            prop_assert_eq!(record(&spec).unwrap(), record_of);
        }

        #[test]
        fn any_value_is_encoded_at_most_a_third_longer(value in "[\"\\\\\n a-z]{30,200}") {
            let spec = encode(&Key::user("k"), &Record { value: value.clone().into(), ..Record::default() });
            let length = spec.value.map(|text| serde_json::to_string(&text).unwrap().len()).or(spec.value_base64.map(|text| text.len()));
            prop_assert!(length.unwrap() <= value.len() * 4 / 3 + 4);
        }
    }
}
