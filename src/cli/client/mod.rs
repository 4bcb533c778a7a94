//! A running gateway, asked through its Consul face. Any Consul server will do.

mod admin;
mod entry;
mod key;
mod reply;
mod target;

pub(super) use admin::{About, Admin};
pub(super) use entry::Entry;
pub(super) use reply::Reply;
pub(super) use target::{Gateway, Target};
