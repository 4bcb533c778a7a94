//! Transaction of etcd: what it compares, and what it does if all of that holds.

use std::time::Duration;

use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp, TxnResponse};
use tokio::time::Instant;

use super::nesting;
use crate::model::{Key, Write};
use crate::store::etcd::cache::key_cache::{KeyCache, TermFence};
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::encoding::records::{AttributesRecord, to_json};
use crate::store::etcd::encoding::revision;
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::log::SendError;
use crate::store::shared::metrics::StoreVerb;

/// The timeout of an answer. A member may pass a write on to an etcd leader that is gone, and says only after 7 s that the
/// outcome is unknown; the fence of kubekv's next term decides it sooner.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a write is held that no member takes, because they have no leader or cannot be reached: as Consul holds
/// (`rpc_hold_timeout`).
const HOLD_TIMEOUT: Duration = Duration::from_secs(7);

/// How long until such a write is tried again.
const HOLD_INTERVAL: Duration = Duration::from_millis(50);

/// The compares and operations of a transaction.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(super) compares: Vec<Compare>,
    pub(super) operations: Vec<TxnOp>,
}

impl Transaction {
    /// A transaction that takes effect only while no other gateway has taken leadership.
    pub(crate) fn fenced(layout: &Layout, fence: TermFence) -> Self {
        let mut transaction = Self::default();
        transaction.require_revision(layout.term(), fence.modified);
        transaction
    }

    pub(crate) fn require_revision(&mut self, key: Vec<u8>, modified: u64) {
        let at = revision::to_wire(modified);
        let compare = Compare::mod_revision(key, CompareOp::Equal, at);
        self.compares.push(compare);
    }

    pub(crate) fn require_absent(&mut self, key: Vec<u8>) {
        let compare = Compare::create_revision(key, CompareOp::Equal, 0);
        self.compares.push(compare);
    }

    /// Compares that a key is as the cache has it.
    pub(super) fn require_cached(&mut self, cache: &KeyCache, layout: &Layout, key: &Key) {
        match cache.value(key) {
            Some(value) => self.require_revision(layout.value(key), value.modified),
            None => self.require_absent(layout.value(key)),
        }
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: impl Into<Vec<u8>>) {
        self.operations.push(TxnOp::put(key, value, None));
    }

    /// Writes a value as it is, so that new attributes can belong to it.
    fn touch(&mut self, key: Vec<u8>) {
        let options = PutOptions::new().with_ignore_value();
        let touch = TxnOp::put(key, Vec::new(), Some(options));
        self.operations.push(touch);
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.operations.push(TxnOp::delete(key, None));
    }

    /// Puts or deletes an entry: its value, and its attributes, which are the write's and these.
    pub(super) fn write(
        &mut self,
        layout: &Layout,
        (key, write): (&Key, &Write),
        attributes: AttributesRecord,
    ) -> Result<(), SendError> {
        let at = layout.value(key);
        let Some(record) = &write.put else {
            self.delete(at);
            self.delete(layout.attributes(key));
            return Ok(());
        };
        if keeps_value(write) {
            self.touch(at);
        } else {
            self.put(at, record.value.to_vec());
        }
        let attributes = AttributesRecord {
            attrs: record.attrs.clone(),
            ..attributes
        };
        self.put(layout.attributes(key), to_json(&attributes)?);
        Ok(())
    }

    /// Creates an in-order entry under its temporary name.
    pub(super) fn create_in_order(
        &mut self,
        layout: &Layout,
        name: &str,
        write: &Write,
        attributes: AttributesRecord,
    ) -> Result<(), SendError> {
        let record = write.put.clone().unwrap_or_default();
        self.require_absent(layout.temporary_value(name));
        self.put(layout.temporary_value(name), record.value.to_vec());
        let attributes = AttributesRecord {
            attrs: record.attrs,
            ..attributes
        };
        self.put(layout.temporary_attributes(name), to_json(&attributes)?);
        Ok(())
    }

    pub(super) fn into_txn(self) -> Txn {
        let operations = nesting::nest(self.compares.len(), self.operations);
        Txn::new().when(self.compares).and_then(operations)
    }

    /// Sends it once; says whether it took effect.
    pub(crate) async fn send(self, prefix: &Prefix) -> Result<bool, SendError> {
        Ok(send(prefix, &self.into_txn()).await?.succeeded())
    }

    /// Sends it once, after it waited for a member that takes it: no longer than one waits that has waited `since` then.
    pub(super) async fn hold_and_send(
        self,
        prefix: &Prefix,
        since: Option<Instant>,
    ) -> Result<TxnResponse, EtcdError> {
        let until = since.unwrap_or_else(Instant::now) + HOLD_TIMEOUT;
        let txn = self.into_txn();
        loop {
            match send(prefix, &txn).await {
                Err(EtcdError::NotSent(_)) if Instant::now() < until => {
                    tokio::time::sleep(HOLD_INTERVAL).await;
                }
                sent => return sent,
            }
        }
    }
}

/// Whether a write leaves the value as it is.
pub(super) fn keeps_value(write: &Write) -> bool {
    let before = write.before.as_ref();
    let put = write.put.as_ref();
    before.is_some_and(|before| put.is_some_and(|put| *before.value() == put.value))
}

async fn send(prefix: &Prefix, txn: &Txn) -> Result<TxnResponse, EtcdError> {
    let sent = prefix
        .pool
        .call(StoreVerb::Replace, WRITE_TIMEOUT, |client| {
            let (txn, mut client) = (txn.clone(), client.kv_client());
            async move { client.txn(txn).await }
        });
    sent.await
}
