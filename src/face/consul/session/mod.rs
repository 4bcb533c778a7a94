//! `/v1/session/...`: leases, in the terms of Consul's clients.

mod body;
pub(super) mod create;
pub(super) mod definition;
pub(super) mod destroy;
pub(super) mod id;
pub(super) mod info;
mod lease;
pub(super) mod list;
pub(super) mod node;
pub(super) mod renew;
