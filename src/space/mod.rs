//! Keyspace: what the protocols have in common, once, over one store.
//!
//! The ordered view in memory, watches, leases and expiry, locks, directories over flat keys, transactions, and what each
//! caller may see of all that (`visibility`).

mod admit;
mod applier;
mod attempt;
mod change;
mod clock;
mod critical_section;
mod decision;
mod deferred_release;
mod denied;
mod directories;
mod directory_checkpoints;
mod draft;
mod ended_leases;
mod entry_map;
mod expiry;
mod freshness;
mod history;
mod in_flight;
mod keyspace;
mod lane;
mod leases;
mod lock_delay;
mod lock_table;
mod lookup;
mod metrics;
mod node_commit;
mod node_index;
mod node_keys;
mod open;
mod overlay;
mod pending;
mod prefix_map;
mod range_index;
mod read_write_set;
mod snapshot;
mod subscription;
mod subscription_queue;
mod timers;
pub mod tree;
mod view;
mod visibility;
mod wake_queue;
mod watch_window;
mod watches;
mod wide;

pub use admit::{Admit, Epoch};
pub use denied::Denied;
pub use directories::{Directory, NodeFate};
pub use draft::{Draft, PENDING};
pub use freshness::Fresh;
pub use history::PastCommits;
pub use keyspace::{ChangeError, Committed, Keyspace};
pub use lane::{AcceptedChange, LanePlace, Proposed};
pub use leases::Acquired;
pub use lookup::{Lookup, Scan};
pub use node_commit::{NodeChange, NodeCommit};
pub use node_index::Interest;
pub(crate) use node_keys::built_in_record;
pub(crate) use snapshot::ENTRY_BYTES;
pub use subscription::Subscription;
pub use view::View;
pub use visibility::{Coverage, LeaseRight, ViewClass, Visibility, VisibilityRules};
pub use watches::{Interrupted, Watch, node_ranges};
