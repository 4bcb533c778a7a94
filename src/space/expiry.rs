//! Expiry: writes the end of leases, TTLs and lock delays that have run out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::attempt::Basis;
use super::deadline_record::{self, DeadlineRecord};
use super::deferred_release;
use super::draft::Draft;
use super::keyspace::{ChangeError, Keyspace};
use super::leases::ReleaseBounds;
use super::lock_delay;
use super::lookup::Lookup;
use super::timers::Timed;
use crate::model::{Caller, Cause, DirMark, Key};
use crate::store::CommitError;

/// The serving clock is read at least this often.
const TICK: Duration = Duration::from_millis(250);
/// Commits written side by side, so that many ends at once share an fsync without crowding out clients.
const MAX_CONCURRENT: usize = 64;
/// How many ends are taken up before others have their turn.
const PER_TURN: usize = 256;
/// How many lock delays end in one commit, and how many deadlines are recorded in one: no client gets an event of them.
const DELAYS_AT_ONCE: usize = 64;
/// How many entries end with one lease or directory in one commit: clients' changes are not decided meanwhile.
const ENTRIES_AT_ONCE: usize = 1_000;
/// How long until an end that could not be written is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How much of something has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Nothing: somebody renewed, changed or deleted it meanwhile.
    Nothing,
    /// It is not all written in this commit.
    Part,
    /// All of it, or all that is not noted in a record of its own.
    Whole,
}

/// Ends leases, entries and lock delays when their time is up, for as long as it is polled.
pub(crate) async fn run(space: Keyspace) {
    let permits = Arc::new(Semaphore::new(MAX_CONCURRENT));
    loop {
        let (due, next) = space.timers().take_due(PER_TURN);
        for items in commits(due) {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                return;
            };
            let space = space.clone();
            tokio::spawn(async move {
                end(&space, items).await;
                drop(permit);
            });
        }
        space.tidy();
        if next == Some(Duration::ZERO) {
            tokio::task::yield_now().await;
            continue;
        }
        let wait = next.map_or(TICK, |next| next.clamp(Duration::from_millis(1), TICK));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = space.timers().earlier() => {}
        }
    }
}

/// What is to end, by the commits it ends in: what no client gets an event of together, anything else by itself.
fn commits(due: Vec<Timed>) -> Vec<Vec<Timed>> {
    let (silent, others): (Vec<_>, Vec<_>) = due
        .into_iter()
        .partition(|item| matches!(item, Timed::Delay(_) | Timed::Unrenewed(_)));
    let mut commits: Vec<_> = others.into_iter().map(|item| vec![item]).collect();
    commits.extend(silent.chunks(DELAYS_AT_ONCE).map(<[Timed]>::to_vec));
    commits
}

async fn end(space: &Keyspace, items: Vec<Timed>) {
    let records: Vec<Key> = items.iter().map(record).collect();
    let basis = Basis::Durable(&records);
    let done = space
        .commit_in_parts(&Caller::System, basis, &mut None::<()>, |draft, most| {
            let end = |(place, item): (usize, &Timed)| {
                // Where there is a new timer by now, the item was refreshed. Timers are set before the view moves on, so a
                // view that shows the refreshed entry is never without its timer. One that is refreshed by a commit that is not
                // durable yet has no timer: hence the basis.
                if space.timers().is_set(item) {
                    Ended::Nothing
                } else if place >= most.locked {
                    Ended::Part
                } else if let Timed::Unrenewed(key) = item {
                    // Asked for inside the critical section, where entries are renewed.
                    record_deadline(draft, key, space.timers().unrenewed_left(key))
                } else {
                    decide(draft, item, most)
                }
            };
            items.iter().enumerate().map(end).collect::<Vec<_>>()
        })
        .await;
    let (why, is_unknown) = match done {
        Ok(done) => {
            for (item, ended) in items.into_iter().zip(done.reply) {
                match ended {
                    Ended::Nothing => {}
                    Ended::Part => {
                        space.timers().go_on(item);
                        continue;
                    }
                    Ended::Whole => space.count_expired(&item),
                }
                space.timers().finished(&item);
            }
            return;
        }
        Err(ChangeError::Refused { error, .. }) => match error {},
        Err(ChangeError::Denied(denied)) => (denied.to_string(), false),
        Err(ChangeError::Failed(error)) => {
            let is_unknown = matches!(error, CommitError::Unknown(_));
            (error.to_string(), is_unknown)
        }
    };
    for item in items {
        space.count_postponed();
        if space.timers().postpone(item, RETRY_AFTER, is_unknown) {
            tracing::warn!(
                why,
                "could not write the end of an expired session, TTL or lock-delay; will retry until it is written"
            );
        }
    }
}

/// The key of what says when it ends.
fn record(item: &Timed) -> Key {
    match item {
        Timed::Lease(id) => id.record_key(),
        Timed::Ending(id) => deferred_release::record_key(*id),
        Timed::Delay(key) => lock_delay::RECORDS.record_key(key),
        Timed::Entry(key) | Timed::Unrenewed(key) => key.clone(),
    }
}

/// Ends it if it still runs out, with so many changes as there may be.
fn decide(draft: &mut Draft<'_>, item: &Timed, most: ReleaseBounds) -> Ended {
    let done = match item {
        Timed::Lease(id) => {
            let done = draft.end_lease_by(*id, most);
            draft.because(Cause::Expire);
            done
        }
        Timed::Ending(id) => draft.go_on_ending(*id, most),
        Timed::Delay(key) => draft.delete(&lock_delay::RECORDS.record_key(key)),
        Timed::Entry(key) => return end_entry(draft, key, most.locked.min(ENTRIES_AT_ONCE)),
        Timed::Unrenewed(_) => false,
    };
    if done { Ended::Whole } else { Ended::Nothing }
}

/// Records when an entry ends that nobody has renewed, so that it ends then whoever serves; or removes a record that is obsolete.
fn record_deadline(draft: &mut Draft<'_>, key: &Key, left: Option<Duration>) -> Ended {
    let record_key = deadline_record::RECORDS.record_key(key);
    let recorded = draft.peek(&record_key).cloned();
    let recorded = recorded.map(|record| DeadlineRecord::read(&record));
    let entry = draft
        .peek(key)
        .filter(|entry| deadline_record::is_kept(entry));
    let wanted = entry.zip(left).map(|(entry, left)| DeadlineRecord {
        modified: entry.index(),
        at_ms: draft.deadline_in(left).at_ms,
    });
    match (recorded, wanted) {
        (Some(Some(record)), Some(wanted)) if record.modified == wanted.modified => Ended::Nothing,
        (_, Some(wanted)) => {
            let mut record = draft.continued(&record_key);
            record.value = serde_json::to_vec(&wanted).unwrap_or_default().into();
            draft.write(&record_key, Some(record));
            Ended::Whole
        }
        (Some(_), None) => {
            draft.remove(&record_key);
            Ended::Whole
        }
        (None, None) => Ended::Nothing,
    }
}

fn end_entry(draft: &mut Draft<'_>, key: &Key, most: usize) -> Ended {
    let Some(entry) = draft.get(key).cloned() else {
        return Ended::Nothing;
    };
    if entry.attrs().deadline.is_none() {
        return Ended::Nothing;
    }
    draft.because(Cause::Expire);
    let Some(path) = key.node() else {
        draft.delete(key);
        return Ended::Whole;
    };
    if entry.attrs().dir == DirMark::No {
        draft.subject(Key::user(path));
        draft.delete(key);
    } else if draft.delete_part(path, most) {
        // The directory goes last: until then it is still due, whatever happens to the gateway.
        return Ended::Part;
    } else {
        draft.subject(Key::user(path));
        draft.delete_tree(path);
    }
    Ended::Whole
}
