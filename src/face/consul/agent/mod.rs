//! `/v1/agent/...`: this gateway, for clients that ask the agent they talk to.

pub(super) mod agent_self;
pub(super) mod checks;
pub(super) mod members;
pub(super) mod services;
