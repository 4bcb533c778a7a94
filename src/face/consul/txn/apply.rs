//! Doing what a transaction asks.

use std::sync::Arc;

use super::super::go::quote;
use super::super::kv::write::{self, Locked};
use super::super::refused::PERMISSION_DENIED;
use super::super::session::{self, SessionId};
use super::parse::Op;
use super::reply::{Failure, Shown};
use crate::model::{Entry, KeyRange};
use crate::space::{Draft, LeaseRight, Lookup, PENDING, View};

/// Does every operation of a transaction that reads alone.
pub(super) fn read_all(view: &View, ops: &[Op]) -> Result<Vec<Shown>, Vec<Failure>> {
    each(ops, |op| {
        without_key(op)?;
        permitted(op.verb == "get-tree" || view.sees(&op.key))
    })?;
    let mut shown = Vec::new();
    each(ops, |op| {
        shown.extend(read(view, op, view.revision())?);
        Ok(())
    })?;
    Ok(shown)
}

/// Does every operation of a transaction. Where one fails the others are tried too, so that every failure is told;
/// then nothing is written.
pub(super) fn write_all(draft: &mut Draft<'_>, ops: &[Op]) -> Result<Vec<Shown>, Vec<Failure>> {
    each(ops, |op| {
        without_key(op)?;
        permitted(may(draft, op))?;
        if op.verb == "lock" && draft.is_delayed(&op.key) {
            let key = quote(op.key.as_bytes());
            return Err(format!("failed to lock key {key} due to lock delay"));
        }
        Ok(())
    })?;
    let mut shown = Vec::new();
    each(ops, |op| {
        if op.writes() {
            shown.extend(change(draft, op)?);
        } else {
            let revision = draft.revision().saturating_add(1);
            shown.extend(read(draft, op, revision)?);
        }
        Ok(())
    })?;
    Ok(shown)
}

/// Tries every operation and gathers what failed.
fn each(ops: &[Op], mut act: impl FnMut(&Op) -> Result<(), String>) -> Result<(), Vec<Failure>> {
    let mut failures = Vec::new();
    for (place, op) in ops.iter().enumerate() {
        if let Err(what) = act(op) {
            failures.push(Failure { op: place, what });
        }
    }
    if failures.is_empty() {
        Ok(())
    } else {
        Err(failures)
    }
}

fn without_key(op: &Op) -> Result<(), String> {
    if op.key.as_bytes().is_empty() && op.verb != "delete-tree" {
        return Err("Must provide key".to_owned());
    }
    Ok(())
}

/// Refuses in Consul's words. Consul asks this of each operation before any is tried, so that its failures tell nothing of
/// what is hidden.
fn permitted(may: bool) -> Result<(), String> {
    may.then_some(())
        .ok_or_else(|| PERMISSION_DENIED.to_owned())
}

/// Whether the caller may see all that an operation looks at, be it there or not. A list leaves out what is hidden.
fn may(draft: &Draft<'_>, op: &Op) -> bool {
    let locks = || match session::parse_id(op.session.as_bytes()) {
        Ok(SessionId::Known(id)) => draft.may(id, LeaseRight::Lock),
        Ok(SessionId::OfNobody) | Err(_) => true,
    };
    match op.verb.as_str() {
        "get-tree" => true,
        "delete-tree" => draft.sees_whole(&KeyRange::Prefix(op.key.clone())),
        "lock" | "unlock" => draft.sees(&op.key) && locks(),
        _ => draft.sees(&op.key),
    }
}

/// An operation that changes something. What it wrote is shown without its value.
fn change(draft: &mut Draft<'_>, op: &Op) -> Result<Option<Shown>, String> {
    let key = quote(op.key.as_bytes());
    match op.verb.as_str() {
        "set" => write::set(draft, &op.key, &op.content),
        "cas" => {
            if !write::cas(draft, &op.key, op.index, &op.content) {
                return Err(format!("failed to set key {key}, index is stale"));
            }
        }
        "lock" => match write::lock(draft, &op.key, op.session.as_bytes(), &op.content)? {
            Locked::Yes => {}
            Locked::Held | Locked::Delayed => {
                return Err(format!("failed to lock key {key}, lock is already held"));
            }
        },
        "unlock" => {
            if !write::unlock(draft, &op.key, op.session.as_bytes(), &op.content)? {
                return Err(format!(
                    "failed to unlock key {key}, lock isn't held, or is held by another session"
                ));
            }
        }
        "delete" => write::delete(draft, &op.key),
        "delete-cas" => {
            if !write::delete_cas(draft, &op.key, op.index) {
                return Err(format!("failed to delete key {key}, index is stale"));
            }
        }
        // No other verb writes.
        _ => write::delete_tree(draft, &op.key),
    }
    Ok(match op.verb.as_str() {
        "set" | "cas" | "lock" | "unlock" => draft.get(&op.key).map(|entry| show(op, entry, false)),
        _ => None,
    })
}

/// An operation that only looks. `revision` is the one this transaction would have.
fn read(space: &impl Lookup, op: &Op, revision: u64) -> Result<Vec<Shown>, String> {
    let key = quote(op.key.as_bytes());
    let entry = space.get(&op.key);
    let shown = match op.verb.as_str() {
        "get" => {
            let entry = entry.ok_or_else(|| format!("key {key} doesn't exist"))?;
            show(op, entry, true)
        }
        "get-tree" => {
            let tree = space.scan(&op.key).map(|(key, entry)| Shown {
                key: key.clone(),
                entry: Arc::clone(entry),
                with_value: true,
            });
            return Ok(tree.collect());
        }
        "check-session" => show(op, check_session(entry, op, &key)?, false),
        "check-index" => show(op, check_index(entry, op, &key, revision)?, false),
        "check-not-exists" => {
            return match entry {
                Some(_) => Err(format!("key {key} exists")),
                None => Ok(Vec::new()),
            };
        }
        verb => return Err(format!("unknown KV verb {}", quote(verb.as_bytes()))),
    };
    Ok(vec![shown])
}

fn check_session<'a>(
    entry: Option<&'a Arc<Entry>>,
    op: &Op,
    key: &str,
) -> Result<&'a Arc<Entry>, String> {
    let entry = entry.ok_or_else(|| format!("failed to check session, key {key} doesn't exist"))?;
    let holder = entry
        .attrs()
        .lock
        .map(|id| id.to_string())
        .unwrap_or_default();
    if holder == op.session {
        return Ok(entry);
    }
    let (holder, session) = (quote(holder.as_bytes()), quote(op.session.as_bytes()));
    Err(format!(
        "failed session check for key {key}, current session {holder} != {session}"
    ))
}

fn check_index<'a>(
    entry: Option<&'a Arc<Entry>>,
    op: &Op,
    key: &str,
    revision: u64,
) -> Result<&'a Arc<Entry>, String> {
    let entry = entry.ok_or_else(|| format!("failed to check index, key {key} doesn't exist"))?;
    let index = match entry.index() {
        PENDING => revision,
        index => index,
    };
    if index == op.index {
        return Ok(entry);
    }
    Err(format!(
        "failed index check for key {key}, current modify index {index} != {}",
        op.index
    ))
}

fn show(op: &Op, entry: &Arc<Entry>, with_value: bool) -> Shown {
    Shown {
        key: op.key.clone(),
        entry: Arc::clone(entry),
        with_value,
    }
}
