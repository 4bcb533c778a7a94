//! `GET /v1/kv/PREFIX?recurse`: reads every entry under a prefix.

use super::encode::push_entry;
use super::{parameters, prefix_query};
use crate::face::consul::lists::ListName;
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
    let (prefix, floor) = prefix_query::begin(request, options).await?;
    let name = ListName::Entries(request.rest);
    let ranges = vec![KeyRange::Prefix(prefix.clone())];
    let weigh = prefix_query::weigh(prefix.clone(), |view, prefix, goes_on| {
        Weight::of(view.scan(prefix), goes_on)
    });
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
