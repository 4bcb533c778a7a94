//! Attacks of the table, one a file.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use crate::stage::Stage;

mod big_transactions;
mod deep_puts;
mod delete_many;
mod disjoint_deletes;
mod forms;
mod get_trees;
mod held_bodies;
mod hung_up_polls;
mod idle_connections;
mod json_bodies;
mod key_lists;
mod lagging_streams;
mod lists;
mod prefix_lengths;
mod pretty_lists;
mod recursive_deletes;
mod refused_deletes;
mod root_polls;
mod session_flood;
mod slow_readers;
mod stream_replay;

/// A step of an attack.
type Step<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The face that is attacked, and that the bystander uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AttackedFace {
    /// Consul's HTTP API.
    Consul,
    /// etcd's API, version 2.
    Etcd,
}

/// An attack.
#[derive(Debug)]
pub(crate) struct Attack {
    /// Its name, for `--only`.
    pub(crate) name: &'static str,
    /// Its face.
    pub(crate) face: AttackedFace,
    /// Its row in the table.
    pub(crate) row: &'static str,
    /// How long it lasts before the bystander begins, in milliseconds; 0 of one that is soon over, which begins only when the
    /// bystander is measured already.
    pub(crate) ahead_ms: u64,
    /// The limit of connections that the gateway is started with; 0 is the default.
    pub(crate) max_connections: usize,
    /// Writes the entries that it needs.
    pub(crate) prepare: fn(Arc<Stage>) -> Step<io::Result<()>>,
    /// Runs until the stage's time is over, or each attacker has done its rounds.
    pub(crate) strike: fn(Arc<Stage>) -> Step<()>,
}

/// All attacks, in the order of the table.
pub(crate) const ALL: [&Attack; 26] = [
    &hung_up_polls::CONSUL,
    &hung_up_polls::ETCD,
    &stream_replay::ATTACK,
    &disjoint_deletes::ATTACK,
    &delete_many::ATTACK,
    &lists::CONSUL,
    &lists::ETCD,
    &key_lists::ATTACK,
    &pretty_lists::ATTACK,
    &get_trees::ATTACK,
    &recursive_deletes::CONSUL,
    &recursive_deletes::ETCD,
    &refused_deletes::ATTACK,
    &session_flood::ATTACK,
    &big_transactions::ATTACK,
    &root_polls::CONSUL,
    &root_polls::ETCD,
    &deep_puts::ATTACK,
    &forms::ATTACK,
    &json_bodies::ATTACK,
    &prefix_lengths::ATTACK,
    &held_bodies::ATTACK,
    &slow_readers::ATTACK,
    &lagging_streams::ATTACK,
    &idle_connections::CONSUL,
    &idle_connections::ETCD,
];

/// The attack of this name.
pub(crate) fn named(name: &str) -> Option<&'static Attack> {
    ALL.into_iter().find(|attack| attack.name == name)
}

/// For attacks that need no entries.
fn nothing() -> Step<io::Result<()>> {
    Box::pin(std::future::ready(Ok(())))
}
