//! `GET /v1/kv/PREFIX?recurse`: every entry whose key begins with some bytes.

use super::super::ask::Ask;
use super::super::json::push_array;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::push_entry;
use crate::model::{Key, KeyRange};
use crate::space::Lookup;

/// The entries in byte order; 404 where there are none. The index is that of the last change or deletion among them.
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
    let mut entries = view.scan(&prefix).peekable();
    if entries.peek().is_none() {
        return Err(super::not_found(index));
    }
    let mut body = Vec::with_capacity(4 << 10);
    push_array(&mut body, entries, |out, (key, entry)| {
        push_entry(out, key, entry, true, index);
    });
    Ok(Reply::json(body).at(index))
}
