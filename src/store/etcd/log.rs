//! The keys under a prefix of etcd as a log that gateways share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcd_client::WatchOptions;
use tokio::time::Instant;

use super::connection_pool::{ConnectionPool, PooledConnection};
use super::failure::Failure;
use super::known::Known;
use super::layout::{Layout, Name};
use super::load::{LONGEST, revision};
use super::tail::{Watch, refused};
use super::{compare, send, settle};
use crate::model::{Key, Proposal};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::{Log, LogContents, LogError, LogStream, SendError};
use crate::store::shared::metrics::Verb;
use crate::store::shared::watched_state as shared;
use crate::store::shared::write_ids::WriteId;
use crate::store::shared::write_ids::WriteIds;
use crate::store::{BoxFuture, Limits};

/// What etcd takes in one request (`--max-request-bytes`, 1.5 MiB), less what goes with a value.
const REQUEST_BYTES: usize = (1536 - 32) << 10;

const LIMITS: Limits = Limits {
    value_bytes: REQUEST_BYTES,
    key_bytes: 4096,
    // Two operations each, where they are not deletions of neighbours: see `bulk`.
    writes: 2_000,
    commit_bytes: REQUEST_BYTES,
};

/// How long a watch may take to begin.
const BEGIN: Duration = Duration::from_secs(5);

/// How long most members may take to say that nobody else leads: somebody waits.
const CONFIRM: Duration = Duration::from_secs(1);

/// The keys under a prefix.
#[derive(Debug)]
pub(super) struct EtcdLog {
    pub(super) links: Arc<ConnectionPool>,
    pub(super) layout: Layout,
    pub(super) state: Arc<State>,
}

/// What is known of them.
#[derive(Debug)]
pub(super) struct State {
    pub(super) known: shared::WatchedState<Known>,
    /// Nothing was read yet.
    pub(super) first: AtomicBool,
    /// Counts how often the etcd there was turned out to be another one.
    pub(super) line: AtomicU64,
}

impl EtcdLog {
    pub(super) fn new(links: Arc<ConnectionPool>, layout: Layout) -> Self {
        Self {
            links,
            layout,
            state: Arc::new(State {
                known: shared::WatchedState::default(),
                first: AtomicBool::new(true),
                line: AtomicU64::new(0),
            }),
        }
    }

    /// Reads what there is now, not what there was a while ago.
    pub(super) fn of_the_present(self) -> Self {
        self.state.first.store(false, Ordering::Release);
        self
    }

    /// Whether etcd is still the one that was read: a backup may have taken its place, with the same members.
    async fn is_same(&self, version: u64) -> Result<bool, Failure> {
        let (name, last, lead, same) = {
            let known = self.state.known.lock();
            let (name, last) = known.last.clone().unwrap_or((Name::Commit, None));
            let lead = known.lead.as_ref();
            let lead = lead.map(|lead| (lead.modified, lead.bytes.clone()));
            (name, last, lead, known.cluster)
        };
        let (first, second) = (self.layout.lead(), self.layout.key(&name));
        let read = tokio::try_join!(self.get(&first, version), self.get(&second, version));
        let ((first, head, cluster), (second, ..)) = match read {
            Err(Failure::Future) => return Ok(false),
            read => read?,
        };
        let now = [first, second].map(|value| value.map(|value| (value.modified, value.bytes)));
        Ok(head >= version && cluster == same && now == [lead, last])
    }

    /// Whether most members have the lead's record as it was told at an index.
    async fn is_lead_as_told(&self, told: u64) -> Result<bool, Failure> {
        let (lead, _, cluster) = self.get_within(CONFIRM, &self.layout.lead(), 0).await?;
        let known = self.state.known.lock();
        let index = lead.map(|lead| lead.modified + known.offset);
        Ok(cluster == known.cluster && index == Some(told))
    }

    async fn follow_now(&self) -> Result<Watch, LogError> {
        let version = self.state.known.lock().version;
        let mut connection = PooledConnection::new(&self.links).await?;
        // A watch from a revision that is not there yet would be silent for ever.
        if !self.is_same(version).await? {
            self.state.line.fetch_add(1, Ordering::AcqRel);
            connection.keep();
            return Err(LogError::Gone);
        }
        let (from, end) = self.layout.range();
        let options = WatchOptions::new()
            .with_range(end)
            .with_start_revision(revision(version + 1))
            .with_progress_notify();
        let client = connection.link.client.watch_client();
        let mut client = client.max_decoding_message_size(LONGEST);
        let begin = async {
            let mut stream = client.watch(from, Some(options)).await?;
            let first = stream.message().await?;
            Ok((stream, first))
        };
        let from = Instant::now();
        let begun = tokio::time::timeout(BEGIN, begin).await;
        self.links.count(Verb::Watch, from, &begun);
        let begun = match begun {
            Ok(begun) => begun.map_err(|error| Failure::of(&error)),
            Err(_) => Err(Failure::Unknown("the watch does not begin".to_owned())),
        };
        let (stream, first) = match begun {
            Ok((stream, Some(first))) => (stream, first),
            Ok((_, None)) => return Err(LogError::Ended),
            Err(failure) => return Err(failure.into()),
        };
        refused(&first)?;
        let state = Arc::clone(&self.state);
        Ok(Watch::new(stream, connection, self.layout.clone(), state))
    }
}

impl Log for EtcdLog {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn incarnation(&self) -> u64 {
        self.state.line.load(Ordering::Acquire)
    }

    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
        Box::pin(async move { Ok(self.load_now().await?) })
    }

    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
        Box::pin(async move {
            let watch: Box<dyn LogStream> = Box::new(self.follow_now().await?);
            Ok(watch)
        })
    }

    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(send::proposal(self, write_id, proposal))
    }

    fn send_leader(
        &self,
        record: LeaderRecord,
        told: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(send::lead(self, record, told))
    }

    fn confirm_leader(&self, told: u64) -> BoxFuture<'_, Result<bool, LogError>> {
        Box::pin(async move { Ok(self.is_lead_as_told(told).await?) })
    }

    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(send::announce(self, key, value))
    }

    fn clean_up<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            settle::once(self, write_ids).await;
            Ok(())
        })
    }

    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
        Box::pin(async move { Ok(shared::differing_twice(|| compare::once(self)).await?) })
    }

    fn cleanup_needed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.state.known.cleanup_needed())
    }
}
