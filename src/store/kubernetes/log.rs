//! The entries of a namespace as a log that gateways share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::MutexGuard;
use serde_json::value::RawValue;

use super::cache::object_cache::Objects;
use super::cleanup::tasks;
use super::client::api::Api;
use super::client::error::{ApiError, INSTALL};
use super::codec::decode::read_lead;
use super::codec::name;
use super::codec::object::Object;
use super::definition::resource::VALUE_BYTES;
use super::definition::version_check;
use super::list::compare;
use super::list::reconstruct::{Listed, Suspect, loaded};
use super::send::requests;
use super::watch::stream::{self, Watch};
use crate::model::{Key, Proposal};
use crate::store::shared::Metrics;
use crate::store::shared::election::record::LeaderRecord;
use crate::store::shared::log::{Log, LogContents, LogError, LogStream, SendError};
use crate::store::shared::watch_cache::known::{Known, differing};
use crate::store::shared::write_ids::WriteId;
use crate::store::shared::write_ids::WriteIds;
use crate::store::{BoxFuture, Limits};

const LIMITS: Limits = Limits {
    value_bytes: VALUE_BYTES,
    key_bytes: 4096,
    // Several are one object, which etcd takes up to 1.5 MiB of.
    writes: 4096,
    commit_bytes: VALUE_BYTES,
};

/// How long to wait where the API server has too much to do and does not say for how long.
const TURNED_AWAY: Duration = Duration::from_secs(1);

/// How long it may take to tell the first of what happened since a time in the past.
const TELLS: Duration = Duration::from_secs(2);

/// How often a list is begun anew because it took too long to read.
const LISTS: usize = 5;

/// The entries of a namespace.
#[derive(Debug)]
pub(super) struct KubernetesLog {
    pub(super) api: Api,
    pub(super) state: Arc<State>,
}

/// What is known of the objects.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) objects: Known<Objects>,
    /// The API server leaves out what it does not know of.
    pub(super) pruned: AtomicBool,
    /// Nothing was read yet.
    first: AtomicBool,
    /// Counts how often the store there turned out to be another one.
    line: AtomicU64,
    metrics: Metrics,
}

impl State {
    /// Wakes who waits for something to be told.
    pub(super) fn told(&self, objects: MutexGuard<'_, Objects>) {
        let misfits = i64::try_from(objects.misfits.len()).unwrap_or(i64::MAX);
        self.metrics.invalid_objects.set(misfits);
        self.objects.told(objects);
    }
}

impl KubernetesLog {
    pub(super) fn new(api: Api, metrics: Metrics) -> Self {
        Self {
            api,
            state: Arc::new(State {
                first: AtomicBool::new(true),
                metrics,
                ..State::default()
            }),
        }
    }

    /// Reads what there is now, not what there was a while ago.
    pub(super) fn of_the_present(self) -> Self {
        self.state.first.store(false, Ordering::Release);
        self
    }

    /// Every object as it was a while ago: what happened since is told then, for clients that come back. `None` where
    /// that is forgotten.
    async fn list_past(&self) -> Option<(u64, Vec<Object>)> {
        let own = name::of(&LeaderRecord::key());
        let object = self.api.get(&own).await.ok()?;
        let object = Object::read(std::str::from_utf8(&object).ok()?).ok()?;
        let lead = read_lead(&object)?;
        for passed in &lead.record.past {
            let version = passed.revision.saturating_sub(lead.record.offset);
            if !self.tells_since(version).await? {
                continue;
            }
            match self.list_once(Some(version)).await {
                Ok(listed) => return Some(listed),
                Err(error) => tracing::debug!(%error, version, "this past is not to be had"),
            }
        }
        None
    }

    /// Whether the API server remembers what happened after a version: one that began later than others forgets
    /// sooner than etcd, which lists from the past are read from. `None` where it does not say. Something did happen:
    /// the lead's record came after it.
    async fn tells_since(&self, version: u64) -> Option<bool> {
        let first = async {
            let lines = self.api.watch(version).await;
            stream::begins(lines.map_err(|error| unreadable(&error))?).await
        };
        match tokio::time::timeout(TELLS, first).await.ok()? {
            Ok(()) => Some(true),
            Err(LogError::Gone) => Some(false),
            Err(_) => None,
        }
    }

    /// Every object, as of one resourceVersion.
    async fn list(&self) -> Result<(u64, Vec<Object>), ApiError> {
        let mut left = LISTS;
        loop {
            match self.list_once(None).await {
                // It is so long that what it began with is forgotten.
                Err(error) if error.status() == Some(410) && left > 1 => left -= 1,
                listed => return listed,
            }
        }
    }

    async fn list_once(&self, at: Option<u64>) -> Result<(u64, Vec<Object>), ApiError> {
        let (mut objects, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.api.list(&after, at).await?;
            for item in &page.items {
                objects.push(read(item)?);
            }
            if page.metadata.more.is_empty() {
                return Ok((page.version()?, objects));
            }
            after.clone_from(&page.metadata.more);
        }
    }

    /// What a suspect was at the fence, or `Err(())` where that is forgotten.
    async fn then(&self, suspect: &Suspect) -> Result<Result<Option<Object>, ()>, ApiError> {
        match self.api.get_at(&suspect.now.name, suspect.fence).await {
            Ok(Some(item)) => Ok(Ok(Some(read(&item)?))),
            Ok(None) => Ok(Ok(None)),
            Err(error) if error.status() == Some(410) => Ok(Err(())),
            Err(error) => Err(error),
        }
    }

    async fn load_now(&self) -> Result<LogContents, ApiError> {
        let first = self.state.first.load(Ordering::Acquire);
        let past = if first { self.list_past().await } else { None };
        let (version, list) = match past {
            Some(listed) => listed,
            None => self.list().await?,
        };
        let objects = self.take_in(version, list).await?;
        let loaded = loaded(&objects);
        if first {
            version_check::tell_if_older(&self.api).await;
        }
        self.state.first.store(false, Ordering::Release);
        let mut known = self.state.objects.lock();
        *known = objects;
        self.state.told(known);
        Ok(loaded)
    }

    async fn take_in(&self, version: u64, list: Vec<Object>) -> Result<Objects, ApiError> {
        let before = self.state.objects.lock().past();
        let mut listed = Listed::new(version, list, before);
        while let Some(suspect) = listed.suspects.pop() {
            let then = self.then(&suspect).await?;
            listed.settle(suspect, then);
        }
        Ok(listed.finish())
    }

    /// The entries as a list has them, at a version.
    pub(super) async fn listed(&self) -> Result<Objects, ApiError> {
        let (version, list) = self.list().await?;
        self.take_in(version, list).await
    }

    /// Whether the lead's record stood there, at a version that was told, as it was told. A backup that took the
    /// store's place may have been written to since, and so be ahead of what is known.
    async fn is_same(&self, version: u64) -> Result<bool, LogError> {
        let told = {
            let objects = self.state.objects.lock();
            let lead = objects.lead.as_ref();
            lead.map(|lead| (lead.uid.clone(), lead.version))
        };
        let Some(told) = told else { return Ok(true) };
        let name = name::of(&LeaderRecord::key());
        let then = self.api.get_at(&name, version).await;
        let then = then.map_err(|error| unreadable(&error))?;
        let then = then.and_then(|item| Object::read(item.get()).ok());
        Ok(then.map(|object| (object.uid, object.version)) == Some(told))
    }

    async fn follow_now(&self) -> Result<Watch, LogError> {
        let after = self.state.objects.lock().version;
        // A watch from a version that is not there yet would be silent for ever: a store that went back is not told.
        let head = self.api.head().await.map_err(|error| unreadable(&error))?;
        if head < after || !self.is_same(after).await? {
            self.state.line.fetch_add(1, Ordering::AcqRel);
            return Err(LogError::Gone);
        }
        let lines = self
            .api
            .watch(after)
            .await
            .map_err(|error| unreadable(&error))?;
        Ok(Watch::new(lines, Arc::clone(&self.state)))
    }
}

pub(super) fn read(item: &RawValue) -> Result<Object, ApiError> {
    Object::read(item.get()).map_err(|error| ApiError::Unknown(error.to_string()))
}

/// What stands in the way of reading.
fn unreadable(error: &ApiError) -> LogError {
    match error.status() {
        Some(410) => LogError::Gone,
        Some(404) => LogError::Misconfigured(format!(
            "this cluster has no entries.kubekv.io/v1: {INSTALL}"
        )),
        Some(401 | 403) => LogError::Misconfigured(error.to_string()),
        Some(429) => LogError::Busy(
            error.to_string(),
            error.retry_after().unwrap_or(TURNED_AWAY),
        ),
        _ => match error.retry_after() {
            Some(after) => LogError::Busy(error.to_string(), after),
            None => LogError::Unavailable(error.to_string()),
        },
    }
}

impl Log for KubernetesLog {
    fn incarnation(&self) -> u64 {
        self.state.line.load(Ordering::Acquire)
    }

    fn limits(&self) -> Limits {
        LIMITS
    }

    fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
        Box::pin(async move { self.load_now().await.map_err(|error| unreadable(&error)) })
    }

    fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
        Box::pin(async move {
            let watch: Box<dyn LogStream> = Box::new(self.follow_now().await?);
            Ok(watch)
        })
    }

    fn send(&self, write_id: WriteId, proposal: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(requests::proposal(self, write_id, proposal))
    }

    fn send_lead(
        &self,
        record: LeaderRecord,
        told: Option<u64>,
    ) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(requests::lead(self, record, told))
    }

    fn announce(&self, key: Key, value: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(requests::announce(self, key, value))
    }

    fn settle<'a>(&'a self, write_ids: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            // A watch that began before the definition was mended goes on as the old one has it.
            let told = |objects: &Objects| objects.lead.as_ref().is_none_or(|lead| lead.stamped);
            if self.state.pruned.load(Ordering::Acquire) || !told(&self.state.objects.lock()) {
                return Err(SendError::Refused(requests::PRUNED.to_owned()));
            }
            tasks::once(self, write_ids).await;
            Ok(())
        })
    }

    fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
        Box::pin(async move {
            differing(|| compare::once(self))
                .await
                .map_err(|error| unreadable(&error))
        })
    }

    fn unsettled(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.state.objects.unsettled())
    }
}
