//! Ending what has run out.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::delay;
use super::draft::Draft;
use super::keyspace::{CommitError, Keyspace};
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
    let decide = |draft: &mut Draft<'_>| -> Result<bool, Infallible> {
        // Whoever set a new timer meanwhile refreshed it. Timers are set before the view moves on, so a view that
        // shows the refreshed entry is never without its timer.
        Ok(!space.timers().is_set(&item) && decide(draft, &item))
    };
    let ended = space.commit(&Caller::System, decide).await;
    match ended {
        Ok(done) if done.reply => space.count_expired(&item),
        // Somebody renewed, changed or deleted it meanwhile.
        Ok(_) | Err(CommitError::Refused { .. } | CommitError::Denied(_)) => {}
        Err(CommitError::Failed(error)) => {
            tracing::warn!(%error, "could not write the end of something that ran out; will try again");
            space.timers().postpone(item, AGAIN);
        }
    }
}

/// Ends it if it still runs out; says whether it did.
fn decide(draft: &mut Draft<'_>, item: &Item) -> bool {
    match item {
        Item::Lease(id) => {
            let ended = draft.end_lease(*id);
            draft.because(Cause::Expire);
            ended
        }
        Item::Delay(key) => draft.delete(&delay::record_key(key)),
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
