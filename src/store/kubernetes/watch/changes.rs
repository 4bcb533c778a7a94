//! Changes since a past resourceVersion, without their contents, as the watch delivers them.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use super::event::{EventLine, broken};
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::log_error::log_error;
use crate::store::shared::log::LogError;

/// How long each watch lasts. An API server sends a bookmark 2 s before that at the latest: where nothing else happens, it is
/// what says that no change is missing.
const LENGTH: Duration = Duration::from_secs(4);

/// How long each watch may take, be it silent for ever.
const PATIENCE: Duration = Duration::from_secs(6);

/// The most watches, one where the other ended: a minute of changes may be more than arrives in one.
const WATCHES: usize = 8;

/// A change of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastChange {
    /// The object's name.
    pub(crate) name: String,
    /// The resourceVersion of the change.
    pub(crate) version: u64,
    /// There was no object of this name before.
    pub(crate) is_creation: bool,
}

#[derive(Debug, Deserialize)]
struct ChangedObject {
    metadata: ChangedMeta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangedMeta {
    /// Bookmarks have none.
    #[serde(default)]
    name: String,
    resource_version: String,
}

/// Every change after a resourceVersion, up to another one or further, in their order. An error where the API server no longer
/// has all of them, or does not say in time that there are no more.
pub(crate) async fn changes_between(
    api: &Api,
    after: u64,
    until: u64,
) -> Result<Vec<PastChange>, LogError> {
    let mut changes = PastChanges {
        seen: Vec::new(),
        reached: after,
    };
    for _ in 0..WATCHES {
        let before = changes.reached;
        // A watch that ends, or falls silent, is continued where it ended.
        match tokio::time::timeout(PATIENCE, changes.watch(api, until)).await {
            Ok(Ok(()) | Err(LogError::Ended)) | Err(_) => {}
            Ok(Err(error)) => return Err(error),
        }
        if changes.reached >= until {
            return Ok(changes.seen);
        }
        if changes.reached == before {
            break;
        }
    }
    Err(LogError::Ended)
}

/// The changes that were delivered.
#[derive(Debug)]
struct PastChanges {
    seen: Vec<PastChange>,
    /// Every change up to this resourceVersion was.
    reached: u64,
}

impl PastChanges {
    /// Watches until a resourceVersion, or the end of the watch.
    async fn watch(&mut self, api: &Api, until: u64) -> Result<(), LogError> {
        let lines = api.watch(self.reached, LENGTH).await;
        let mut lines = lines.map_err(|error| log_error(&error))?;
        while self.reached < until {
            let Some(Ok(some)) = lines.next().await else {
                return Err(LogError::Ended);
            };
            some.iter().try_for_each(|line| self.take(line))?;
        }
        Ok(())
    }

    fn take(&mut self, line: &Bytes) -> Result<(), LogError> {
        let line = EventLine::read(line)?;
        let is_bookmark = line.kind == "BOOKMARK";
        let is_creation = line.kind == "ADDED";
        if !is_bookmark && !is_creation && !["MODIFIED", "DELETED"].contains(&line.kind) {
            return Err(line.error());
        }
        let object: Result<ChangedObject, _> = serde_json::from_str(line.object.get());
        let ChangedMeta {
            name,
            resource_version,
        } = object.map_err(|error| broken(&error))?.metadata;
        let version = resource_version.parse();
        let version: u64 = version.map_err(|_| broken(&"an event without a resourceVersion"))?;
        self.reached = self.reached.max(version);
        if !is_bookmark {
            self.seen.push(PastChange {
                name,
                version,
                is_creation,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[&str]) -> Result<PastChanges, LogError> {
        let mut changes = PastChanges {
            seen: Vec::new(),
            reached: 4,
        };
        for line in lines {
            changes.take(&Bytes::copy_from_slice(line.as_bytes()))?;
        }
        Ok(changes)
    }

    #[test]
    fn creations_are_told_from_changes_and_a_bookmark_is_none() {
        let changes = taken(&[
            r#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"},"spec":{}}}"#,
            r#"{"type":"MODIFIED","object":{"metadata":{"name":"b","resourceVersion":"6"}}}"#,
            r#"{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"8"}}}"#,
            r#"{"type":"BOOKMARK","object":{"kind":"Entry","metadata":{"resourceVersion":"11"}}}"#,
        ])
        .unwrap();
        let change = |name: &str, version, is_creation| PastChange {
            name: name.to_owned(),
            version,
            is_creation,
        };
        let expected = [
            change("a", 5, true),
            change("b", 6, false),
            change("a", 8, false),
        ];
        assert_eq!(changes.seen, expected);
        assert_eq!(changes.reached, 11);
    }

    #[test]
    fn compacted_past_and_unreadable_lines_are_errors() {
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
        assert_eq!(taken(&[gone]).unwrap_err(), LogError::Gone);
        for line in [
            "",
            r#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#,
            r#"{"type":"NEW","object":{"metadata":{"name":"a","resourceVersion":"5"}}}"#,
        ] {
            let error = taken(&[line]).unwrap_err();
            assert!(matches!(error, LogError::Unavailable(_)), "{line}");
        }
    }
}
