//! Watch stream: events applied to the cache as they arrive, and returned as log events.

use std::sync::Arc;

use super::event::parse;
use crate::store::BoxFuture;
use crate::store::kubernetes::cache::apply::WatchEvent;
use crate::store::kubernetes::cache::shared_cache::SharedCache;
use crate::store::kubernetes::client::lines::ResponseLines;
use crate::store::shared::log::{LogError, LogEvent, LogStream};

/// An open watch.
#[derive(Debug)]
pub(super) struct WatchStream {
    lines: ResponseLines,
    cache: Arc<SharedCache>,
}

impl WatchStream {
    pub(super) fn new(lines: ResponseLines, cache: Arc<SharedCache>) -> Self {
        Self { lines, cache }
    }

    async fn read(&mut self) -> Result<Vec<LogEvent>, LogError> {
        let lines = match self.lines.next().await {
            None => return Err(LogError::Ended),
            Some(Err(error)) => {
                tracing::debug!(error, "the connection of the watch failed");
                return Err(LogError::Ended);
            }
            Some(Ok(lines)) => lines,
        };
        let events: Vec<WatchEvent> = lines.iter().map(parse).collect::<Result<_, _>>()?;
        let mut objects = self.cache.objects.lock();
        let offset = objects.offset;
        let log_events: Vec<_> = events
            .into_iter()
            .map(|event| objects.apply(event))
            .collect();
        let leader = objects.leader.as_ref();
        let offset_changed = leader.is_some_and(|leader| leader.record.offset != offset);
        self.cache.changed(objects);
        if offset_changed {
            // Every index is another one now.
            return Err(LogError::Gone);
        }
        Ok(log_events)
    }
}

impl LogStream for WatchStream {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>> {
        Box::pin(self.read())
    }
}
