//! The members of a shared store: the gateways that use it, each with a record among the data.

pub(super) mod member;
pub(super) mod membership;
pub(super) mod registration;
