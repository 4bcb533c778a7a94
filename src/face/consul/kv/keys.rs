//! `GET /v1/kv/PREFIX?keys`: lists the keys under a prefix, cut off after a separator (`?separator`).

use super::separator::Separator;
use super::{parameters, prefix_query};
use crate::face::consul::lists::ListName;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::weight::Weight;
use crate::face::go::json_writer::push_strings;
use crate::face::list_cache::Made;
use crate::model::{Key, KeyRange, Realm};
use crate::space::{Lookup, View};

/// Answers with the keys in byte order, each up to and including the first separator after the prefix; 404 where there
/// are none, except at the root.
pub(super) async fn serve(request: &ApiRequest<'_>, options: QueryOptions) -> Result<Reply, Reply> {
    let (prefix, floor) = prefix_query::begin(request, options).await?;
    let separator = separator(request);
    let name = ListName::Keys(request.rest, separator);
    let ranges = vec![KeyRange::Prefix(prefix.clone())];
    let weigh = prefix_query::weigh(prefix.clone(), |view, prefix, goes_on| {
        Weight::of_keys(view.scan(prefix).map(|(key, _)| key), goes_on)
    });
    let separator = Separator::new(separator);
    let make = move |view: &View, _| encode(view, &prefix, &separator);
    let list = request.list(name, ranges, weigh, make).await?;
    let index = list.index().max(floor);
    if list.len() == 0 {
        return Err(parameters::not_found(index));
    }
    Ok(Reply::list(list).index(index))
}

/// The separator. One that is longer than any key is in no key.
fn separator<'a>(request: &'a ApiRequest<'_>) -> &'a [u8] {
    // Consul takes its old misspelling too; the correct spelling has precedence.
    let separator = if request.query.has("separator") {
        request.query.get("separator")
    } else {
        request.query.get("seperator")
    };
    let longest = request.face.space.limits().longest_key(Realm::User);
    if separator.len() > longest {
        return b"";
    }
    separator
}

/// The list; without a body where there are no keys, except at the root.
fn encode(view: &View, prefix: &Key, separator: &Separator) -> Made {
    let mut body = Vec::new();
    if prefix.as_bytes().is_empty() || view.scan(prefix).next().is_some() {
        if separator.is_empty() {
            push_strings(&mut body, view.scan(prefix).map(|(key, _)| key.as_bytes()));
        } else {
            push_strings(&mut body, Names::new(view, prefix, separator));
        }
    }
    Made {
        body,
        index: view.prefix_index(prefix),
        lasts: true,
    }
}

/// The keys, cut off. The cost grows with the number of names, not of the keys behind them.
struct Names<'a> {
    view: &'a View,
    prefix: &'a Key,
    separator: &'a Separator,
    /// Where the next one is looked for; `None` behind the last.
    from: Option<Key>,
}

impl<'a> Names<'a> {
    fn new(view: &'a View, prefix: &'a Key, separator: &'a Separator) -> Self {
        Self {
            view,
            prefix,
            separator,
            from: Some(prefix.clone()),
        }
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let from = self.from.take()?;
        let (key, _) = self.view.scan_from(self.prefix, &from).next()?;
        let bytes = key.as_bytes();
        let begin = self.prefix.as_bytes().len();
        let end = bytes
            .get(begin..)
            .and_then(|after| self.separator.end_in(after));
        let cut = end.and_then(|end| bytes.get(..begin + end));
        self.from = match cut {
            // Keys that begin with this name are adjacent: the scan skips them all.
            Some(name) => Key::user(name).prefix_end(),
            None => Some(Key::user([bytes, b"\0"].concat())),
        };
        Some(cut.unwrap_or(bytes))
    }
}
