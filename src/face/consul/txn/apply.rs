//! Operations of a transaction, applied to a view or a draft.

use std::collections::HashSet;
use std::sync::Arc;

use super::answer::{TxnError, TxnResult};
use super::failure::{MAX_RESULTS, TxnFailure};
use super::parse::TxnOp;
use crate::face::consul::kv::verbs::{self, LockOutcome};
use crate::face::consul::session::id::{self, SessionId};
use crate::model::{Entry, Key, KeyRange, Verb};
use crate::space::{Demand, Draft, EntryAccess, LeaseRight, Lookup, PENDING, View};

/// Applies a transaction that only reads. Trees are not read here: they may be long. `asks` says whether the caller has the right
/// to what an operation asks for.
pub(super) fn read_all(
    view: &View,
    ops: &[TxnOp],
    asks: impl Fn(Demand) -> bool,
) -> Result<Vec<TxnResult>, Vec<TxnError>> {
    each(ops, |op| {
        check_key(op)?;
        let is_tree = op.verb == "get-tree";
        check_permitted(asks(demand_of_read(op)) && (is_tree || view.sees(&op.key)))
    })?;
    let mut results = Vec::new();
    each(ops, |op| {
        if op.verb == "get-tree" {
            results.push(TxnResult::Tree(op.key.clone()));
        } else {
            results.extend(read(view, op, view.revision())?);
        }
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
    for key in compared_keys(ops) {
        draft.compares(key);
    }
    let checked = each(ops, |op| {
        check_key(op)?;
        check_permitted(is_permitted(draft, op))?;
        if op.verb == "lock" && draft.is_delayed(&op.key) {
            return Err(TxnFailure::LockDelayed);
        }
        Ok(())
    });
    if checked.is_err() {
        draft.refuses_in_own_words();
    }
    checked?;
    let mut results = Vec::new();
    each(ops, |op| {
        if op.writes() {
            results.extend(write(draft, op)?);
        } else if op.verb == "get-tree" {
            let shown = draft.scan(&op.key);
            for (key, entry) in shown.filter(|(key, entry)| draft.is_listed(&op.key, key, entry)) {
                if results.len() == MAX_RESULTS {
                    return Err(TxnFailure::TooManyResults);
                }
                results.push(TxnResult::Entry {
                    key: key.clone(),
                    entry: Arc::clone(entry),
                    with_value: true,
                });
            }
        } else {
            let revision = draft.revision().saturating_add(1);
            results.extend(read(draft, op, revision)?);
        }
        Ok(())
    })?;
    Ok(results)
}

/// Applies `act` to every operation and collects the failures.
fn each(
    ops: &[TxnOp],
    mut act: impl FnMut(&TxnOp) -> Result<(), TxnFailure>,
) -> Result<(), Vec<TxnError>> {
    let mut errors = Vec::new();
    for (position, op) in ops.iter().enumerate() {
        if let Err(failure) = act(op) {
            errors.push(TxnError { position, failure });
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn check_key(op: &TxnOp) -> Result<(), TxnFailure> {
    if op.key.as_bytes().is_empty() && op.verb != "delete-tree" {
        return Err(TxnFailure::MissingKey);
    }
    Ok(())
}

/// Refuses in Consul's words. Consul checks each operation before it tries any, so that no error shows a hidden key.
fn check_permitted(is_permitted: bool) -> Result<(), TxnFailure> {
    is_permitted.then_some(()).ok_or(TxnFailure::Denied)
}

/// Whether the caller may see all that an operation reads and do what it does, whether anything is there or not, and access lists
/// permit the operation. A list leaves out what is hidden or may not be read.
fn is_permitted(draft: &Draft<'_>, op: &TxnOp) -> bool {
    let may_lock = || match id::parse(op.session.as_bytes()) {
        Ok(SessionId::Valid(id)) => draft.may(id, LeaseRight::Lock),
        Ok(SessionId::Unassigned) | Err(_) => true,
    };
    let permits = |access| draft.permits(access, &op.key);
    let may = |verb| draft.is_met(Demand::All(verb, KeyRange::Exact(op.key.clone())));
    match op.verb.as_str() {
        "get-tree" => draft.is_met(demand_of_read(op)),
        "delete-tree" => {
            let whole = |verb| draft.is_met(Demand::All(verb, KeyRange::Prefix(op.key.clone())));
            whole(Verb::Read) && whole(Verb::Delete) && draft.permits_delete_all(&op.key)
        }
        "lock" | "unlock" => {
            may(Verb::Read) && may(Verb::Lock) && may_lock() && permits(EntryAccess::Put)
        }
        "set" | "cas" => {
            may(Verb::Read) && may(draft.verb_of_put(&op.key)) && permits(EntryAccess::Put)
        }
        "delete" | "delete-cas" => {
            may(Verb::Read) && may(Verb::Delete) && permits(EntryAccess::Delete)
        }
        // That it is there is no secret of a list.
        "check-not-exists" => may(Verb::Read),
        _ => may(Verb::Read) && permits(EntryAccess::Read),
    }
}

/// What an operation that reads asks for.
fn demand_of_read(op: &TxnOp) -> Demand {
    if op.verb == "get-tree" {
        Demand::AnyOf(vec![(Verb::List, KeyRange::Prefix(op.key.clone()))])
    } else {
        Demand::All(Verb::Read, KeyRange::Exact(op.key.clone()))
    }
}

/// The keys of which the transaction names the state that they must be in, for all its operations on them. One that comes after a write
/// of the key is compared with what the transaction itself has written, and says nothing of what was there.
fn compared_keys(ops: &[TxnOp]) -> HashSet<&Key> {
    let (mut written, mut compared) = (HashSet::new(), HashSet::new());
    for op in ops {
        if compares(op) && !written.contains(&op.key) {
            compared.insert(&op.key);
        }
        if op.writes() {
            written.insert(&op.key);
        }
    }
    compared
}

/// Whether an operation names the state that its entry must be in.
fn compares(op: &TxnOp) -> bool {
    match op.verb.as_str() {
        "cas" => op.index > 0,
        "check-index" => true,
        _ => false,
    }
}

/// Applies an operation that writes. Its result is the entry without its value.
fn write(draft: &mut Draft<'_>, op: &TxnOp) -> Result<Option<TxnResult>, TxnFailure> {
    let (key, content, session) = (&op.key, &op.content, op.session.as_bytes());
    match op.verb.as_str() {
        "set" => verbs::set(draft, key, content),
        "cas" => {
            if !verbs::cas(draft, key, op.index, content) {
                return Err(TxnFailure::StaleSet);
            }
        }
        "lock" => match verbs::lock(draft, key, session, content) {
            Ok(LockOutcome::Acquired) => {}
            Ok(LockOutcome::Held | LockOutcome::Delayed) => return Err(TxnFailure::LockHeld),
            Err(why) => return Err(TxnFailure::BadSession(why)),
        },
        "unlock" => {
            let unlocked = verbs::unlock(draft, key, session, content);
            if !unlocked.map_err(TxnFailure::BadSession)? {
                return Err(TxnFailure::LockNotHeld);
            }
        }
        "delete" => verbs::delete(draft, key),
        "delete-cas" => {
            if !verbs::delete_cas(draft, key, op.index) {
                return Err(TxnFailure::StaleDelete);
            }
        }
        // No other verb writes.
        _ => verbs::delete_tree(draft, key),
    }
    Ok(match op.verb.as_str() {
        "set" | "cas" | "lock" | "unlock" => draft.get(key).map(|entry| result(op, entry, false)),
        _ => None,
    })
}

/// Applies an operation that reads one entry. `revision` is the one that this transaction would get.
fn read(space: &impl Lookup, op: &TxnOp, revision: u64) -> Result<Option<TxnResult>, TxnFailure> {
    let entry = space.get(&op.key);
    match op.verb.as_str() {
        "get" => {
            let entry = entry.ok_or(TxnFailure::NoKey)?;
            Ok(Some(result(op, entry, true)))
        }
        "check-session" => Ok(Some(result(op, check_session(entry, op)?, false))),
        "check-index" => Ok(Some(result(op, check_index(entry, op, revision)?, false))),
        "check-not-exists" => match entry {
            Some(_) => Err(TxnFailure::KeyExists),
            None => Ok(None),
        },
        _ => Err(TxnFailure::UnknownVerb),
    }
}

fn check_session<'a>(
    entry: Option<&'a Arc<Entry>>,
    op: &TxnOp,
) -> Result<&'a Arc<Entry>, TxnFailure> {
    let entry = entry.ok_or(TxnFailure::NoKeyOfSession)?;
    let holder = entry
        .attrs()
        .lock
        .map(|id| id.to_string())
        .unwrap_or_default();
    if holder == op.session {
        return Ok(entry);
    }
    Err(TxnFailure::OtherSession(holder))
}

fn check_index<'a>(
    entry: Option<&'a Arc<Entry>>,
    op: &TxnOp,
    revision: u64,
) -> Result<&'a Arc<Entry>, TxnFailure> {
    let entry = entry.ok_or(TxnFailure::NoKeyOfIndex)?;
    let index = match entry.index() {
        PENDING => revision,
        index => index,
    };
    if index == op.index {
        return Ok(entry);
    }
    Err(TxnFailure::OtherIndex(index))
}

fn result(op: &TxnOp, entry: &Arc<Entry>, with_value: bool) -> TxnResult {
    TxnResult::Entry {
        key: op.key.clone(),
        entry: Arc::clone(entry),
        with_value,
    }
}
