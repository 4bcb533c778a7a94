//! Watch stream of the prefix: each revision is applied to the key cache and turned into log events.

use std::sync::Arc;

use etcd_client::{EventType, WatchResponse, WatchStream};

use crate::store::BoxFuture;
use crate::store::etcd::cache::apply::KeyEvent;
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::connection::pool::PooledConnection;
use crate::store::etcd::encoding::entry::StoredValue;
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::encoding::revision;
use crate::store::shared::log::{LogError, LogEvent, LogStream};
use crate::store::shared::watched_state::WatchedState;

/// A watch of the whole prefix.
pub(crate) struct PrefixWatch {
    stream: WatchStream,
    pooled: PooledConnection,
    layout: Layout,
    cache: Arc<WatchedState<KeyCache>>,
}

impl PrefixWatch {
    /// A watch that etcd has begun.
    pub(super) fn new(
        stream: WatchStream,
        pooled: PooledConnection,
        layout: Layout,
        cache: Arc<WatchedState<KeyCache>>,
    ) -> Self {
        Self {
            stream,
            pooled,
            layout,
            cache,
        }
    }

    async fn read(&mut self) -> Result<Vec<LogEvent>, LogError> {
        let received = tokio::select! {
            received = self.stream.message() => received,
            // A request found that the connection does not work any more, or the certificates have changed.
            () = self.pooled.connection.left() => return Err(LogError::Ended),
        };
        match received {
            Ok(Some(response)) => self.apply(&response),
            Ok(None) => Err(LogError::Ended),
            Err(error) => {
                let error = EtcdError::of(&error);
                tracing::debug!(%error, "the watch broke");
                self.pooled.connection.leave();
                Err(LogError::Ended)
            }
        }
    }

    fn apply(&self, response: &WatchResponse) -> Result<Vec<LogEvent>, LogError> {
        check_refusal(response)?;
        let revisions = decode(&self.layout, response)?;
        let mut cache = self.cache.lock();
        let mut events = Vec::new();
        for (revision, key_events) in revisions {
            if revision <= cache.revision {
                // A revision that came in two parts, or twice: the cache may not be what etcd has.
                tracing::error!(
                    revision,
                    "etcd's watch delivered a revision twice or in parts: all entries are read again, and clients' \
                     watches resume after that"
                );
                return Err(LogError::Gone);
            }
            events.extend(cache.apply(revision, key_events));
        }
        if response.events().is_empty() && !response.created() {
            let header = response.header();
            let head = header.map_or(0, |header| revision::from_wire(header.revision()));
            cache.revision = cache.revision.max(head);
        }
        // A commit need not be in the last place of its transaction, and a write may wait for what comes up to there.
        events.push(LogEvent::Progress(cache.index()));
        // Of a newer gateway nothing is served: listing says why.
        let newer = cache.leader.as_ref().and_then(|leader| leader.newer);
        let is_numbered_anew = newer.is_some() || cache.is_numbered_anew();
        self.cache.publish(cache);
        if is_numbered_anew {
            // Every index is another one now.
            return Err(LogError::Gone);
        }
        Ok(events)
    }
}

impl LogStream for PrefixWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>> {
        Box::pin(async move {
            let events = self.read().await;
            if events.is_err() {
                self.pooled.keep();
            }
            events
        })
    }
}

/// Fails where etcd refuses the watch, or has ended it.
pub(super) fn check_refusal(response: &WatchResponse) -> Result<(), LogError> {
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

/// The events of a response, by revision.
fn decode(
    layout: &Layout,
    response: &WatchResponse,
) -> Result<Vec<(u64, Vec<KeyEvent>)>, LogError> {
    let unknown =
        || LogError::Unavailable("etcd's watch sent an event of an unknown kind".to_owned());
    let mut revisions: Vec<(u64, Vec<KeyEvent>)> = Vec::new();
    for event in response.events() {
        let pair = event.kv().ok_or_else(unknown)?;
        let revision = revision::from_wire(pair.mod_revision());
        if revisions.last().is_none_or(|(last, _)| *last != revision) {
            revisions.push((revision, Vec::new()));
        }
        let Some(key) = layout.decode(pair.key()) else {
            continue;
        };
        // `event_type` panics where it is neither.
        let put = match EventType::try_from(event.0.r#type) {
            Ok(EventType::Put) => Some(StoredValue::of(pair)),
            Ok(EventType::Delete) => None,
            Err(_) => return Err(unknown()),
        };
        if let Some((_, events)) = revisions.last_mut() {
            events.push(KeyEvent { key, put });
        }
    }
    Ok(revisions)
}
