//! Expiry: writes the end of leases, TTLs and lock delays that have run out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::attempt::Basis;
use super::draft::Draft;
use super::keyspace::{ChangeError, Keyspace};
use super::lock_delay;
use super::lookup::Lookup;
use super::timers::Timed;
use crate::model::{Caller, Cause, DirMark, Key};

/// The serving clock is read at least this often.
const TICK: Duration = Duration::from_millis(250);
/// Ends written side by side, so that many at once share an fsync without crowding out clients.
const MAX_CONCURRENT: usize = 256;
/// How long until an end that could not be written is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Ends leases, entries and lock delays when their time is up, for as long as it is polled.
pub(crate) async fn run(space: Keyspace) {
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT));
    loop {
        let (due, next) = space.timers().take_due();
        for item in due {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            let space = space.clone();
            tokio::spawn(async move {
                end(&space, item).await;
                drop(permit);
            });
        }
        space.tidy();
        let wait = next.map_or(TICK, |next| next.clamp(Duration::from_millis(1), TICK));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = space.timers().earlier() => {}
        }
    }
}

async fn end(space: &Keyspace, item: Timed) {
    let done = space
        .commit_in_parts(&Caller::System, Basis::Durable, |draft, most| {
            // Where there is a new timer by now, the item was refreshed. Timers are set before the view moves on, so a view that
            // shows the refreshed entry is never without its timer. One that is refreshed by a commit that is not durable yet
            // has no timer: hence the basis.
            !space.timers().is_set(&item) && decide(draft, &item, most)
        })
        .await;
    let why = match done {
        Ok(done) => {
            // Where it is none, somebody renewed, changed or deleted it meanwhile.
            if done.reply {
                space.count_expired(&item);
            }
            space.timers().finished(&item);
            return;
        }
        Err(ChangeError::Refused { error, .. }) => match error {},
        Err(ChangeError::Denied(denied)) => denied.to_string(),
        Err(ChangeError::Failed(error)) => error.to_string(),
    };
    space.count_postponed();
    if space.timers().postpone(item, RETRY_AFTER) {
        tracing::warn!(
            why,
            "could not write the end of something that ran out; will try again until it is written"
        );
    }
}

/// Ends it if it still runs out, with so many changes as there may be; says whether it did.
fn decide(draft: &mut Draft<'_>, item: &Timed, most: usize) -> bool {
    match item {
        Timed::Lease(id) => {
            let done = draft.end_lease_by(*id, most);
            draft.because(Cause::Expire);
            done
        }
        Timed::Ending(id) => draft.go_on_ending(*id, most),
        Timed::Delay(key) => draft.delete(&lock_delay::record_key(key)),
        Timed::Entry(key) => end_entry(draft, key),
    }
}

fn end_entry(draft: &mut Draft<'_>, key: &Key) -> bool {
    let Some(entry) = draft.get(key).cloned() else {
        return false;
    };
    if entry.attrs().deadline.is_none() {
        return false;
    }
    draft.because(Cause::Expire);
    let Some(path) = key.node() else {
        return draft.delete(key);
    };
    draft.subject(Key::user(path));
    if entry.attrs().dir == DirMark::No {
        draft.delete(key)
    } else {
        draft.delete_tree(path);
        true
    }
}
