//! A broken log, for tests.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::model::{Key, Proposal};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::{Log, LogContents, LogError, LogEvent, LogStream, SendError};
use crate::store::shared::write_ids::{WriteId, WriteIds};
use crate::store::{BoxFuture, Limits};

/// A log whose every watch ends as soon as it is open, and whose first comparisons fail.
#[derive(Debug, Default)]
pub(super) struct BrokenLog {
    /// The time that a watch takes to open.
    pub(super) takes: Duration,
    /// The watches opened.
    pub(super) followed: AtomicU32,
    /// The comparisons that fail before one finds no difference.
    pub(super) failing: AtomicU32,
    /// The comparisons asked for.
    pub(super) compared: AtomicU32,
}

struct Ended;

impl LogStream for Ended {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>> {
        Box::pin(async { Err(LogError::Ended) })
    }
}

fn unavailable<T: Send>() -> BoxFuture<'static, Result<T, SendError>> {
    Box::pin(async { Err(SendError::Unavailable(String::new())) })
}

impl Log for BrokenLog {
    fn limits(&self) -> Limits {
        Limits {
            value_bytes: 0,
            key_bytes: 0,
            writes: 0,
            commit_bytes: 0,
        }
    }

    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
        Box::pin(async { Ok(LogContents::default()) })
    }

    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
        Box::pin(async {
            tokio::time::sleep(self.takes).await;
            self.followed.fetch_add(1, Ordering::Relaxed);
            let stream: Box<dyn LogStream> = Box::new(Ended);
            Ok(stream)
        })
    }

    fn send(&self, _: WriteId, _: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
        unavailable()
    }

    fn send_leader(&self, _: LeaderRecord, _: Option<u64>) -> BoxFuture<'_, Result<(), SendError>> {
        unavailable()
    }

    fn announce(&self, _: Key, _: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
        unavailable()
    }

    fn clean_up<'a>(&'a self, _: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
        unavailable()
    }

    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
        self.compared.fetch_add(1, Ordering::Relaxed);
        let fails = self
            .failing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        Box::pin(async move { if fails { Err(LogError::Ended) } else { Ok(0) } })
    }

    fn cleanup_needed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}
