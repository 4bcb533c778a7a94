//! Changes as etcd tells them.

use std::sync::Arc;

use etcd_client::{EventType, WatchResponse, WatchStream};

use super::connection_pool::PooledConnection;
use super::failure::Failure;
use super::known::Event;
use super::layout::Layout;
use super::load::{count, value};
use super::log::State;
use crate::store::BoxFuture;
use crate::store::shared::log::{LogError, LogEvent, LogStream};

/// A watch of the whole prefix.
pub(super) struct Watch {
    stream: WatchStream,
    connection: PooledConnection,
    layout: Layout,
    state: Arc<State>,
}

impl Watch {
    /// A watch that etcd has begun.
    pub(super) fn new(
        stream: WatchStream,
        connection: PooledConnection,
        layout: Layout,
        state: Arc<State>,
    ) -> Self {
        Self {
            stream,
            connection,
            layout,
            state,
        }
    }

    async fn read(&mut self) -> Result<Vec<LogEvent>, LogError> {
        let told = tokio::select! {
            told = self.stream.message() => told,
            // Somebody found that it does not work any more, or the certificates have changed.
            () = self.connection.link.ended() => return Err(LogError::Ended),
        };
        match told {
            Ok(Some(response)) => self.take(&response),
            Ok(None) => Err(LogError::Ended),
            Err(error) => {
                let failure = Failure::of(&error);
                tracing::debug!(%failure, "the watch broke");
                self.connection.leave();
                Err(LogError::Ended)
            }
        }
    }

    fn take(&self, response: &WatchResponse) -> Result<Vec<LogEvent>, LogError> {
        refused(response)?;
        let events = events(&self.layout, response)?;
        let mut known = self.state.known.lock();
        let offset = known.offset;
        let mut news = Vec::new();
        for (revision, events) in events {
            if revision <= known.version {
                // A revision that came in two parts, or twice: what is known is not what there is.
                tracing::error!(
                    revision,
                    "etcd's watch tells what it has told: all is read anew"
                );
                return Err(LogError::Gone);
            }
            news.extend(known.take(revision, events));
        }
        if response.events().is_empty() && !response.created() {
            let head = response
                .header()
                .map_or(0, |header| count(header.revision()));
            known.version = known.version.max(head);
        }
        if news.is_empty() {
            news.push(LogEvent::Progress(known.index()));
        }
        let lead = known.lead.as_ref().and_then(|lead| lead.record.as_ref());
        let moved = lead.is_some_and(|lead| lead.offset != offset);
        self.state.known.publish(known);
        if moved {
            // Every index is another one now.
            return Err(LogError::Gone);
        }
        Ok(news)
    }
}

impl LogStream for Watch {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>> {
        Box::pin(async move {
            let news = self.read().await;
            if news.is_err() {
                self.connection.keep();
            }
            news
        })
    }
}

/// Why etcd does not tell anything, where it says so.
pub(super) fn refused(response: &WatchResponse) -> Result<(), LogError> {
    if response.compact_revision() != 0 {
        return Err(LogError::Gone);
    }
    if response.canceled() {
        let why = format!("etcd refuses the watch: {}", response.cancel_reason());
        return Err(if why.contains("permission denied") {
            LogError::Misconfigured(why)
        } else {
            LogError::Unavailable(why)
        });
    }
    Ok(())
}

/// The changes told, by revision.
fn events(layout: &Layout, response: &WatchResponse) -> Result<Vec<(u64, Vec<Event>)>, LogError> {
    let broken = || LogError::Unavailable("etcd's watch tells something unknown".to_owned());
    let mut found: Vec<(u64, Vec<Event>)> = Vec::new();
    for event in response.events() {
        let pair = event.kv().ok_or_else(broken)?;
        let revision = count(pair.mod_revision());
        if found.last().is_none_or(|(last, _)| *last != revision) {
            found.push((revision, Vec::new()));
        }
        let Some(name) = layout.name(pair.key()) else {
            continue;
        };
        // `event_type` ends the program where it is neither.
        let put = match EventType::try_from(event.0.r#type) {
            Ok(EventType::Put) => Some(value(pair)),
            Ok(EventType::Delete) => None,
            Err(_) => return Err(broken()),
        };
        if let Some((_, events)) = found.last_mut() {
            events.push(Event { name, put });
        }
    }
    Ok(found)
}
