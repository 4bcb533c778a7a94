//! Ending what has run out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::draft::Draft;
use super::keyspace::{CommitError, Keyspace};
use super::lock_delay;
use super::lookup::Lookup;
use super::timers::Item;
use crate::model::{Caller, Cause, DirMark, Key};

/// The serving clock is read at least this often.
const TICK: Duration = Duration::from_millis(250);
/// Ends written side by side, so that many at once share an fsync without crowding out clients.
const SIDE_BY_SIDE: usize = 256;
/// How long until an end that could not be written is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Ends leases, entries and lock delays when their time is up, for as long as it is polled.
pub(crate) async fn run(space: Keyspace) {
    let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    loop {
        let (due, next) = space.timers().take_due();
        for item in due {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let space = space.clone();
            tokio::spawn(async move {
                end(&space, item).await;
                drop(place);
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

async fn end(space: &Keyspace, item: Item) {
    let ended = space
        .commit_less_and_less(&Caller::System, |draft, most| {
            // Whoever set a new timer meanwhile refreshed it. Timers are set before the view moves on, so a view that
            // shows the refreshed entry is never without its timer.
            !space.timers().is_set(&item) && decide(draft, &item, most)
        })
        .await;
    let why = match ended {
        Ok(done) => {
            // Where it is none, somebody renewed, changed or deleted it meanwhile.
            if done.reply {
                space.count_expired(&item);
            }
            space.timers().settled(&item);
            return;
        }
        Err(CommitError::Refused { error, .. }) => match error {},
        Err(CommitError::Denied(denied)) => denied.to_string(),
        Err(CommitError::Failed(error)) => error.to_string(),
    };
    space.count_postponed();
    if space.timers().postpone(item, AGAIN) {
        tracing::warn!(
            why,
            "could not write the end of something that ran out; will try again until it is written"
        );
    }
}

/// Ends it if it still runs out, with so many changes as there may be; says whether it did.
fn decide(draft: &mut Draft<'_>, item: &Item, most: usize) -> bool {
    match item {
        Item::Lease(id) => {
            let ended = draft.end_lease_by(*id, most);
            draft.because(Cause::Expire);
            ended
        }
        Item::Ending(id) => draft.go_on_ending(*id, most),
        Item::Delay(key) => draft.delete(&lock_delay::record_key(key)),
        Item::Entry(key) => end_entry(draft, key),
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
