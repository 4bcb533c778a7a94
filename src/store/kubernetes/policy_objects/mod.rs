//! Objects of a policy: `accesspolicies.kubekv.io`, listed and watched, and their status written. What they say is read elsewhere.

pub(crate) mod definition;
mod event;
mod resource;
mod source;
mod status;

pub(crate) use self::event::PolicyEvent;
pub(crate) use self::resource::{PolicyMetadata, PolicyResource};
pub(crate) use self::source::{PolicySource, UnreadablePolicies};
pub(crate) use self::status::{AcceptedCondition, PolicyStatus};
