//! `/v1/status/...`: the one gateway, by the address at which the client reached it.

pub(super) mod leader;
pub(super) mod peers;
