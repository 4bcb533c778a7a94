//! Headers: what a record has besides the key and the value of its entry, as JSON.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::entries_digest::EntriesDigest;
use super::frame::RecordError;
use crate::model::{Attrs, Cause, Commit, Key, Realm, Revision};

/// What all changes of a commit have in common; stored in the record of the first change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::store::embedded) struct CommitHeader {
    /// The cause of the commit.
    pub(in crate::store::embedded) cause: Cause,
    /// As in [`crate::model::Commit::subject`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<StoredKey>,
    /// The number of changes.
    pub(in crate::store::embedded) changes: u32,
    /// The digest of the entries after the commit.
    #[serde(rename = "state")]
    pub(in crate::store::embedded) digest: EntriesDigest,
}

impl CommitHeader {
    /// That of a commit; `digest` is that of the entries after it.
    pub(super) fn of(commit: &Commit, digest: EntriesDigest) -> Result<Self, RecordError> {
        Ok(Self {
            cause: commit.cause,
            subject: commit.subject.clone().map(StoredKey),
            changes: u32::try_from(commit.changes.len()).map_err(|_| RecordError::Short)?,
            digest,
        })
    }

    /// As in [`crate::model::Commit::subject`].
    pub(in crate::store::embedded) fn subject(&self) -> Option<Key> {
        self.subject.as_ref().map(|key| key.0.clone())
    }
}

/// A key inside a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredKey(pub(super) Key);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyJson {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    system: bool,
    base64: String,
}

impl Serialize for StoredKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = KeyJson {
            system: self.0.realm() == Realm::System,
            base64: BASE64_STANDARD.encode(self.0.as_bytes()),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = KeyJson::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD
            .decode(form.base64)
            .map_err(serde::de::Error::custom)?;
        Ok(Self(Key::new(realm(form.system), bytes)))
    }
}

/// The realm of a key.
pub(super) fn realm(system: bool) -> Realm {
    if system { Realm::System } else { Realm::User }
}

/// The JSON header of a change's record: everything but key and value. `header_bytes` writes it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeHeader<'a> {
    pub(super) kind: RowKind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) system: bool,
    /// The revision of the entry that was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Revision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attrs: Option<Cow<'a, Attrs>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<CommitHeader>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RowKind {
    Put,
    Delete,
    /// The only record of a commit without changes.
    Nothing,
}
