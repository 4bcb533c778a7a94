//! `/v1/health/...`: the only node is alive, otherwise nobody would answer.

pub(super) mod checks;
pub(super) mod node;
pub(super) mod service;
pub(super) mod state;
