//! Changes as the API server tells them.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::store::BoxFuture;
use crate::store::kubernetes::cache::object_cache::Event;
use crate::store::kubernetes::client::lines::Lines;
use crate::store::kubernetes::codec::object::Object;
use crate::store::kubernetes::log::State;
use crate::store::shared::log::{LogError, LogEvent, LogStream};

/// A watch.
#[derive(Debug)]
pub(crate) struct Watch {
    lines: Lines,
    state: Arc<State>,
}

#[derive(Debug, Deserialize)]
struct Line<'a> {
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Failure {
    code: u16,
    message: String,
}

impl Watch {
    pub(crate) fn new(lines: Lines, state: Arc<State>) -> Self {
        Self { lines, state }
    }

    async fn read(&mut self) -> Result<Vec<LogEvent>, LogError> {
        let lines = match self.lines.next().await {
            None => return Err(LogError::Ended),
            Some(Err(error)) => {
                tracing::debug!(error, "the watch broke");
                return Err(LogError::Ended);
            }
            Some(Ok(lines)) => lines,
        };
        let events: Vec<Event> = lines.iter().map(event).collect::<Result<_, _>>()?;
        let mut objects = self.state.objects.lock();
        let offset = objects.offset;
        let news: Vec<_> = events
            .into_iter()
            .map(|event| objects.take(event))
            .collect();
        let lead = objects.lead.as_ref();
        let moved = lead.is_some_and(|lead| lead.record.offset != offset);
        self.state.told(objects);
        if moved {
            // Every revision is another one now.
            return Err(LogError::Gone);
        }
        Ok(news)
    }
}

/// Returns when something is told, or why nothing is.
pub(crate) async fn begins(mut lines: Lines) -> Result<(), LogError> {
    match lines.next().await {
        Some(Ok(lines)) => lines.first().map_or(Ok(()), |line| event(line).map(drop)),
        None | Some(Err(_)) => Err(LogError::Ended),
    }
}

impl LogStream for Watch {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>> {
        Box::pin(self.read())
    }
}

fn event(line: &Bytes) -> Result<Event, LogError> {
    let broken = |what: String| LogError::Unavailable(format!("the watch tells {what}"));
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| broken(error.to_string()))?;
    let object = || Object::read(line.object.get()).map_err(|error| broken(error.to_string()));
    match line.kind {
        "ADDED" | "MODIFIED" => Ok(Event::Is(object()?)),
        "DELETED" => Ok(Event::Gone(object()?)),
        "BOOKMARK" => {
            let mark: Option<Bookmark> = serde_json::from_str(line.object.get()).ok();
            let version = mark.and_then(|mark| mark.metadata.resource_version.parse().ok());
            let nothing = || broken("a bookmark without a resourceVersion".to_owned());
            version.map(Event::Bookmark).ok_or_else(nothing)
        }
        "ERROR" => {
            let failure: Failure = serde_json::from_str(line.object.get()).unwrap_or_default();
            Err(match failure.code {
                410 => LogError::Gone,
                _ => broken(format!("{}: {}", failure.code, failure.message)),
            })
        }
        other => Err(broken(format!("something unknown: {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read() {
        let line = |text: &str| event(&Bytes::copy_from_slice(text.as_bytes()));
        let bookmark =
            r#"{"type":"BOOKMARK","object":{"kind":"Entry","metadata":{"resourceVersion":"7"}}}"#;
        assert!(matches!(line(bookmark), Ok(Event::Bookmark(7))));
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
