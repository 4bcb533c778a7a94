//! Stores that several gateways share: the leader writes, the others follow.
//!
//! The leader record among the data says who leads (`election`). Each write has the leader's write id, and the order in
//! which the store's watch delivers records and writes decides which writes count. The rules are the same for every store
//! that implements `log::Log`; every gateway keeps a `watch_cache` of it.

pub(crate) mod election;
pub(crate) mod error_text;
pub(crate) mod full_list;
pub(crate) mod log;
mod members;
pub(crate) mod metrics;
mod read_once;
mod shared_store;
mod task;
mod watch_cache;
pub(crate) mod watched_state;
pub(crate) mod write_ids;

pub use self::election::candidate::Candidate;
pub use self::election::leader_record::{LeaderRecord, Relay};
pub use self::election::term::{Term, TermCheck};
pub use self::members::member::Member;
pub use self::members::membership::Members;
pub use self::metrics::Metrics;
pub(crate) use self::read_once::read_once;
pub use self::shared_store::SharedStore;
