//! `GET /v1/kv/KEY`: reads one entry.

use std::sync::Arc;

use super::encode::push_entry;
use super::parameters;
use crate::face::consul::blocking_query::Subject;
use crate::face::consul::commit_error;
use crate::face::consul::long_answer::LongAnswer;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::weight::Weight;
use crate::model::{Entry, Key, Verb};
use crate::space::Lookup;

/// Answers with an array of one entry, or with its bare value (`?raw`). The index is the entry's own `ModifyIndex`,
/// which clients check and set against; that of a missing key is the index of its deletion.
pub(super) async fn serve(request: &ApiRequest<'_>, options: QueryOptions) -> Result<Reply, Reply> {
    let key = parameters::key(request)?;
    request.check_datacenter()?;
    let space = &request.face.space;
    // A query for a key that is hidden or may not be read does not wait.
    if options.index > 0 {
        request.asks_for_key(Verb::Watch, &key)?;
        if !space.read(&request.caller).sees(&key) {
            return Err(commit_error::forbidden());
        }
    } else {
        request.asks_for_key(Verb::Read, &key)?;
    }
    parameters::check_length(request, options)?;
    let subject = Subject::Key(key.clone());
    request
        .face
        .blocking_query(&request.caller, options, &subject)
        .await?;
    if options.index > 0 {
        request.asks_for_key(Verb::Read, &key)?;
    }
    let view = space.read(&request.caller);
    if !view.sees(&key) {
        return Err(commit_error::forbidden());
    }
    let index = view.key_index(&key).max(1);
    let Some(entry) = view.get(&key) else {
        return Err(parameters::not_found(index));
    };
    if request.query.has("raw") {
        return Ok(Reply::raw(entry.value().clone()).index(index));
    }
    let mut weight = Weight::default();
    weight.add(&key, entry, true);
    if !weight.is_small() {
        let entry = Arc::clone(entry);
        return Ok(Reply::long(OneEntry { key, entry, weight }).index(index));
    }
    let mut body = Vec::with_capacity(weight.bytes);
    push_one(&mut body, &key, entry);
    Ok(Reply::json(body).index(index))
}

/// An array of one long entry.
struct OneEntry {
    key: Key,
    entry: Arc<Entry>,
    weight: Weight,
}

impl LongAnswer for OneEntry {
    fn weigh(&self, _goes_on: fn(Weight) -> bool) -> Weight {
        self.weight
    }

    fn encode(&self, out: &mut Vec<u8>) {
        push_one(out, &self.key, &self.entry);
    }
}

fn push_one(out: &mut Vec<u8>, key: &Key, entry: &Entry) {
    out.push(b'[');
    // A stored entry has its revision.
    push_entry(out, key, entry, true, entry.index());
    out.push(b']');
}
