//! Demands: what a request asks of the rights of its caller.

use super::node_keys::node_ranges;
use super::visibility::{Coverage, LeaseRight, Visibility};

use crate::model::{KeyRange, Principal, Verb};

/// What a request asks of the rights of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// One of these, for some key of its range: what may be seen of them is shown. Nothing is asked where there are none.
    AnyOf(Vec<(Verb, KeyRange)>),
    /// This, for every key that could be in the range.
    All(Verb, KeyRange),
    /// That leases may be made.
    MakeLease,
    /// This, with a lease of this owner.
    Lease(Principal, LeaseRight),
}

impl Demand {
    /// That a node of the tree may be read, or listed with what is beneath it.
    pub fn node(path: &str) -> Self {
        Self::of_ranges(node_ranges(path, true), (Verb::Read, Verb::List))
    }

    /// That a node of the tree may be watched, or, if that is wanted, anything beneath it.
    pub fn watched_node(path: &str, recursive: bool) -> Self {
        Self::of_ranges(node_ranges(path, recursive), (Verb::Watch, Verb::Watch))
    }

    /// That something beneath a node of the tree may be listed or watched.
    pub fn beneath(verb: Verb, path: &str) -> Self {
        let beneath = node_ranges(path, true).pop();
        Self::AnyOf(beneath.map(|range| (verb, range)).into_iter().collect())
    }

    fn of_ranges(ranges: Vec<KeyRange>, (one, many): (Verb, Verb)) -> Self {
        let asked = ranges.into_iter().map(|range| match range {
            KeyRange::Exact(_) => (one, range),
            KeyRange::Prefix(_) => (many, range),
        });
        Self::AnyOf(asked.collect())
    }

    /// Whether a caller who can see and change so much may have what is asked for.
    pub fn is_met(&self, visibility: &Visibility) -> bool {
        match self {
            Self::AnyOf(all) => {
                let is_met = |(verb, range): &(Verb, KeyRange)| {
                    visibility.covers(*verb, range) != Coverage::None
                };
                all.is_empty() || all.iter().any(is_met)
            }
            Self::All(verb, range) => visibility.allows_all(*verb, range),
            Self::MakeLease => visibility.makes_leases(),
            Self::Lease(owner, right) => visibility.allows_lease(owner, *right),
        }
    }
}
