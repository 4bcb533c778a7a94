//! `GET /v1/kv/PREFIX?keys`: lists the keys under a prefix, cut off after a separator (`?separator`).

use super::parameters;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_strings;
use crate::model::{Key, KeyRange};
use crate::space::{Lookup, View};

/// Answers with the keys in byte order, each up to and including the first separator after the prefix; 404 where there
/// are none, except at the root.
pub(super) async fn serve(request: &ApiRequest<'_>, options: QueryOptions) -> Result<Reply, Reply> {
    request.check_datacenter()?;
    let prefix = Key::user(request.rest);
    let range = vec![KeyRange::Prefix(prefix.clone())];
    let (view, index) = request
        .face
        .blocking_query(&request.caller, options, range, |view| {
            view.prefix_index(&prefix)
        })
        .await;
    // Consul takes its old misspelling too; the correct spelling has precedence.
    let separator = if request.query.has("separator") {
        request.query.get("separator")
    } else {
        request.query.get("seperator")
    };
    let keys = collect(&view, &prefix, separator);
    if keys.is_empty() && !request.rest.is_empty() {
        return Err(parameters::not_found(index));
    }
    let mut body = Vec::new();
    push_strings(&mut body, &keys);
    Ok(Reply::json(body).index(index))
}

/// The keys, cut off. The cost grows with the number of names in the answer, not of the keys behind them.
fn collect(view: &View, prefix: &Key, separator: &[u8]) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    if separator.is_empty() {
        keys.extend(view.scan(prefix).map(|(key, _)| key.as_bytes().to_vec()));
        return keys;
    }
    let mut from = Some(prefix.clone());
    while let Some((key, _)) = from
        .take()
        .and_then(|from| view.scan_from(prefix, &from).next())
    {
        let bytes = key.as_bytes();
        let after = bytes.get(prefix.as_bytes().len()..).unwrap_or_default();
        let cut = after
            .windows(separator.len())
            .position(|window| window == separator)
            .and_then(|place| bytes.get(..prefix.as_bytes().len() + place + separator.len()));
        from = match cut {
            // Keys that begin with this name are adjacent: the scan skips them all.
            Some(name) => Key::user(name).prefix_end(),
            None => Some(Key::user([bytes, b"\0"].concat())),
        };
        keys.push(cut.unwrap_or(bytes).to_vec());
    }
    keys
}
