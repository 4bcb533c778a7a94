//! Operations of a transaction, applied to a view or a draft.

use std::sync::Arc;

use super::encode::{TxnError, TxnResult};
use super::parse::TxnOp;
use crate::face::consul::commit_error::PERMISSION_DENIED;
use crate::face::consul::kv::verbs::{self, LockOutcome};
use crate::face::consul::session::id::{self, SessionId};
use crate::face::go::quote;
use crate::model::{Entry, KeyRange};
use crate::space::{Draft, LeaseRight, Lookup, PENDING, View};

/// Applies a transaction that only reads.
pub(super) fn read_all(view: &View, ops: &[TxnOp]) -> Result<Vec<TxnResult>, Vec<TxnError>> {
    each(ops, |op| {
        check_key(op)?;
        check_permitted(op.verb == "get-tree" || view.sees(&op.key))
    })?;
    let mut results = Vec::new();
    each(ops, |op| {
        results.extend(read(view, op, view.revision())?);
        Ok(())
    })?;
    Ok(results)
}

/// Applies a transaction. Where one operation fails the others are tried too, so that the client gets every error; then
/// nothing is written.
pub(super) fn write_all(
    draft: &mut Draft<'_>,
    ops: &[TxnOp],
) -> Result<Vec<TxnResult>, Vec<TxnError>> {
    each(ops, |op| {
        check_key(op)?;
        check_permitted(is_permitted(draft, op))?;
        if op.verb == "lock" && draft.is_delayed(&op.key) {
            let key = quote(op.key.as_bytes());
            return Err(format!("failed to lock key {key} due to lock delay"));
        }
        Ok(())
    })?;
    let mut results = Vec::new();
    each(ops, |op| {
        if op.writes() {
            results.extend(write(draft, op)?);
        } else {
            let revision = draft.revision().saturating_add(1);
            results.extend(read(draft, op, revision)?);
        }
        Ok(())
    })?;
    Ok(results)
}

/// Applies `act` to every operation and collects the errors.
fn each(
    ops: &[TxnOp],
    mut act: impl FnMut(&TxnOp) -> Result<(), String>,
) -> Result<(), Vec<TxnError>> {
    let mut errors = Vec::new();
    for (position, op) in ops.iter().enumerate() {
        if let Err(what) = act(op) {
            errors.push(TxnError { op: position, what });
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn check_key(op: &TxnOp) -> Result<(), String> {
    if op.key.as_bytes().is_empty() && op.verb != "delete-tree" {
        return Err("Must provide key".to_owned());
    }
    Ok(())
}

/// Refuses in Consul's words. Consul checks each operation before it tries any, so that no error tells of a hidden key.
fn check_permitted(is_permitted: bool) -> Result<(), String> {
    is_permitted
        .then_some(())
        .ok_or_else(|| PERMISSION_DENIED.to_owned())
}

/// Whether the caller may see all that an operation reads, whether it is there or not. A list leaves out what is hidden.
fn is_permitted(draft: &Draft<'_>, op: &TxnOp) -> bool {
    let may_lock = || match id::parse(op.session.as_bytes()) {
        Ok(SessionId::Valid(id)) => draft.may(id, LeaseRight::Lock),
        Ok(SessionId::Unassigned) | Err(_) => true,
    };
    match op.verb.as_str() {
        "get-tree" => true,
        "delete-tree" => draft.sees_whole(&KeyRange::Prefix(op.key.clone())),
        "lock" | "unlock" => draft.sees(&op.key) && may_lock(),
        _ => draft.sees(&op.key),
    }
}

/// Applies an operation that writes. Its result is the entry without its value.
fn write(draft: &mut Draft<'_>, op: &TxnOp) -> Result<Option<TxnResult>, String> {
    let key = quote(op.key.as_bytes());
    match op.verb.as_str() {
        "set" => verbs::set(draft, &op.key, &op.content),
        "cas" => {
            if !verbs::cas(draft, &op.key, op.index, &op.content) {
                return Err(format!("failed to set key {key}, index is stale"));
            }
        }
        "lock" => match verbs::lock(draft, &op.key, op.session.as_bytes(), &op.content)? {
            LockOutcome::Acquired => {}
            LockOutcome::Held | LockOutcome::Delayed => {
                return Err(format!("failed to lock key {key}, lock is already held"));
            }
        },
        "unlock" => {
            if !verbs::unlock(draft, &op.key, op.session.as_bytes(), &op.content)? {
                return Err(format!(
                    "failed to unlock key {key}, lock isn't held, or is held by another session"
                ));
            }
        }
        "delete" => verbs::delete(draft, &op.key),
        "delete-cas" => {
            if !verbs::delete_cas(draft, &op.key, op.index) {
                return Err(format!("failed to delete key {key}, index is stale"));
            }
        }
        // No other verb writes.
        _ => verbs::delete_tree(draft, &op.key),
    }
    Ok(match op.verb.as_str() {
        "set" | "cas" | "lock" | "unlock" => {
            draft.get(&op.key).map(|entry| result(op, entry, false))
        }
        _ => None,
    })
}

/// Applies an operation that reads. `revision` is the one that this transaction would get.
fn read(space: &impl Lookup, op: &TxnOp, revision: u64) -> Result<Vec<TxnResult>, String> {
    let key = quote(op.key.as_bytes());
    let entry = space.get(&op.key);
    let results = match op.verb.as_str() {
        "get" => {
            let entry = entry.ok_or_else(|| format!("key {key} doesn't exist"))?;
            result(op, entry, true)
        }
        "get-tree" => {
            let tree = space.scan(&op.key).map(|(key, entry)| TxnResult {
                key: key.clone(),
                entry: Arc::clone(entry),
                with_value: true,
            });
            return Ok(tree.collect());
        }
        "check-session" => result(op, check_session(entry, op, &key)?, false),
        "check-index" => result(op, check_index(entry, op, &key, revision)?, false),
        "check-not-exists" => {
            return match entry {
                Some(_) => Err(format!("key {key} exists")),
                None => Ok(Vec::new()),
            };
        }
        verb => return Err(format!("unknown KV verb {}", quote(verb.as_bytes()))),
    };
    Ok(vec![results])
}

fn check_session<'a>(
    entry: Option<&'a Arc<Entry>>,
    op: &TxnOp,
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
    op: &TxnOp,
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

fn result(op: &TxnOp, entry: &Arc<Entry>, with_value: bool) -> TxnResult {
    TxnResult {
        key: op.key.clone(),
        entry: Arc::clone(entry),
        with_value,
    }
}
