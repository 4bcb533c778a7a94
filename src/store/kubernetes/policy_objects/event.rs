//! `PolicyEvent`: a line of the watch of policies.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::resource::PolicyResource;

/// What happened to an object.
#[derive(Debug)]
pub(crate) enum PolicyEvent {
    /// It was created or changed.
    Written(Box<PolicyResource>),
    /// It is gone.
    Deleted {
        /// Its name.
        name: String,
    },
    /// Nothing: the watch is alive.
    Bookmark,
}

#[derive(Debug, Deserialize)]
struct EventLine<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl PolicyEvent {
    /// Parses a line; a line that reports an error, or is none of these, ends the watch.
    pub(super) fn parse(line: &Bytes) -> Result<Self, String> {
        let line: EventLine<'_> =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let object = || {
            let object = serde_json::from_str::<PolicyResource>(line.object.get());
            object.map_err(|error| error.to_string())
        };
        match line.kind {
            "ADDED" | "MODIFIED" => Ok(Self::Written(Box::new(object()?))),
            "DELETED" => Ok(Self::Deleted {
                name: object()?.metadata.name,
            }),
            "BOOKMARK" => Ok(Self::Bookmark),
            // A resourceVersion that was compacted is one of them: a new list follows.
            other => Err(format!("an event of the type {other}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parsed_and_others_end_the_watch() {
        let line = |text: &str| PolicyEvent::parse(&Bytes::copy_from_slice(text.as_bytes()));
        let object = r#"{"metadata":{"name":"a","uid":"u","resourceVersion":"7","generation":2},"spec":{"rules":[]}}"#;
        let event = |kind: &str| line(&format!(r#"{{"type":"{kind}","object":{object}}}"#));
        let Ok(PolicyEvent::Written(written)) = event("MODIFIED") else {
            panic!("a change");
        };
        assert_eq!(
            (written.metadata.generation, written.metadata.name.as_str()),
            (2, "a")
        );
        assert!(matches!(event("ADDED"), Ok(PolicyEvent::Written(_))));
        assert!(matches!(event("DELETED"), Ok(PolicyEvent::Deleted { name }) if name == "a"));
        assert!(matches!(event("BOOKMARK"), Ok(PolicyEvent::Bookmark)));
        for text in [
            "",
            "{}",
            r#"{"type":"ADDED","object":{}}"#,
            r#"{"type":"ERROR","object":{"code":410}}"#,
        ] {
            assert!(line(text).is_err(), "{text}");
        }
    }
}
