//! `GET /v1/kv/PREFIX?recurse`: every entry whose key begins with some bytes.

use super::super::ask::Ask;
use super::super::json::push_array;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::push_entry;
use crate::face::kept::Made;
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
    let made = {
        let prefix = prefix.clone();
        move |view: &View| encode(view, &prefix)
    };
    let list = ask
        .kept
        .get(space, &ask.caller, ask.rest.to_vec(), range, made)
        .await;
    let view = space.read(&ask.caller);
    match list {
        // The floor may have risen since.
        Some(list) => {
            let index = list.index().max(view.deletions_floor());
            Ok(Reply::list(list).at(index))
        }
        None => Err(super::not_found(view.prefix_index(&prefix))),
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
