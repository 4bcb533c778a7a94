//! `PolicyObject`: an object with a part of the policy, as one of its versions says.

use std::sync::Arc;

use serde_json::Value;

use super::spec_text::{SpecLines, SpecText};
use crate::guard::policy::Policy;

/// An object, as it was read from a cluster or from a file.
#[derive(Debug)]
pub struct PolicyObject {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) generation: i64,
    /// Whether a gateway may have had a version of it in force.
    pub(super) may_have_been_good: bool,
    /// What it says, or why it says nothing.
    pub(super) parsed: Result<Arc<PolicyPart>, String>,
}

/// The part of a policy that one object is.
#[derive(Debug)]
pub(super) struct PolicyPart {
    pub(super) generation: i64,
    pub(super) policy: Policy,
    pub(super) lines: SpecLines,
    /// The length of its text.
    pub(super) bytes: usize,
}

impl PolicyObject {
    /// An object of this name. Another `uid` is another object, and another `generation` another version of it.
    ///
    /// `may_have_been_good` is whether a gateway may have had a version of it in force, this one or one before.
    pub fn new(
        name: &str,
        (uid, generation): (&str, i64),
        may_have_been_good: bool,
        spec: &Value,
    ) -> Self {
        Self {
            name: name.to_owned(),
            uid: uid.to_owned(),
            generation,
            may_have_been_good,
            parsed: PolicyPart::parse(generation, spec).map(Arc::new),
        }
    }
}

impl PolicyPart {
    fn parse(generation: i64, spec: &Value) -> Result<Self, String> {
        let (text, lines) = SpecText::of(spec)?.into_parts();
        match Policy::parse(&text) {
            Ok(policy) => Ok(Self {
                generation,
                policy,
                lines,
                bytes: text.len(),
            }),
            Err(error) => Err(lines.error(&error)),
        }
    }

    /// The names of its rules, roles and quotas, and what each is.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let rules = self.policy.names.iter();
        let roles = self.policy.role_names.iter();
        let quotas = self.policy.quotas.iter();
        rules
            .map(|name| ("rule", name.as_str()))
            .chain(roles.map(|name| ("role", name.as_str())))
            .chain(quotas.map(|quota| ("quota", quota.name.as_ref())))
    }
}
