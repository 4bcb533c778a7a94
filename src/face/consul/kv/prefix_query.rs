//! Prefix query: how `?recurse` and `?keys` begin.

use super::parameters;
use crate::face::consul::blocking_query::Subject;
use crate::face::consul::lists;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::weight::Weight;
use crate::model::{Key, Verb};
use crate::space::View;

/// Waits as the query asks. Returns the prefix, and an index that the answer's must not be below.
pub(super) async fn begin(
    request: &ApiRequest<'_>,
    options: QueryOptions,
) -> Result<(Key, u64), Reply> {
    request.check_datacenter()?;
    let prefix = Key::user(request.rest);
    // What is refused does not wait.
    let verb = if options.index > 0 {
        Verb::Watch
    } else {
        Verb::List
    };
    request.asks_for_prefix(verb, &prefix)?;
    parameters::check_length(request, options)?;
    let subject = Subject::Prefix(prefix.clone());
    request
        .face
        .blocking_query(&request.caller, options, &subject)
        .await?;
    if options.index > 0 {
        request.asks_for_prefix(Verb::List, &prefix)?;
    }
    // Read before the list is taken, so that the index is never above the entries in the list: a client that blocks
    // on that index would miss the changes between. It may have risen since the list was made.
    let floor = request.face.space.read(&request.caller).index_floor();
    Ok((prefix, floor))
}

/// Weighs a list with the index of its prefix, which depends on every entry, however little of them the list shows.
pub(super) fn weigh(
    prefix: Key,
    contents: impl Fn(&View, &Key, fn(Weight) -> bool) -> Weight + Clone + Send + 'static,
) -> impl Fn(&View, fn(Weight) -> bool) -> Weight + Clone + Send + 'static {
    move |view, goes_on| {
        let index = lists::weigh_index(view, &prefix);
        if goes_on(index) {
            contents(view, &prefix, goes_on).plus(index)
        } else {
            index
        }
    }
}
