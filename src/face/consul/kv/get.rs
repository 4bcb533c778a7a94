//! `GET /v1/kv/KEY`: one entry.

use super::super::ask::Ask;
use super::super::options::Options;
use super::super::refused;
use super::super::reply::{Answer, Reply};
use super::push_entry;
use crate::model::KeyRange;
use crate::space::Lookup;

/// One entry as an array of one, or its bare value with `?raw`. The index is the entry's own `ModifyIndex`, which
/// clients swap against; of a missing key, that of its deletion.
pub(super) async fn handle(ask: &Ask<'_>, options: Options) -> Answer {
    let key = super::key(ask)?;
    ask.this_datacenter()?;
    // A query for a hidden key does not wait.
    let space = &ask.face.space;
    if options.index > 0 && !space.visibility(&ask.caller).sees(&key) {
        return Err(refused::forbidden());
    }
    let range = vec![KeyRange::Exact(key.clone())];
    let (view, index) = ask
        .face
        .changed(&ask.caller, options, range, |view| view.key_index(&key))
        .await;
    if !view.sees(&key) {
        return Err(refused::forbidden());
    }
    let Some(entry) = view.get(&key) else {
        return Err(super::not_found(index));
    };
    if ask.query.has("raw") {
        return Ok(Reply::raw(entry.value().clone()).at(index));
    }
    let mut body = Vec::with_capacity(entry.value().len() * 4 / 3 + key.as_bytes().len() + 192);
    body.push(b'[');
    push_entry(&mut body, &key, entry, true, index);
    body.push(b']');
    Ok(Reply::json(body).at(index))
}
