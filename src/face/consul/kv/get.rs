//! `GET /v1/kv/KEY`: reads one entry.

use super::encode::push_entry;
use super::parameters;
use crate::face::consul::commit_error;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::model::KeyRange;
use crate::space::Lookup;

/// Answers with an array of one entry, or with its bare value (`?raw`). The index is the entry's own `ModifyIndex`,
/// which clients check and set against; that of a missing key is the index of its deletion.
pub(super) async fn serve(request: &ApiRequest<'_>, options: QueryOptions) -> Result<Reply, Reply> {
    let key = parameters::key(request)?;
    request.check_datacenter()?;
    // A query for a hidden key does not wait.
    let space = &request.face.space;
    if options.index > 0 && !space.visibility(&request.caller).sees(&key) {
        return Err(commit_error::forbidden());
    }
    let range = vec![KeyRange::Exact(key.clone())];
    let (view, index) = request
        .face
        .blocking_query(&request.caller, options, range, |view| view.key_index(&key))
        .await;
    if !view.sees(&key) {
        return Err(commit_error::forbidden());
    }
    let Some(entry) = view.get(&key) else {
        return Err(parameters::not_found(index));
    };
    if request.query.has("raw") {
        return Ok(Reply::raw(entry.value().clone()).index(index));
    }
    let mut body = Vec::with_capacity(entry.value().len() * 4 / 3 + key.as_bytes().len() + 192);
    body.push(b'[');
    push_entry(&mut body, &key, entry, true, index);
    body.push(b']');
    Ok(Reply::json(body).index(index))
}
