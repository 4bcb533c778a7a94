//! Policies on every face: what a client may not see or change is neither shown nor changed, in whatever spelling it is asked for.
//!
//! Nothing here needs a server. The whole gateway, with its file and TLS, is tested in `tests/server/tls/policy.rs`.

#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that cannot continue fails"
)]

mod decisions;
mod flows;
mod gateway;
#[path = "../space/held_store.rs"]
#[allow(dead_code, reason = "the store of another test crate")]
mod held_store;
mod hidden_beneath;
mod nodes;
mod proofs;
mod quota_counts;
mod quota_races;
mod quotas;
mod revoked;
mod service_accounts;
mod spellings;
mod tokens;
mod warned;
#[path = "../zookeeper/client.rs"]
#[allow(dead_code, reason = "the client of another test crate")]
mod zookeeper_client;
