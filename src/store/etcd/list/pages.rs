//! Full lists of a range of keys, page by page, all as of one revision.

use std::time::Duration;

use etcd_client::{GetOptions, GetResponse, KeyValue, SortOrder, SortTarget};

use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::connection::pool::ConnectionPool;
use crate::store::etcd::encoding::revision;
use crate::store::shared::full_list::read_again_if_compacted;
use crate::store::shared::metrics::StoreVerb;

/// Keys of one page.
const PAGE: i64 = 500;

/// The longest answer that is read: a page of the largest values.
pub(crate) const MAX_ANSWER_BYTES: usize = 1 << 30;

/// The timeout of a page, and of other reads.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Keys as of one revision.
#[derive(Debug)]
pub(crate) struct ListedKeys<T> {
    pub(crate) revision: u64,
    pub(crate) cluster: u64,
    pub(crate) keys: Vec<T>,
}

/// Reads keys that a get selects.
pub(crate) async fn get(
    pool: &ConnectionPool,
    (verb, timeout): (StoreVerb, Duration),
    key: &[u8],
    options: GetOptions,
) -> Result<GetResponse, EtcdError> {
    pool.call(verb, timeout, |client| {
        let (key, options) = (key.to_vec(), options.clone());
        let mut client = client
            .kv_client()
            .max_decoding_message_size(MAX_ANSWER_BYTES);
        async move { client.get(key, Some(options)).await }
    })
    .await
}

/// The revision and the cluster of an answer.
pub(crate) fn answered_by(answer: &GetResponse) -> Result<(u64, u64), EtcdError> {
    let header = answer.header();
    let header =
        header.ok_or_else(|| EtcdError::UnknownOutcome("an answer without a header".to_owned()))?;
    Ok((revision::from_wire(header.revision()), header.cluster_id()))
}

/// Lists a range as of a revision, or as of now where that is 0; keeps what `decode` makes of each key.
pub(crate) async fn list_at<T>(
    pool: &ConnectionPool,
    (first, end): (&[u8], &[u8]),
    at: u64,
    decode: impl Fn(&KeyValue) -> Option<T>,
) -> Result<ListedKeys<T>, EtcdError> {
    let (mut from, mut at, mut keys) = (first.to_vec(), at, Vec::new());
    loop {
        let options = GetOptions::new()
            .with_range(end.to_vec())
            .with_limit(PAGE)
            .with_sort(SortTarget::Key, SortOrder::Ascend)
            .with_revision(revision::to_wire(at));
        let page = get(pool, (StoreVerb::List, READ_TIMEOUT), &from, options).await?;
        let (head, cluster) = answered_by(&page)?;
        // The other pages are as of the revision of the first.
        if at == 0 {
            at = head;
        }
        keys.extend(page.kvs().iter().filter_map(&decode));
        match page.kvs().last() {
            Some(last) if page.more() => {
                from = last.key().to_vec();
                from.push(0);
            }
            _ => {
                return Ok(ListedKeys {
                    revision: at,
                    cluster,
                    keys,
                });
            }
        }
    }
}

/// Lists a range as of now, however long that takes.
pub(crate) async fn list_now<T>(
    pool: &ConnectionPool,
    range: (&[u8], &[u8]),
    decode: impl Fn(&KeyValue) -> Option<T>,
) -> Result<ListedKeys<T>, EtcdError> {
    read_again_if_compacted(
        || list_at(pool, range, 0, &decode),
        |error| matches!(error, EtcdError::Compacted),
    )
    .await
}
