//! Visibility on every face: a caller who may not see a key learns nothing of it.
//!
//! The guard of these tests hides prefixes from named principals. Nothing here needs a server.

#![allow(
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot continue fails"
)]

mod access_lists;
mod directories;
mod gateway;
mod guard;
mod indexes;
mod lists;
mod parked;
mod sessions;
mod transactions;
mod twins;
mod views;
