//! `GET /v1/kv/PREFIX?recurse`: every entry whose key begins with some bytes.

use super::super::ask::Ask;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::push_entry;
use crate::face::go::json_write::push_array;
use crate::face::list_cache::Made;
use crate::model::{Key, KeyRange};
use crate::space::{Lookup, View};

/// The entries in byte order; 404 where there are none. The index is that of the last change or deletion among them.
pub(super) async fn handle(ask: &Ask<'_>, options: Options) -> Answer {
    ask.this_datacenter()?;
    let prefix = Key::user(ask.rest);
    let range = vec![KeyRange::Prefix(prefix.clone())];
    if options.index > 0 {
        let (_, _) = ask
            .face
            .changed(&ask.caller, options, range.clone(), |view| {
                view.prefix_index(&prefix)
            })
            .await;
    }
    let space = &ask.face.space;
    loop {
        // Read before the list is taken, so that no index tells more than what is shown: a client that waits from it
        // would miss what it never saw.
        let view = space.read(&ask.caller);
        if view.scan(&prefix).next().is_none() {
            return Err(super::not_found(view.prefix_index(&prefix)));
        }
        let floor = view.index_floor();
        drop(view);
        let made = {
            let prefix = prefix.clone();
            move |view: &View| encode(view, &prefix)
        };
        let name = ask.rest.to_vec();
        let list = ask.kept.get(space, &ask.caller, name, range.clone(), made);
        if let Some(list) = list.await {
            // The floor may have risen since it was made.
            let index = list.index().max(floor);
            return Ok(Reply::list(list).at(index));
        }
        // All of it went meanwhile.
    }
}

fn encode(view: &View, prefix: &Key) -> Option<Made> {
    let mut entries = view.scan(prefix).peekable();
    entries.peek()?;
    let index = view.prefix_index(prefix);
    let mut body = Vec::with_capacity(4 << 10);
    push_array(&mut body, entries, |out, (key, entry)| {
        push_entry(out, key, entry, true, index);
    });
    Some(Made {
        body,
        index,
        lasts: true,
    })
}
