//! Reading all there is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use etcd_client::{GetOptions, GetResponse, KeyValue, SortOrder, SortTarget};

use super::failure::Failure;
use super::known::Known;
use super::layout::Name;
use super::log::EtcdLog;
use super::records::Value;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::LogContents;
use crate::store::shared::metrics::Verb;

/// Keys of one page.
pub(super) const PAGE: i64 = 500;

/// The longest answer that is read: a page of the largest values.
pub(super) const LONGEST: usize = 1 << 30;

/// How long a page may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How often reading is begun anew because what it began with was compacted meanwhile.
pub(super) const TRIES: usize = 5;

/// A number of etcd's, none of which is ever below 0.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A revision as etcd takes it.
pub(super) fn revision(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn value(pair: &KeyValue) -> Value {
    Value {
        bytes: Bytes::copy_from_slice(pair.value()),
        version: count(pair.version()),
        created: count(pair.create_revision()),
        modified: count(pair.mod_revision()),
    }
}

/// The revision and the cluster an answer was given at.
pub(super) fn place(answer: &GetResponse) -> Result<(u64, u64), Failure> {
    let header = answer.header();
    let header = header.ok_or_else(|| Failure::Unknown("an answer without a header".to_owned()))?;
    Ok((count(header.revision()), header.cluster_id()))
}

impl EtcdLog {
    /// One key as it is now, or was at a revision; with it the revision and the cluster of the answer.
    pub(super) async fn get(
        &self,
        key: &[u8],
        at: u64,
    ) -> Result<(Option<Value>, u64, u64), Failure> {
        self.get_within(PATIENCE, key, at).await
    }

    pub(super) async fn get_within(
        &self,
        patience: Duration,
        key: &[u8],
        at: u64,
    ) -> Result<(Option<Value>, u64, u64), Failure> {
        let options = GetOptions::new().with_revision(revision(at));
        let answer = self.range((Verb::Get, patience), key, options).await?;
        let (head, cluster) = place(&answer)?;
        Ok((answer.kvs().first().map(value), head, cluster))
    }

    async fn range(
        &self,
        (verb, patience): (Verb, Duration),
        key: &[u8],
        options: GetOptions,
    ) -> Result<GetResponse, Failure> {
        self.links
            .call(verb, patience, |client| {
                let (key, options) = (key.to_vec(), options.clone());
                let mut client = client.kv_client().max_decoding_message_size(LONGEST);
                async move { client.get(key, Some(options)).await }
            })
            .await
    }

    /// Every key under the prefix, as of one revision: now, or one of the past.
    async fn list(&self, at: u64) -> Result<(u64, u64, Vec<(Name, Value)>), Failure> {
        let (mut from, end) = self.layout.range();
        let (mut all, mut fixed) = (Vec::new(), at);
        loop {
            let options = GetOptions::new()
                .with_range(end.clone())
                .with_limit(PAGE)
                .with_sort(SortTarget::Key, SortOrder::Ascend)
                .with_revision(revision(fixed));
            let page = self.range((Verb::List, PATIENCE), &from, options).await?;
            let (head, cluster) = place(&page)?;
            if fixed == 0 {
                fixed = head;
            }
            for pair in page.kvs() {
                if let Some(name) = self.layout.name(pair.key()) {
                    all.push((name, value(pair)));
                }
            }
            match page.kvs().last() {
                Some(last) if page.more() => {
                    from = last.key().to_vec();
                    from.push(0);
                }
                _ => return Ok((fixed, cluster, all)),
            }
        }
    }

    /// Everything as it was a while ago: what happened since is told then, for clients that come back. `None` where that
    /// is forgotten.
    async fn list_past(&self) -> Option<(u64, u64, Vec<(Name, Value)>)> {
        let (lead, _, _) = self.get(&self.layout.lead(), 0).await.ok()?;
        let lead: LeaderRecord = serde_json::from_slice(&lead?.bytes).ok()?;
        for passed in &lead.past {
            let version = passed
                .revision
                .checked_sub(lead.offset)
                .filter(|at| *at > 0)?;
            match self.list(version).await {
                Ok(listed) => return Some(listed),
                Err(failure) => tracing::debug!(%failure, version, "this past is not to be had"),
            }
        }
        None
    }

    pub(super) async fn load_now(&self) -> Result<LogContents, Failure> {
        let first = self.state.first.swap(false, Ordering::AcqRel);
        if first {
            self.look_at_version().await;
        }
        let past = if first { self.list_past().await } else { None };
        let (version, cluster, all) = match past {
            Some(listed) => listed,
            None => self.list_now().await?,
        };
        let (known, loaded) = Known::load(cluster, version, all);
        let mut now = self.state.known.lock();
        if now.cluster != 0 && now.cluster != cluster {
            self.state.line.fetch_add(1, Ordering::AcqRel);
        }
        *now = known;
        self.state.known.publish(now);
        Ok(loaded)
    }

    pub(super) async fn list_now(&self) -> Result<(u64, u64, Vec<(Name, Value)>), Failure> {
        let mut left = TRIES;
        loop {
            match self.list(0).await {
                Err(Failure::Compacted) if left > 1 => left -= 1,
                listed => return listed,
            }
        }
    }

    async fn look_at_version(&self) {
        let status = self.links.call(Verb::Get, PATIENCE, |client| {
            let mut client = client.maintenance_client();
            async move { client.status().await }
        });
        match status.await {
            Ok(status) => {
                tracing::info!(version = status.version(), "etcd");
                if let Some(line) = super::version::complaint(status.version()) {
                    tracing::warn!("{line}");
                }
            }
            Err(failure) => tracing::warn!(%failure, "etcd does not tell its version"),
        }
    }
}
