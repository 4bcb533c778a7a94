//! Watch events parsed from the API server's JSON lines; a line with status 410 demands a full list.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::kubernetes::cache::apply::WatchEvent;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::shared::log::LogError;

/// A line, before its object is read.
#[derive(Debug, Deserialize)]
pub(super) struct EventLine<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMeta {
    resource_version: String,
}

/// The fields of a `Status` object that ends a watch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorStatus {
    code: u16,
    message: String,
}

impl<'a> EventLine<'a> {
    pub(super) fn read(line: &'a Bytes) -> Result<Self, LogError> {
        serde_json::from_slice(line).map_err(|error| broken(&error))
    }

    /// The error of a line that is no change and no bookmark.
    pub(super) fn error(&self) -> LogError {
        if self.kind != "ERROR" {
            return broken(&format!("an event of the unknown type {}", self.kind));
        }
        let status: ErrorStatus = serde_json::from_str(self.object.get()).unwrap_or_default();
        match status.code {
            // The resourceVersion was compacted.
            410 => LogError::Gone,
            _ => broken(&format!("{}: {}", status.code, status.message)),
        }
    }
}

/// The error of a line that cannot be read.
pub(super) fn broken(what: &dyn std::fmt::Display) -> LogError {
    LogError::Unavailable(format!(
        "the API server's watch sent an error or no event: {what}"
    ))
}

/// Parses a line.
pub(super) fn parse(line: &Bytes) -> Result<WatchEvent, LogError> {
    let line = EventLine::read(line)?;
    let object = || EntryObject::read(line.object.get()).map_err(|error| broken(&error));
    match line.kind {
        "ADDED" | "MODIFIED" => Ok(WatchEvent::Written(object()?)),
        "DELETED" => Ok(WatchEvent::Deleted(object()?)),
        "BOOKMARK" => {
            let mark: Option<Bookmark> = serde_json::from_str(line.object.get()).ok();
            let version = mark.and_then(|mark| mark.metadata.resource_version.parse().ok());
            let missing = || broken(&"a bookmark without a resourceVersion");
            version.map(WatchEvent::Bookmark).ok_or_else(missing)
        }
        _ => Err(line.error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed_and_errors_classified() {
        let line = |text: &str| parse(&Bytes::copy_from_slice(text.as_bytes()));
        let bookmark =
            r#"{"type":"BOOKMARK","object":{"kind":"Entry","metadata":{"resourceVersion":"7"}}}"#;
        assert!(matches!(line(bookmark), Ok(WatchEvent::Bookmark(7))));
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
        assert!(matches!(line(gone), Err(LogError::Gone)));
        for text in [
            "",
            "{}",
            r#"{"type":"ADDED","object":{}}"#,
            r#"{"type":"NEW","object":{}}"#,
        ] {
            assert!(
                matches!(line(text), Err(LogError::Unavailable(_))),
                "{text}"
            );
        }
    }
}
