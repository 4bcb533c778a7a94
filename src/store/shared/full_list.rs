//! Full lists of a log: reading one that compaction may overtake, and comparing one with the cache.

use std::collections::BTreeSet;
use std::fmt::Debug;

use crate::store::shared::log::LogError;

/// How often a list is read before it is given up.
const ATTEMPTS: usize = 5;

/// Reads a full list; again from its beginning where the revision it began with was compacted before its end.
pub(crate) async fn read_again_if_compacted<T, E, F>(
    list: impl Fn() -> F,
    is_compacted: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut left = ATTEMPTS;
    loop {
        match list().await {
            Err(error) if is_compacted(&error) && left > 1 => left -= 1,
            listed => return listed,
        }
    }
}

/// Counts the entries that differ from a full list two times in a row: one that differs once may just have changed.
///
/// `once` finds the entries that differ, or `None` if the watch did not reach the list in time.
pub(crate) async fn differing_twice<K, E, F>(once: impl Fn() -> F) -> Result<usize, LogError>
where
    K: Ord + Debug,
    E: Into<LogError>,
    F: Future<Output = Result<Option<BTreeSet<K>>, E>>,
{
    let once = async || {
        let found = once().await.map_err(Into::into)?;
        found.ok_or_else(|| LogError::Unavailable("the watch lags behind a full list".to_owned()))
    };
    let first = once().await?;
    if first.is_empty() {
        return Ok(0);
    }
    let second = once().await?;
    let differing: Vec<_> = first.intersection(&second).collect();
    tracing::debug!(?differing, "entries differ from a full list");
    Ok(differing.len())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn read(failures: usize, is_compacted: bool) -> (Result<(), ()>, usize) {
        let reads = Cell::new(0);
        let list = || {
            reads.set(reads.get() + 1);
            let read = reads.get();
            async move { if read > failures { Ok(()) } else { Err(()) } }
        };
        let listed = read_again_if_compacted(list, |()| is_compacted).await;
        (listed, reads.get())
    }

    #[tokio::test]
    async fn only_compaction_makes_a_list_begin_again_and_not_for_ever() {
        assert_eq!(read(4, true).await, (Ok(()), 5));
        assert_eq!(read(5, true).await, (Err(()), 5));
        assert_eq!(read(1, false).await, (Err(()), 1));
    }
}
