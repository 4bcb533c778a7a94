//! Concurrent writing of entries to the target: each is a commit of its own, as if a client had written it.

use std::collections::VecDeque;
use std::convert::Infallible;

use tokio::task::JoinSet;

use super::listing::ROOT;
use super::target::{failed, record_of};
use super::{Error, ImportProgress, Item, Listing, OnProgress, printable};
use crate::model::{Caller, Cause, Key};
use crate::space::{Draft, Keyspace, built_in_record};

/// The most writes in flight.
const MOST_IN_FLIGHT: usize = 32;

/// A write of one key.
#[derive(Debug)]
enum KeyWrite {
    Put(Vec<u8>, Item, Option<i64>),
    Delete(Vec<u8>),
}

/// Writes the `puts` of a listing and deletes the `deletes`; ends at the first write that fails.
pub(super) async fn write(
    space: &Keyspace,
    listing: &Listing,
    puts: &[Vec<u8>],
    deletes: &[Vec<u8>],
    progress: OnProgress<'_>,
) -> Result<(), Error> {
    let mut waiting: VecDeque<KeyWrite> = puts
        .iter()
        .filter_map(|key| {
            let item = listing.get(key)?;
            Some(KeyWrite::Put(
                key.clone(),
                item.clone(),
                listing.ends_ms(item),
            ))
        })
        .chain(deletes.iter().cloned().map(KeyWrite::Delete))
        .collect();
    let (of, mut done, mut bytes) = (waiting.len(), 0, 0);
    let mut in_flight = JoinSet::new();
    loop {
        while in_flight.len() < MOST_IN_FLIGHT
            && let Some(write) = waiting.pop_front()
        {
            in_flight.spawn(write_key(space.clone(), write));
        }
        let Some(ended) = in_flight.join_next().await else {
            return Ok(());
        };
        let broken = |_| Error::Store("a write ended because of a bug in kubekv".to_owned());
        bytes += ended.map_err(broken)??;
        done += 1;
        progress(ImportProgress::Writing { done, of, bytes });
    }
}

/// Makes one write; returns the bytes of value written.
async fn write_key(space: Keyspace, write: KeyWrite) -> Result<u64, Error> {
    let (name, length) = match &write {
        KeyWrite::Put(key, item, _) => (printable(key), item.value.len()),
        KeyWrite::Delete(key) => (printable(key), 0),
    };
    let decide = |draft: &mut Draft<'_>| {
        match &write {
            KeyWrite::Put(key, item, ends_ms) => {
                let key = if key == ROOT {
                    built_in_record("")
                } else {
                    Key::user(key)
                };
                let new = record_of(draft.successor(&key), item, *ends_ms);
                draft.put(&key, new);
            }
            KeyWrite::Delete(key) => {
                draft.delete(&Key::user(key));
                draft.because(Cause::Delete);
            }
        }
        Ok::<_, Infallible>(())
    };
    let done = space.commit(&Caller::Operator, decide).await;
    done.map_err(|error| failed(&name, &error))?;
    Ok(u64::try_from(length).unwrap_or(u64::MAX))
}
