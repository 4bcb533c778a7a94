//! Policies that are objects of a cluster: the union of all of them is in force.
//!
//! An object's spec has the fields of a policy's text. It is written as such a text and parsed by the same parser, so that there
//! is one language of rules. Nothing here reads from a cluster.

mod manifest;
mod object_set;
#[cfg(test)]
mod object_set_test;
mod policy_object;
mod refusal;
mod spec_text;
mod union;
mod union_size;

pub use manifest::PolicyManifest;
pub use object_set::{ObjectReport, PolicyObjectSet};
pub use policy_object::PolicyObject;
pub use refusal::{ObjectRefusal, RefusalReason};
