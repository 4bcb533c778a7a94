//! Tests of the keyspace's promises, which hold for every protocol.

#![cfg(test)]

mod accepted;
mod bound;
mod changes;
mod held_store;
mod in_flight;
mod indexes;
mod lanes;
mod lease_ends;
mod leases;
mod log_store;
mod noted;
mod renewals;
mod sequences;
mod tallies;
mod together;
mod trees;
mod ttl;
mod watches;
mod wide;
mod znodes;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kubekv::model::{Caller, Key};
use kubekv::space::{Committed, Draft, Keyspace, Lookup};
use tokio::task::JoinHandle;

/// Writes a value without condition and gives back the revision.
async fn put(space: &Keyspace, key: &str, value: &str) -> u64 {
    let key = Key::user(key);
    let value = bytes::Bytes::copy_from_slice(value.as_bytes());
    let done: Committed<()> = space
        .commit(&Caller::System, |draft| {
            let mut record = draft.successor(&key);
            record.value = value.clone();
            draft.put(&key, record);
            Ok::<_, Infallible>(())
        })
        .await
        .unwrap();
    done.revision
}

/// Makes a change that is never refused; what it answers.
async fn change<R>(space: &Keyspace, decide: impl Fn(&mut Draft<'_>) -> R) -> R {
    let decide = |draft: &mut Draft<'_>| Ok::<_, Infallible>(decide(draft));
    space.commit(&Caller::System, decide).await.unwrap().reply
}

async fn delete(space: &Keyspace, key: &str) -> u64 {
    let key = Key::user(key);
    let done = space
        .commit(&Caller::System, |draft| {
            Ok::<_, Infallible>(draft.delete(&key))
        })
        .await
        .unwrap();
    done.revision
}

/// Puts so many keys (`0`, `1`, ...) in one change that keeps something; says whether it came back.
fn keeping_put(space: &Keyspace, count: usize, kept: &Arc<()>) -> JoinHandle<bool> {
    let (space, mut kept) = (space.clone(), Some(Arc::clone(kept)));
    tokio::spawn(async move {
        let put = |draft: &mut Draft<'_>| {
            for key in (0..count).map(|number| Key::user(number.to_string())) {
                let mut record = draft.successor(&key);
                record.value = "v".into();
                draft.put(&key, record);
            }
            Ok::<_, Infallible>(())
        };
        let done = space.commit_keeping(&Caller::System, &mut kept, put).await;
        done.is_ok() && kept.is_some()
    })
}

/// The value of a key, as text.
fn get(space: &Keyspace, key: &str) -> Option<String> {
    let view = space.read(&Caller::System);
    let entry = view.get(&Key::user(key))?;
    Some(String::from_utf8(entry.value().to_vec()).unwrap())
}

/// Advances the clock as a running gateway sees it: in steps smaller than a pause.
async fn pass(time: Duration) {
    let step = Duration::from_millis(250);
    let mut left = time;
    while !left.is_zero() {
        tokio::time::advance(step.min(left)).await;
        left = left.saturating_sub(step);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}
