//! `Place`: a key in the queue of a lock.

use etcd_client::{
    Compare, CompareOp, GetOptions, KeyValue, KvClient, PutOptions, ResponseHeader, SortOrder,
    SortTarget, Txn, TxnOp, TxnOpResponse, TxnResponse,
};

use crate::bench::client::Failure;

/// A key in the queue. It is given up when the wait ends early: others would wait for it as long as the lease lasts.
pub(super) struct Place {
    kv: KvClient,
    key: String,
    is_kept: bool,
}

impl Place {
    /// A place, to be taken by [`Self::queue`]. Unlike that of etcd's own library its name has the number of the attempt:
    /// the deletion of one that was given up must not meet the next.
    pub(super) fn new(kv: KvClient, prefix: &str, lease: i64, attempt: u64) -> Self {
        Self {
            kv,
            key: format!("{prefix}{lease:x}-{attempt}"),
            is_kept: false,
        }
    }

    /// Takes the place; answers with the first place, too.
    pub(super) async fn queue(
        &mut self,
        prefix: &str,
        lease: i64,
    ) -> Result<TxnResponse, etcd_client::Error> {
        let put = PutOptions::new().with_lease(lease);
        let oldest = GetOptions::new()
            .with_prefix()
            .with_sort(SortTarget::Create, SortOrder::Ascend)
            .with_limit(1);
        let first = TxnOp::get(prefix, Some(oldest));
        let key = self.key.as_str();
        let transaction = Txn::new()
            .when([Compare::create_revision(key, CompareOp::Equal, 0)])
            .and_then([TxnOp::put(key, "", Some(put)), first.clone()])
            .or_else([TxnOp::get(key, None), first]);
        self.kv.txn(transaction).await
    }

    /// Keeps the place: whoever has it gives it up.
    pub(super) fn keep(mut self) -> String {
        self.is_kept = true;
        std::mem::take(&mut self.key)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (mut kv, key) = (self.kv.clone(), std::mem::take(&mut self.key));
        // Where it fails, the end of the lease gives the place up.
        tokio::spawn(async move { kv.delete(key, None).await });
    }
}

/// The revision of the place that was taken, and whether it is the first.
pub(super) fn position(queued: &TxnResponse) -> Result<(i64, bool), Failure> {
    let bad = || Failure::BadAnswer("a place in the queue without a revision".to_owned());
    let mut answers = queued.op_responses().into_iter();
    let own = match answers.next() {
        Some(TxnOpResponse::Put(_)) => queued.header().map(ResponseHeader::revision),
        Some(TxnOpResponse::Get(found)) => found.kvs().first().map(KeyValue::create_revision),
        Some(TxnOpResponse::Delete(_) | TxnOpResponse::Txn(_)) | None => None,
    };
    let own = own.ok_or_else(bad)?;
    let Some(TxnOpResponse::Get(first)) = answers.next() else {
        return Err(bad());
    };
    let first = first.kvs().first().map(KeyValue::create_revision);
    Ok((own, first.is_none_or(|first| first == own)))
}
