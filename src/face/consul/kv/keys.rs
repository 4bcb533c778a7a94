//! `GET /v1/kv/PREFIX?keys`: the names alone, cut off after a separator if asked.

use super::super::ask::Ask;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use crate::face::go::json_write::push_strings;
use crate::model::{Key, KeyRange};
use crate::space::{Lookup, View};

/// The keys in byte order, each up to and with the first separator after the prefix; 404 where there are none, except
/// at the root.
pub(super) async fn handle(ask: &Ask<'_>, options: Options) -> Answer {
    ask.this_datacenter()?;
    let prefix = Key::user(ask.rest);
    let range = vec![KeyRange::Prefix(prefix.clone())];
    let (view, index) = ask
        .face
        .changed(&ask.caller, options, range, |view| {
            view.prefix_index(&prefix)
        })
        .await;
    // Consul takes its old misspelling too; the right one goes before.
    let separator = if ask.query.has("separator") {
        ask.query.get("separator")
    } else {
        ask.query.get("seperator")
    };
    let keys = collect(&view, &prefix, separator);
    if keys.is_empty() && !ask.rest.is_empty() {
        return Err(super::not_found(index));
    }
    let mut body = Vec::new();
    push_strings(&mut body, &keys);
    Ok(Reply::json(body).at(index))
}

/// The keys, cut off. Costs as much as there are names, however many keys they stand for.
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
            // All that begins with this name stands together, and is passed over.
            Some(name) => Key::user(name).prefix_end(),
            None => Some(Key::user([bytes, b"\0"].concat())),
        };
        keys.push(cut.unwrap_or(bytes).to_vec());
    }
    keys
}
