//! `GET /v1/kv/PREFIX?recurse`: reads every entry under a prefix.

use http::StatusCode;

use super::encode::push_entry;
use super::parameters;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;
use crate::face::list_cache::{AskedList, Made};
use crate::fairness::{Cost, Reservation};
use crate::model::{Key, KeyRange};
use crate::space::{Lookup, View};

/// Answers with the entries in byte order; 404 where there are none. The index is that of the last change or deletion
/// under the prefix.
pub(super) async fn serve(request: &ApiRequest<'_>, options: QueryOptions) -> Result<Reply, Reply> {
    request.check_datacenter()?;
    let prefix = Key::user(request.rest);
    let range = vec![KeyRange::Prefix(prefix.clone())];
    if options.index > 0 {
        let (_, _) = request
            .face
            .blocking_query(&request.caller, options, range.clone(), |view| {
                view.prefix_index(&prefix)
            })
            .await;
    }
    let space = &request.face.space;
    loop {
        // Read before the list is taken, so that the index is never above the entries in the list: a client that blocks
        // on that index would miss the changes between.
        let view = space.read(&request.caller);
        if view.scan(&prefix).next().is_none() {
            return Err(parameters::not_found(view.prefix_index(&prefix)));
        }
        let floor = view.index_floor();
        drop(view);
        let make = {
            let prefix = prefix.clone();
            move |view: &View, _room: &mut Reservation| Ok(encode(view, &prefix))
        };
        let asked = AskedList {
            name: request.rest.to_vec(),
            ranges: range.clone(),
        };
        let weigh = |view: &View| weigh(view, &prefix);
        let list = request
            .face
            .list_cache
            .get(space, &request.caller, asked, weigh, make);
        let refused = |overloaded: crate::fairness::Overloaded| {
            Reply::text(StatusCode::TOO_MANY_REQUESTS, overloaded.to_string())
        };
        if let Some(list) = list.await.map_err(refused)? {
            // The floor may have risen since the list was encoded.
            let index = list.index().max(floor);
            return Ok(Reply::list(list).index(index));
        }
        // Every entry was deleted meanwhile.
    }
}

/// The work of a list, counted up to where it is not small.
fn weigh(view: &View, prefix: &Key) -> Cost {
    let (mut entries, mut bytes) = (0, 0);
    for (key, entry) in view.scan(prefix) {
        entries += 1;
        bytes += key.as_bytes().len() + entry.value().len();
        let cost = Cost::new(entries, bytes);
        if !cost.is_small() {
            return cost;
        }
    }
    Cost::SMALL
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
