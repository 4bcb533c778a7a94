//! Writing what differs, many entries side by side: each is a commit of its own, as if a client had written it.

use std::collections::VecDeque;
use std::convert::Infallible;

use tokio::task::JoinSet;

use super::target::{failed, record};
use super::{Error, Item, Listing, Step, Tell, shown};
use crate::model::{Caller, Cause, Key};
use crate::space::{Draft, Keyspace};

/// How many are on their way at a time.
const LANES: usize = 32;

/// What is to be done with a key.
#[derive(Debug)]
enum Job {
    Put(Vec<u8>, Item, Option<i64>),
    Delete(Vec<u8>),
}

/// Writes these keys of a listing and deletes those; ends at the first that fails.
pub(super) async fn write(
    space: &Keyspace,
    listing: &Listing,
    puts: &[Vec<u8>],
    deletes: &[Vec<u8>],
    tell: Tell<'_>,
) -> Result<(), Error> {
    let mut jobs: VecDeque<Job> = puts
        .iter()
        .filter_map(|key| {
            let item = listing.items.get(key)?;
            Some(Job::Put(key.clone(), item.clone(), listing.ends_ms(item)))
        })
        .chain(deletes.iter().cloned().map(Job::Delete))
        .collect();
    let (of, mut done, mut bytes) = (jobs.len(), 0, 0);
    let mut lanes = JoinSet::new();
    loop {
        while lanes.len() < LANES
            && let Some(job) = jobs.pop_front()
        {
            lanes.spawn(one(space.clone(), job));
        }
        let Some(ended) = lanes.join_next().await else {
            return Ok(());
        };
        let broken = |_| Error::Store("a write ended by a mistake in this program".to_owned());
        bytes += ended.map_err(broken)??;
        done += 1;
        tell(Step::Writes { done, of, bytes });
    }
}

/// Does one; says how many bytes of value it wrote.
async fn one(space: Keyspace, job: Job) -> Result<u64, Error> {
    let (name, length) = match &job {
        Job::Put(key, item, _) => (shown(key), item.value.len()),
        Job::Delete(key) => (shown(key), 0),
    };
    let decide = |draft: &mut Draft<'_>| {
        match &job {
            Job::Put(key, item, ends_ms) => {
                let key = Key::user(key);
                let new = record(draft.successor(&key), item, *ends_ms);
                draft.put(&key, new);
            }
            Job::Delete(key) => {
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
