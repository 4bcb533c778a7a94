//! `GET /v1/kv/PREFIX?recurse`: reads every entry under a prefix.

use super::encode::push_entry;
use super::parameters;
use crate::face::consul::blocking_query::Subject;
use crate::face::consul::lists::{self, ListName};
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::weight::Weight;
use crate::face::go::json_writer::push_array;
use crate::face::list_cache::Made;
use crate::model::{Key, KeyRange};
use crate::space::{Lookup, View};

/// Answers with the entries in byte order; 404 where there are none. The index is that of the last change or deletion
/// under the prefix.
pub(super) async fn serve(request: &ApiRequest<'_>, options: QueryOptions) -> Result<Reply, Reply> {
    request.check_datacenter()?;
    parameters::check_length(request, options)?;
    let prefix = Key::user(request.rest);
    let subject = Subject::Prefix(prefix.clone());
    request
        .face
        .blocking_query(&request.caller, options, &subject)
        .await?;
    // Read before the list is taken, so that the index is never above the entries in the list: a client that blocks
    // on that index would miss the changes between. It may have risen since the list was made.
    let floor = request.face.space.read(&request.caller).index_floor();
    let name = ListName::Entries(request.rest);
    let ranges = vec![KeyRange::Prefix(prefix.clone())];
    let weigh = {
        let prefix = prefix.clone();
        move |view: &View, goes_on: fn(Weight) -> bool| {
            let index = lists::weigh_index(view, &prefix);
            if !goes_on(index) {
                return index;
            }
            Weight::of(view.scan(&prefix), goes_on).plus(index)
        }
    };
    let make = move |view: &View, weight| encode(view, &prefix, weight);
    let list = request.list(name, ranges, weigh, make).await?;
    let index = list.index().max(floor);
    if list.len() == 0 {
        return Err(parameters::not_found(index));
    }
    Ok(Reply::list(list).index(index))
}

/// The list; without a body where there are no entries.
fn encode(view: &View, prefix: &Key, weight: Weight) -> Made {
    let index = view.prefix_index(prefix);
    let mut body = Vec::with_capacity(weight.bytes);
    if view.scan(prefix).next().is_some() {
        push_array(&mut body, view.scan(prefix), |out, (key, entry)| {
            push_entry(out, key, entry, true, index);
        });
    }
    Made {
        body,
        index,
        lasts: true,
    }
}
