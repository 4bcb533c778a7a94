//! Watch events parsed from the API server's JSON lines; a line with status 410 demands a full list.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::kubernetes::cache::apply::WatchEvent;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::shared::log::LogError;

#[derive(Debug, Deserialize)]
struct EventLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
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

/// Parses a line.
pub(super) fn parse(line: &Bytes) -> Result<WatchEvent, LogError> {
    let broken = |what: String| {
        LogError::Unavailable(format!(
            "the API server's watch sent an error or no event: {what}"
        ))
    };
    let line: EventLine<'_> =
        serde_json::from_slice(line).map_err(|error| broken(error.to_string()))?;
    let object = || EntryObject::read(line.object.get()).map_err(|error| broken(error.to_string()));
    match line.kind {
        "ADDED" | "MODIFIED" => Ok(WatchEvent::Written(object()?)),
        "DELETED" => Ok(WatchEvent::Deleted(object()?)),
        "BOOKMARK" => {
            let mark: Option<Bookmark> = serde_json::from_str(line.object.get()).ok();
            let version = mark.and_then(|mark| mark.metadata.resource_version.parse().ok());
            let missing = || broken("a bookmark without a resourceVersion".to_owned());
            version.map(WatchEvent::Bookmark).ok_or_else(missing)
        }
        "ERROR" => {
            let status: ErrorStatus = serde_json::from_str(line.object.get()).unwrap_or_default();
            Err(match status.code {
                // The resourceVersion was compacted.
                410 => LogError::Gone,
                _ => broken(format!("{}: {}", status.code, status.message)),
            })
        }
        other => Err(broken(format!("an event of the unknown type {other}"))),
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
