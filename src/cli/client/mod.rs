//! A client of a running gateway's Consul face. It works with any Consul server, too.

mod admin;
mod entry;
mod gateway;
mod key_path;
mod reply;
mod tls;

pub(super) use admin::{AdminAddress, GatewayStatus, QuarantinedKey};
pub(super) use entry::KvEntry;
pub(super) use gateway::{GatewayAddress, GatewayClient};
pub(super) use reply::GatewayReply;
