//! Lists and indexes of prefixes: made on a heavy thread once for all who may see the same, and kept until an entry changes.

use std::sync::Arc;

use http::StatusCode;

use super::face::Face;
use super::long_answer::BodyForm;
use super::reply::Reply;
use super::request::ApiRequest;
use super::weight::Weight;
use crate::face::go::json_writer;
use crate::face::list_cache::{AskedList, Encoded, Made};
use crate::fairness::{Cost, Overloaded, Reservation};
use crate::model::{Caller, Flow, Key, KeyRange, LeaseId};
use crate::space::{Coverage, View};

/// Entries and deletions of a prefix up to this number are looked through where the request is served.
const FEW: usize = 64;

/// What is kept in the list cache of the face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListName<'a> {
    /// The entries with this prefix.
    Entries(&'a [u8]),
    /// The keys with this prefix, cut off after a separator.
    Keys(&'a [u8], &'a [u8]),
    /// The sessions of the node of this name, or of all nodes.
    Sessions(Option<&'a str>),
    /// The index of this prefix, without a body.
    Index(&'a [u8]),
}

impl ListName<'_> {
    /// The bytes by which the cache knows it: no two lists have the same.
    fn bytes(self, pretty: bool) -> Vec<u8> {
        let (kind, first, second) = match self {
            Self::Entries(prefix) => (b'e', prefix, &b""[..]),
            Self::Keys(prefix, separator) => (b'k', prefix, separator),
            Self::Sessions(None) => (b's', &b""[..], &b""[..]),
            Self::Sessions(Some(node)) => (b'n', node.as_bytes(), &b""[..]),
            Self::Index(prefix) => (b'i', prefix, &b""[..]),
        };
        let mut name = vec![kind, u8::from(pretty)];
        name.extend_from_slice(&first.len().to_le_bytes());
        name.extend_from_slice(first);
        name.extend_from_slice(second);
        name
    }
}

impl ApiRequest<'_> {
    /// A list of this name, as the client wants it indented. `make` makes it from what is in these ranges, with room for the
    /// weight that it gets; `weigh` says how much it is, and counts on only while the answer is to go on.
    pub(super) async fn list(
        &self,
        name: ListName<'_>,
        ranges: Vec<KeyRange>,
        weigh: impl Fn(&View, fn(Weight) -> bool) -> Weight + Clone + Send + 'static,
        make: impl Fn(&View, Weight) -> Made + Clone + Send + 'static,
    ) -> Result<Arc<Encoded>, Reply> {
        let cost = {
            let weigh = weigh.clone();
            move |view: &View| weigh(view, Weight::is_small).cost()
        };
        let pretty = self.query.has("pretty");
        let make = move |view: &View, room: &mut Reservation| {
            let weight = weigh(view, |_| true);
            let form = BodyForm {
                pretty,
                compressed: false,
            };
            room.grow(form.room(weight))?;
            let mut made = make(view, weight);
            // A list of nothing has no body to indent.
            if pretty && !made.body.is_empty() {
                made.body = json_writer::pretty(&made.body);
            }
            Ok(made)
        };
        let asked = AskedList {
            name: name.bytes(pretty),
            ranges,
        };
        self.face.cached(&self.caller, asked, cost, make).await
    }
}

impl Face {
    async fn cached(
        &self,
        caller: &Caller,
        asked: AskedList,
        cost: impl Fn(&View) -> Cost,
        make: impl Fn(&View, &mut Reservation) -> Result<Made, Overloaded> + Clone + Send + 'static,
    ) -> Result<Arc<Encoded>, Reply> {
        let make = move |view: &View, room: &mut Reservation| make(view, room).map(Some);
        let list = self
            .list_cache
            .get(&self.space, caller, asked, cost, make)
            .await?;
        list.ok_or_else(|| Reply::empty(StatusCode::NOT_FOUND))
    }

    /// When anything with this prefix that the caller may see last changed or was deleted. Looked up among few entries
    /// here, among many on a heavy thread, and then kept until one changes.
    pub(super) async fn prefix_index(&self, caller: &Caller, prefix: &Key) -> Result<u64, Reply> {
        let view = self.space.read(caller);
        let range = KeyRange::Prefix(prefix.clone());
        if is_few(&view, &range) {
            return Ok(view.prefix_index(prefix));
        }
        drop(view);
        let asked = AskedList {
            name: ListName::Index(prefix.as_bytes()).bytes(false),
            ranges: vec![range],
        };
        let make = {
            let prefix = prefix.clone();
            move |view: &View, _: &mut Reservation| {
                Ok(Made {
                    body: Vec::new(),
                    index: view.prefix_index(&prefix),
                    lasts: true,
                })
            }
        };
        let cost = |_: &View| Cost::new(FEW, 0);
        let made = self.cached(caller, asked, cost, make).await?;
        Ok(made.index())
    }

    /// When a session that the caller of this view may see was last made, changed or ended. Where the caller may see only
    /// some, all are looked through: many of them on a heavy thread.
    pub(super) async fn sessions_index(&self, caller: &Caller, view: &View) -> Result<u64, Reply> {
        let records = KeyRange::Prefix(LeaseId::records());
        if view.covers(&records) == Coverage::All || is_few(view, &records) {
            return Ok(view.leases_index());
        }
        let view = view.clone();
        let index = move || view.leases_index();
        let cost = Cost::new(FEW, 0);
        Ok(self.fairness.run(Flow::of(caller), cost, index).await?)
    }
}

/// The weight of a prefix's index, which depends on remembered deletions, too, and on what is hidden.
pub(super) fn weigh_index(view: &View, prefix: &Key) -> Weight {
    let is_few = is_few(view, &KeyRange::Prefix(prefix.clone()));
    Weight {
        entries: if is_few { 0 } else { FEW },
        bytes: 0,
    }
}

/// Whether so little is and was there that it is looked through at once.
fn is_few(view: &View, range: &KeyRange) -> bool {
    view.count_up_to(range, FEW) < FEW
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_lists_have_the_same_name() {
        let names = [
            ListName::Entries(b"ab"),
            ListName::Keys(b"ab", b""),
            ListName::Keys(b"a", b"b"),
            ListName::Keys(b"", b"ab"),
            ListName::Sessions(None),
            ListName::Sessions(Some("")),
            ListName::Sessions(Some("ab")),
            ListName::Index(b"ab"),
        ];
        let all = names
            .iter()
            .flat_map(|name| [name.bytes(false), name.bytes(true)]);
        assert_eq!(all.collect::<HashSet<_>>().len(), 2 * names.len());
    }
}
